"""Opens sockets that don't deliver a request late."""

from __future__ import annotations

import socket
import sys

DELIVERY_SECONDS = 10
"""Seconds in which the network must take what was sent: at most the default ``settle``."""


def socket_for(address: tuple[int, int, int, str, object]) -> socket.socket:
    """Return a socket that gives up what the network doesn't take in ``DELIVERY_SECONDS``.

    Otherwise the system tries for minutes, even after this process has ended: a request would
    arrive after its target was read back, here or by another process that took the journal over.

    Args:
        address: as ``socket.getaddrinfo`` returns it.
    """
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    if sys.platform == "linux":
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * DELIVERY_SECONDS)
    return made
