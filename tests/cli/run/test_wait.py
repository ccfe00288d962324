"""``--wait``: a command waits for a journal that another process uses, and can be interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bulkops.cli.run import hold
from bulkops.journal.local.lock import locked, locked_folder
from bulkops.journal.records import Holder
from tests.cli.run.test_two_runners import running
from tests.cli.support import World, ended, workspaces
from tests.conftest import Here

BOB = Holder("bob", "build-8", 12, "2026-11-24T21:58:03.120Z")
IN_USE = "is in use by bob on build-8, pid 12, since 2026-11-24T21:58:03.120Z"
LOOKS = 3
"""Looks at a lock that are in vain."""

Occupied = Callable[[Path], None]


@pytest.fixture
def occupied(monkeypatch: pytest.MonkeyPatch) -> Iterator[Occupied]:
    """Lock a journal, or a folder, until a command has slept for some times."""
    with ExitStack() as stack:
        slept = list[float]()

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == LOOKS:
                stack.close()

        def occupy(path: Path) -> None:
            stack.enter_context((locked_folder if path.is_dir() else locked)(path, BOB))

        monkeypatch.setattr(hold, "_sleep", sleep)
        yield occupy
        assert slept == [0.5] * LOOKS


def _told(err: str, name: str) -> None:
    (line,) = (line for line in err.splitlines() if "in use" in line)
    assert line == f"{name} {IN_USE}. Waiting until it ends. Ctrl-C stops waiting."
    assert err.count("It is free now, after ") == 1


@pytest.mark.parametrize("command", ["apply", "resume", "undo", "repair"])
def test_a_command_waits_until_the_journal_is_free(
    world: World, here: Here, occupied: Occupied, command: str
) -> None:
    """It says so once, with the holder, then runs as if the journal had been free."""
    assert here(*world.applying).code == 0
    occupied(world.journal)
    commands = {
        "apply": world.applying,
        "resume": ("resume", "scan.jsonl", "--yes"),
        "undo": ("undo", "scan.jsonl", "--yes"),
        "repair": ("journal", "repair", "scan.jsonl", "--accept-loss"),
    }
    done = here(*commands[command], "--wait")
    assert done.code == 0
    _told(done.err, "scan.jsonl")
    assert world.writes == (24 if command == "undo" else 12)


def test_an_undo_waits_for_its_own_journal_as_well(
    world: World, here: Here, occupied: Occupied
) -> None:
    """Another undo of the same job may be running."""
    assert here(*world.applying).code == 0
    occupied(world.folder / "scan.undo.jsonl")
    done = here("undo", "scan.jsonl", "--yes", "--wait")
    assert done.code == 0
    _told(done.err, "scan.undo.jsonl")


def test_the_default_place_is_waited_for(world: World, here: Here, occupied: Occupied) -> None:
    """Then the newest unfinished journal is looked for: what the other process left is resumed."""
    world.kill(signal.SIGKILL, write=4, stage="after", arguments=("apply", "job.toml", "--yes"))
    occupied(world.folder / ".bulkops" / "scan")
    done = here("apply", "job.toml", "--yes", "--wait")
    assert done.code == 0
    _told(done.err, ".bulkops/scan")
    assert len(list(world.folder.rglob("*.jsonl"))) == 1
    assert world.changed() == dict.fromkeys(workspaces(12), 1)


def test_a_free_journal_is_not_waited_for(world: World, here: Here) -> None:
    """``--wait`` changes nothing then."""
    done = here(*world.applying, "--wait")
    assert done.code == 0
    assert "Waiting" not in done.err
    assert "It is free now" not in done.err


def test_without_wait_the_message_names_it(world: World, here: Here) -> None:
    """Exit 11 at once, as ever."""
    assert here(*world.applying).code == 0
    with locked(world.journal, BOB):
        done = here("resume", "scan.jsonl", "--yes")
    assert done.code == 11
    assert f"scan.jsonl {IN_USE}." in done.err
    assert "or add --wait" in done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_waiting(world: World, number: signal.Signals) -> None:
    """With the signal's exit code; nothing was changed, and no file is left behind."""
    with running(world):
        before = {path.name for path in world.folder.iterdir()}
        second = world.start("resume", "scan.jsonl", "--yes", "--wait")
        assert second.stderr is not None
        line = second.stderr.readline()
        assert line.endswith("Waiting until it ends. Ctrl-C stops waiting.\n")
        second.send_signal(number)
        done = ended(second)
        assert done.code == 128 + number
        assert done.err.endswith("Interrupted: nothing was changed.\n")
        assert {path.name for path in world.folder.iterdir()} == before


def test_a_killed_runner_is_followed_at_once(world: World) -> None:
    """The second command resumes what the first one left, and no workspace changes twice."""
    with running(world) as first:
        second = world.start(*world.applying, "--wait")
        assert second.stderr is not None
        assert f"pid {first.pid}, since 20" in second.stderr.readline()
        world.simulator.faults = None
        first.send_signal(signal.SIGKILL)
        done = ended(second)
    assert done.code == 0
    assert world.changed() == dict.fromkeys(workspaces(12), 1)
