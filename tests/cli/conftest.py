"""Fixtures that run commands in this process against a simulated server."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bulkops.cli import main
from bulkops.cli.signals import handled
from bulkops.simulator.core import Simulator
from tests.cli.support import TOKEN, Done, checked, logging_restored, serving

Command = Callable[..., Done]


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Command]:
    """Run ``bulkops`` with the given arguments, and check that its output has no secret."""
    monkeypatch.setenv("TFE_TOKEN", TOKEN)
    monkeypatch.setenv("TFE_ORGANIZATION", "acme")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BULKOPS_DEBUG", "")

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["bulkops", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return checked(Done(code if isinstance(code, int) else 0, captured.out, captured.err))

    handlers = {number: signal.getsignal(number) for number in handled()}
    with logging_restored():
        yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Simulator], Simulator]]:
    """Serve a simulator to the commands of this test."""
    with ExitStack() as stack:

        def serve(simulator: Simulator) -> Simulator:
            monkeypatch.setenv("TFE_ADDRESS", stack.enter_context(serving(simulator)))
            return simulator

        yield serve


@pytest.fixture
def acme(served: Callable[[Simulator], Simulator]) -> Simulator:
    """An organization with two workspaces and one run task, attached nowhere."""
    return served(organization())


def organization(profile: str = "hcp") -> Simulator:
    """Return a simulator of the organization acme on a server of some version."""
    simulator = Simulator(rate=0, profile=profile)
    simulator.add_organization("acme")
    simulator.add_agent_pool("apool-1")
    simulator.add_workspace("prod-network")
    simulator.add_workspace("prod-storage")
    simulator.add_task("security-scan")
    return simulator
