"""Every store keeps the contract: the real servers by obstore, and those of tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.journal.remote.contract import FACTS, Bucket
from tests.journal.remote.servers import Server, Starting, azurite, moto, seaweedfs
from tests.journal.remote.tiny_s3 import tiny

Opening = Callable[[Path], AbstractContextManager[Bucket]]


def _of(server: Server) -> Bucket:
    return Bucket(
        server.store(),
        server.by_content,
        reader=server.store(server.reader) if server.reader else None,
        stranger=server.store(server.stranger) if server.stranger else None,
        missing=server.store(bucket="nowhere"),
    )


def _served(start: Starting) -> Opening:
    @contextmanager
    def opened(folder: Path) -> Iterator[Bucket]:
        with start(folder) as server:
            yield _of(server)

    return opened


STORES = [
    pytest.param(_served(tiny), id="tiny"),
    pytest.param(_served(seaweedfs), id="seaweedfs", marks=pytest.mark.long),
    pytest.param(_served(moto), id="moto", marks=pytest.mark.long),
    pytest.param(_served(azurite), id="azurite", marks=pytest.mark.long),
]
"""One line per store. A server is started once for all facts, as that takes seconds."""


@pytest.mark.parametrize("opened", STORES)
def test_the_contract(opened: Opening, tmp_path: Path, subtests: pytest.Subtests) -> None:
    """Each fact of ``contract.py`` holds."""
    with opened(tmp_path) as bucket:
        for fact in FACTS:
            with subtests.test(fact.__name__):
                fact(bucket)
