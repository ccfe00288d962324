"""The command in its own process: questions on a terminal, and interruptions."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import termios
from pathlib import Path

import pytest

from bulkops.api.messages import Request
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Faults
from tests.cli.conftest import organization
from tests.cli.forked import Forked, Order
from tests.cli.support import TOKEN, StagedSimulator, World, ended, serving

CHANGES = [
    ("task", "update", "security-scan", "--disabled"),
    ("workspace-task", "update", "prod-network", "security-scan", "--stages", "pre_plan"),
    ("workspace-task", "detach", "prod-network", "security-scan"),
]


def typed(simulator: Simulator, folder: Path, arguments: tuple[str, ...], answer: str) -> int:
    """Run a command on a terminal, type an answer, and return the exit code."""
    ours, theirs = pty.openpty()
    with serving(simulator) as address:
        environment = {"TFE_ADDRESS": address, "TFE_TOKEN": TOKEN, "TFE_ORGANIZATION": "acme"}
        environment |= {"PATH": os.environ["PATH"], "HOME": str(folder)}
        process = Forked(Order(arguments, str(folder), environment), stdin=theirs, stderr=theirs)
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        code = ended(process).code
    os.close(ours)
    return code


@pytest.mark.parametrize("arguments", CHANGES, ids=lambda one: " ".join(one[:2]))
@pytest.mark.parametrize(("answer", "code", "effects"), [("yes", 0, 1), ("y", 1, 0), ("", 1, 0)])
def test_only_yes_is_a_yes(
    tmp_path: Path, arguments: tuple[str, ...], answer: str, code: int, effects: int
) -> None:
    """On a terminal the user is asked; any answer but `yes` changes nothing and exits 1."""
    simulator = organization()
    simulator.attach("prod-network", "security-scan")
    assert typed(simulator, tmp_path, arguments, answer) == code
    assert len(simulator.effects) == effects


@pytest.mark.parametrize("is_a_terminal", [True, False])
def test_an_error_is_wrapped_on_a_terminal_only(tmp_path: Path, *, is_a_terminal: bool) -> None:
    """A pipe gets it as one line."""
    ours, theirs = pty.openpty() if is_a_terminal else os.pipe()
    if is_a_terminal:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 40, 0, 0))
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    process = Forked(Order(("task", "list"), str(tmp_path), environment), stderr=theirs)
    os.close(theirs)
    assert ended(process).code == 2
    lines = os.read(ours, 1000).decode().splitlines()
    os.close(ours)
    assert " ".join(lines) == (
        "Error: no organization given. Use --organization or set TFE_ORGANIZATION"
    )
    assert len(lines) == (2 if is_a_terminal else 1)
    assert is_a_terminal is (max(map(len, lines)) <= 40)


@pytest.mark.parametrize("arguments", CHANGES, ids=lambda one: " ".join(one[:2]))
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_question(
    tmp_path: Path, arguments: tuple[str, ...], number: signal.Signals, code: int
) -> None:
    """A single one is enough at a question, and nothing was changed."""
    simulator = organization()
    simulator.attach("prod-network", "security-scan")
    ours, theirs = pty.openpty()
    with serving(simulator) as address:
        environment = {"TFE_ADDRESS": address, "TFE_TOKEN": TOKEN, "TFE_ORGANIZATION": "acme"}
        environment |= {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        process = Forked(Order(arguments, str(tmp_path), environment), stdin=theirs, stderr=theirs)
        os.close(theirs)
        output = b""
        while b"is accepted: " not in output:
            output += os.read(ours, 1000)
        process.send_signal(number)
        assert ended(process).code == code
    assert b"Interrupted: nothing was changed." in os.read(ours, 1000)
    os.close(ours)
    assert not simulator.effects


def test_an_interrupted_write_may_have_taken_effect(tmp_path: Path) -> None:
    """If a single write is interrupted, the message names the command that shows its effect."""
    simulator = StagedSimulator(rate=0)
    simulator.faults = Faults.parse("POST:hang-after=100%", seed=1)
    simulator.add_organization("acme")
    with serving(simulator) as address:
        process = World(simulator, address, tmp_path).start(
            *("task", "create", "new", "--url", "https://a.example", "--organization", "acme")
        )

        def strike(request: Request) -> None:
            if request.method == "POST":
                process.send_signal(signal.SIGINT)

        simulator.after = strike
        done = ended(process)
    assert (done.code, done.out) == (130, "")
    assert "may or may not have taken effect" in done.err
    assert "bulkops task show new" in done.err
    assert len(simulator.effects) == 1
