"""The clients of a fleet's shards: those with the same address and token share one pacer."""

from __future__ import annotations

from collections.abc import Mapping

from bulkops.client.access.tls import NO_FILES, TlsFiles
from bulkops.client.api import Client
from bulkops.client.pace.pacing import Pacer
from bulkops.fleet.access import Access


def clients_of(accesses: Mapping[str, Access], tls: TlsFiles = NO_FILES) -> dict[str, Client]:
    """Return name → client, for one event loop.

    The server limits the requests of each user: shards with one token share its limit.

    Args:
        accesses: name → where the shard's requests go, and with which token.
        tls: the files for the connections to every server.

    Raises:
        JobError: the proxy named in the environment is invalid.
        BulkopsError: a file can't be used.
    """
    pacers = dict[tuple[str, str], Pacer]()
    clients = dict[str, Client]()
    for name, (address, token) in accesses.items():
        shared = pacers.get((address, token.text))
        client = Client(address, token.text, pacer=shared, **tls._asdict())
        client.kept_in = token.origin
        pacers.setdefault((address, token.text), client.pacer)
        clients[name] = client
    return clients
