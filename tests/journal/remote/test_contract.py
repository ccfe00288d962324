"""Every store keeps the contract: the real servers by obstore, and those of tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journal.remote.contract import FACTS, Bucket
from tests.journal.remote.servers import Server

Opening = Callable[[pytest.FixtureRequest], Bucket]


def _served(fixture: str) -> Opening:
    """Return what opens the bucket of a server, which a fixture starts."""

    def opened(request: pytest.FixtureRequest) -> Bucket:
        server: Server = request.getfixturevalue(fixture)
        return Bucket(
            server.store(),
            server.by_content,
            # In moto, two of sixteen racers won once in about a hundred rounds on a busy machine.
            races=fixture != "moto_server",
            many=1_050 if fixture != "tiny_server" else 50,
            reader=server.store(server.reader) if server.reader else None,
            stranger=server.store(server.stranger) if server.stranger else None,
            missing=server.store(bucket="nowhere"),
        )

    return opened


STORES = [
    pytest.param(_served("tiny_server"), id="tiny"),
    pytest.param(_served("seaweedfs_server"), id="seaweedfs", marks=pytest.mark.long),
    pytest.param(_served("moto_server"), id="moto", marks=pytest.mark.long),
    pytest.param(_served("azurite_server"), id="azurite", marks=pytest.mark.long),
]
"""One line per store."""


@pytest.mark.parametrize("opened", STORES)
def test_the_contract(
    opened: Opening, request: pytest.FixtureRequest, subtests: pytest.Subtests
) -> None:
    """Each fact of ``contract.py`` holds. One test: else each worker would start each server."""
    bucket = opened(request)
    for fact in FACTS:
        with subtests.test(fact.__name__):
            fact(bucket)
