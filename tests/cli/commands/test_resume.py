"""``bulkops resume JOURNAL``."""

from __future__ import annotations

import signal

import pytest

from bulkops.journal import reader
from bulkops.journal.reader import Contents, Take
from bulkops.journal.storage import Readable
from tests.cli.support import TASK, World
from tests.conftest import Here


def test_resume_needs_a_yes(world: World, here: Here) -> None:
    """Without --yes and terminal: exit 2, nothing is sent, and the question has the numbers."""
    # One at a time: what others had sent would still be counted after their death.
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.kill(signal.SIGKILL, write=4, stage="after")
    before = world.requests
    done = here("resume", "scan.jsonl")
    assert done.code == 2
    assert "Add --yes" in done.err
    assert world.requests == before


def test_resume_of_a_finished_journal_sends_no_change(world: World, here: Here) -> None:
    """A finished journal: exit 0 without --yes, and only reads are sent."""
    here(*world.applying)
    done = here("resume", "scan.jsonl")
    assert done.code == 0
    assert world.writes == 12


@pytest.mark.parametrize("level", ["mandatory", "advisory"])
def test_pending_changes_made_outside_the_job(world: World, here: Here, level: str) -> None:
    """A pending change made outside the job is a skip; another change there is a conflict."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.kill(signal.SIGKILL, write=4, stage="after")
    world.simulator.attach("prod-012", TASK, enforcement_level=level)
    done = here("resume", "scan.jsonl", "--yes")
    line = next(line for line in done.lines if "prod-012" in line)
    if level == "mandatory":
        assert done.code == 0
        assert line.startswith("skipped ")
        assert "set outside this job in the meantime" in line
    else:
        assert done.code == 3
        assert line.startswith("conflict ")
        assert "changed outside this job: the server shows advisory at post_plan" in line
        assert "resume scan.jsonl --retry-failed` retries conflicting operations" in done.err
    assert "prod-012" not in world.changed()


def test_retry_failed_retries_a_conflict(world: World, here: Here) -> None:
    """``--retry-failed`` re-plans a conflict from what the server shows now."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.kill(signal.SIGKILL, write=4, stage="after")
    world.simulator.attach("prod-012", TASK, enforcement_level="advisory")
    assert here("resume", "scan.jsonl", "--yes").code == 3
    assert here("resume", "scan.jsonl").code == 3
    done = here("resume", "scan.jsonl", "--retry-failed", "--yes")
    assert done.code == 0
    assert world.all_desired()
    assert set(world.changed().values()) == {1}


def test_retry_failed_needs_a_yes(world: World, here: Here) -> None:
    """``--retry-failed`` may change something, so without a terminal it needs --yes."""
    world.simulator.before = lambda request: (
        world.simulator.remove_workspace("prod-012")
        if request.writes and "prod-012" in world.shown()
        else None
    )
    assert here(*world.applying).code == 3
    before = world.requests
    assert here("resume", "scan.jsonl", "--retry-failed").code == 2
    assert world.requests == before


def test_a_missing_journal(here: Here) -> None:
    """Exit 2, the message names its path, and no lock file is left."""
    done = here("resume", "nothing.jsonl", "--yes")
    assert done.code == 2
    assert "nothing.jsonl: can't be read: No such file or directory" in done.err


def test_a_file_that_is_not_a_journal(world: World, here: Here) -> None:
    """Another file is reported as not a journal, exit 2, and left unchanged."""
    text = world.job().read_bytes()
    done = here("resume", "job.toml", "--yes")
    assert done.code == 2
    assert "job.toml: is a job file, not a journal" in done.err
    assert world.job().read_bytes() == text
    assert world.requests == 0


@pytest.mark.parametrize("command", ["resume", "verify", "undo"])
def test_a_journal_is_read_once(
    world: World, here: Here, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A journal of a million operations takes seconds to read: no command reads it twice."""
    here(*world.applying)
    paths: list[str] = []

    def counting(journal: Readable, take: Take | None = None) -> Contents:
        paths.append(str(journal))
        return read(journal, take)

    read = reader.sound_part
    monkeypatch.setattr(reader, "sound_part", counting)
    assert here(command, "scan.jsonl", *(() if command == "verify" else ("--yes",))).code == 0
    assert paths.count("scan.jsonl") == 1
