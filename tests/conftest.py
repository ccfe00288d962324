"""Fixtures of the tests that run commands against a simulated server."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from bulkops.cli import DEBUG, main
from bulkops.cli.signals import handled
from bulkops.client.access.address import VARIABLES
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

Here = Callable[..., Done]
"""Runs a command in this process: what the real one adds is start-up time only."""

# A deadline would be a timed assertion: a crowded machine fails it.
settings.register_profile("bulkops", deadline=None)
settings.load_profile("bulkops")


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """Let ``-n auto`` start two workers per core: a third of the tests' time is spent waiting.

    It is spent on commands that run in processes of their own, and on servers that answer late on
    purpose. pytest-xdist need not be installed, and what its own variable asks for is not doubled.
    """
    workers = yield
    named = config.option.numprocesses != "auto" or "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ
    return workers if named else 2 * workers


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An organization of twelve workspaces without limits; no token is left in any file."""
    # Whatever is sent twice is done twice: the server's own refusal must not hide it.
    simulator = StagedSimulator(rate=0, duplicate_attach="accept")
    organization(simulator)
    with serving(simulator) as address:
        yield World(simulator, address, tmp_path)
    no_secret_below(tmp_path)


@pytest.fixture
def here(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    """The command in the world's folder and environment, run in this process."""
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    for name in (*VARIABLES, "TFE_ORGANIZATION", "BULKOPS_TRUST_FILES", *proxies):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    # ``--debug`` sets it: only what was set here is taken back.
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
