"""Who runs this process."""

from __future__ import annotations

import getpass
import os
import socket

from bulkops.clock import Clock
from bulkops.journal.records import Holder


def holder(clock: Clock) -> Holder:
    """Return who runs this process, for the journal and its lock."""
    return Holder(_user(), socket.gethostname(), os.getpid(), clock.date())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
