"""``undo``: shown like any plan, applied with a journal of its own, safe to run again."""

from __future__ import annotations

import signal

from tests.cli.support import TASK, World
from tests.conftest import Here


def test_undo_reverts_and_can_be_undone(world: World, here: Here) -> None:
    """Undo restores, with its journal beside the job's; undoing it makes the changes again."""
    before = world.shown()
    here(*world.applying)
    done = here("undo", "scan.jsonl", "--yes")
    assert done.code == 0
    assert "undo of attach security-scan" in done.err
    assert "  12 succeeded of 12 operations" in done.lines
    assert world.shown() == before
    assert (world.folder / "scan.undo.jsonl").exists()
    assert here("undo", "scan.undo.jsonl", "--journal", "redo.jsonl", "--yes").code == 0
    assert world.all_desired()


def test_the_same_undo_again_sends_nothing(world: World, here: Here) -> None:
    """With its journal or with another one: exit 0, and no change."""
    here(*world.applying)
    here("undo", "scan.jsonl", "--journal", "back.jsonl", "--yes")
    writes = world.writes
    again = here("undo", "scan.jsonl", "--journal", "back.jsonl")
    assert (again.code, world.writes) == (0, writes)
    other = here("undo", "scan.jsonl", "--journal", "other.jsonl")
    assert (other.code, world.writes) == (0, writes)
    assert "Nothing to do." in other.err
    assert not (world.folder / "other.jsonl").exists()


def test_undo_needs_a_yes(world: World, here: Here) -> None:
    """Without --yes and terminal: exit 2, and nothing is changed."""
    here(*world.applying)
    writes = world.writes
    done = here("undo", "scan.jsonl")
    assert (done.code, world.writes) == (2, writes)
    assert "Add --yes" in done.err


def test_changes_outside_the_job_are_listed_and_kept(world: World, here: Here) -> None:
    """The rest is undone: exit 3."""
    here(*world.applying)
    world.simulator.detach("prod-003", TASK)
    world.simulator.attach("prod-003", TASK, stages=("pre_apply",))
    done = here("undo", "scan.jsonl", "--yes")
    assert done.code == 3
    blocked = [line for line in done.lines if line.startswith("  blocked")]
    assert len(blocked) == 1
    assert "prod-003" in blocked[0]
    assert "changed outside this job: the server shows advisory at pre_apply" in blocked[0]
    assert world.shown()["prod-003"] == [("advisory", ("pre_apply",))]
    assert sum(bool(shows) for shows in world.shown().values()) == 1


def test_an_undo_is_resumed_by_the_same_command(world: World, here: Here) -> None:
    """The same command resumes a killed undo: all is undone, each change made once."""
    before = world.shown()
    here(*world.applying)
    world.kill(signal.SIGKILL, write=5, stage="after", arguments=("undo", "scan.jsonl", "--yes"))
    assert here("undo", "scan.jsonl", "--yes").code == 0
    assert world.shown() == before
    assert set(world.changed().values()) == {2}


def test_a_killed_job_is_undone(world: World, here: Here) -> None:
    """Undoing a killed job reverts what was done or is in doubt."""
    before = world.shown()
    world.kill(signal.SIGKILL, write=5, stage="after")
    assert any(world.shown().values())
    assert here("undo", "scan.jsonl", "--yes").code == 0
    assert world.shown() == before


def test_another_journals_undo_is_refused(world: World, here: Here) -> None:
    """An undo resumes only its own journal, and a job resumes no undo's."""
    here(*world.applying)
    here("undo", "scan.jsonl", "--journal", "back.jsonl", "--yes")
    here("apply", "job.toml", "--journal", "second.jsonl", "--yes")
    refused = here("undo", "second.jsonl", "--journal", "back.jsonl", "--yes")
    assert refused.code == 2
    assert "another job" in refused.err
    assert here("apply", "job.toml", "--journal", "back.jsonl", "--yes").code == 2


def test_a_job_that_still_runs_is_not_undone(world: World) -> None:
    """Both journals are locked: the job's runner is named, exit 11."""
    process = world.start(*world.applying)
    refused = []

    def undo(request: object) -> None:
        if getattr(request, "method", "") == "POST":
            world.simulator.before = None
            refused.append(world.run("undo", "scan.jsonl", "--yes"))

    world.simulator.before = undo
    process.communicate()
    assert refused[0].code == 11
    assert f"pid {process.pid}" in refused[0].err
