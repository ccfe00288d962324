"""Fixtures for tests that run commands against a simulated server."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from bulkops.cli import DEBUG, main
from bulkops.cli.signals import handled
from bulkops.client.access.address import VARIABLES
from bulkops.client.access.cli_config import OVERRIDES
from bulkops.fleet.index import PLATFORMS
from bulkops.job.job import ORGANIZATIONS
from tests.cli.support import (
    Done,
    StagedSimulator,
    World,
    checked,
    logging_restored,
    no_secret_below,
    organization,
    serving,
)
from tests.journal.remote.servers import Server, azurite, moto, seaweedfs

Here = Callable[..., Done]
"""Runs a command in this process; a separate one would only add start-up time."""

# A deadline would be a timing assertion, which fails on a busy machine.
settings.register_profile("bulkops", deadline=None)
settings.load_profile("bulkops")


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """Let ``-n auto`` start two workers per core, as a third of the tests' time is waiting.

    They wait for commands in separate processes, and for servers that delay answers on purpose.
    pytest-xdist need not be installed, and a number set by its own variable is not doubled.
    """
    workers = yield
    named = config.option.numprocesses != "auto" or "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ
    return workers if named else 2 * workers


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage meanwhile: it is little, and looking for it takes a quarter of the time.

    Almost all objects of the collection are needed until the end.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An organization of twelve workspaces without limits, and no token in any file."""
    # A repeated attach succeeds, so that the server's refusal can't hide that it was sent twice.
    simulator = StagedSimulator(rate=0, duplicate_attach="accept")
    organization(simulator)
    with serving(simulator) as address:
        yield World(simulator, address, tmp_path)
    no_secret_below(tmp_path)


@pytest.fixture
def here(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    """The command, run in this process with the world's folder and environment."""
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    indices = [one.index for one in PLATFORMS]
    for name in (*VARIABLES, *indices, *ORGANIZATIONS, *OVERRIDES, "BULKOPS_TRUST_FILES", *proxies):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in [name for name in os.environ if name.startswith(("OTEL_", "TRACE"))]:
        monkeypatch.delenv(name)
    # ``--debug`` sets it; this restores only what was set here.
    monkeypatch.setenv(DEBUG, "")
    monkeypatch.setattr("bulkops.client.caller.BACKOFF_BASE", 0.0)
    monkeypatch.chdir(world.folder)
    handlers = {number: signal.getsignal(number) for number in handled()}

    def call(*arguments: str, debug: bool = False, **environment: str) -> Done:
        for name, value in {**world.environment, **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["bulkops", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        assert isinstance(code, int)
        return checked(Done(code, *capsys.readouterr()), debug=debug)

    with logging_restored():
        yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """SeaweedFS. Its bucket is shared: a test writes below a path of its own."""
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """moto, with a shared bucket as above."""
    with moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def azurite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Azurite, with a shared container as above; skips if it isn't installed."""
    with azurite(tmp_path_factory.mktemp("azurite")) as server:
        yield server
