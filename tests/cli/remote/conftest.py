"""Fixtures: the real stores, each started once, and a place for a journal in one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.remote.machines import Site, site
from tests.journal.remote.servers import Server, azurite, moto, seaweedfs

STORES = {"seaweedfs": seaweedfs, "moto": moto, "azurite": azurite}


@pytest.fixture(scope="session", params=STORES)
def each_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Each of the real servers in turn."""
    with STORES[request.param](tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture(scope="session")
def one_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server that knows keys and rights."""
    with seaweedfs(tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture
def everywhere(each_store: Server, tmp_path: Path) -> Iterator[Site]:
    """Twelve workspaces, and an unused place for a journal in each of the stores in turn."""
    with site(each_store, tmp_path) as prepared:
        yield prepared


@pytest.fixture
def here_and_there(one_store: Server, tmp_path: Path) -> Iterator[Site]:
    """Twelve workspaces, and an unused place for a journal in one store."""
    with site(one_store, tmp_path) as prepared:
        yield prepared
