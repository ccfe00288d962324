"""Fixtures: a place for a journal in one of the real stores, which ``tests/conftest.py`` starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.remote.machines import Site, site
from tests.journal.remote.servers import Server


@pytest.fixture(params=["seaweedfs", "moto", "azurite"])
def each_store(request: pytest.FixtureRequest) -> Server:
    """Each of the real servers in turn."""
    server: Server = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def one_store(seaweedfs_server: Server) -> Server:
    """A real server that knows keys and rights."""
    return seaweedfs_server


@pytest.fixture
def everywhere(each_store: Server, tmp_path: Path) -> Iterator[Site]:
    """Twelve workspaces, and an unused place for a journal in each of the stores in turn."""
    with site(each_store, tmp_path) as prepared:
        yield prepared


@pytest.fixture(params=["seaweedfs_server", "azurite_server"])
def racing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """The same in the stores that check a condition and write in one step; moto does not."""
    with site(request.getfixturevalue(request.param), tmp_path) as prepared:
        yield prepared


@pytest.fixture
def here_and_there(one_store: Server, tmp_path: Path) -> Iterator[Site]:
    """Twelve workspaces, and an unused place for a journal in one store."""
    with site(one_store, tmp_path) as prepared:
        yield prepared
