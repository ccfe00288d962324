"""A run task is deleted and created again while a journal of it is unfinished."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.support import TASK, World
from tests.conftest import Here

BY_ITSELF = ("apply", "job.toml", "--yes")


def _made_again(world: World, *, write: int, arguments: tuple[str, ...] = ()) -> str:
    """Kill an apply at a write, delete the run task and make it again; return the old one's id."""
    old = world.simulator.world.organizations["acme"].tasks[TASK].id
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.kill(signal.SIGKILL, write=write, stage="after", arguments=arguments)
    world.simulator.remove_task(TASK)
    world.simulator.add_task(TASK)
    return old


def _journals(world: World) -> list[Path]:
    return sorted((world.folder / ".bulkops" / "scan").glob("*.jsonl"))


@pytest.mark.parametrize("arguments", [("resume", "scan.jsonl", "--yes"), ()])
def test_a_journal_whose_run_task_is_gone_is_not_resumed(
    world: World, here: Here, arguments: tuple[str, ...]
) -> None:
    """``resume`` and ``apply --journal``: exit 13, the run task is named, nothing is sent."""
    old = _made_again(world, write=4)
    before = world.writes
    done = here(*(arguments or world.applying))
    assert done.code == 13
    assert f"the run task {TASK} ({old}) no longer exists in acme" in done.err
    assert "Not finished" not in done.err
    assert world.writes == before


@pytest.mark.parametrize(
    "rollout", ["waves = ['1']\npause = 'manual'", "waves = ['1']\ngate = 'exit 1'"]
)
def test_status_of_a_journal_without_its_run_task_waits_for_nothing(
    world: World, here: Here, rollout: str
) -> None:
    """Status neither asks for ``--continue`` nor says how to resume."""
    world.job(("[pace]", f"[rollout]\n{rollout}\n[pace]"))
    assert here(*world.applying).code in (4, 6)
    world.simulator.remove_task(TASK)
    assert here("resume", "scan.jsonl", "--continue", "--yes").code == 13
    for command in (("status", "scan.jsonl"), ("report", "scan.jsonl")):
        done = here(*command)
        output = done.out + done.err
        assert "stopped: its run task is gone" in output
        assert "--continue" not in output
        assert "bulkops resume" not in output


def test_verify_reports_that_the_run_task_is_gone(world: World, here: Here) -> None:
    """Each operation differs, and the reason names the run task: exit 3."""
    old = _made_again(world, write=4)
    done = here("verify", "scan.jsonl")
    assert done.code == 3
    gone = (
        f"the server shows not attached: the run task {TASK} ({old}) is gone; desired: mandatory "
        "at post_plan"
    )
    assert done.lines[0].split(maxsplit=2) == ["drifted", "prod-001", gone]
    assert done.lines[-1] == "0 of 12 operations verified."


def test_undo_finds_nothing_left(world: World, here: Here) -> None:
    """The attachments went with the run task: undo is exit 0 and sends nothing."""
    old = _made_again(world, write=4)
    before = world.writes
    done = here("undo", "scan.jsonl", "--yes")
    assert done.code == 0
    assert "Nothing to do" in done.err
    assert f"the run task {TASK} ({old}) is gone" in here("undo", "scan.jsonl", "--json").out
    assert world.writes == before


def test_a_detach_cannot_be_undone_without_its_run_task(world: World, here: Here) -> None:
    """A detached run task that is gone can't be attached again: blocked, exit 3."""
    for name in world.shown():
        world.simulator.attach(name, TASK)
    world.job(('"attach"', '"detach"'), ('enforcement_level = "mandatory"\n', ""))
    assert here(*world.applying, "--confirm", TASK).code == 0
    world.simulator.remove_task(TASK)
    world.simulator.add_task(TASK)
    done = here("undo", "scan.jsonl", "--yes")
    assert done.code == 3
    assert "Nothing to do: what remains is blocked" in done.err


def test_the_plain_apply_starts_a_new_journal(world: World, here: Here) -> None:
    """It names the run task that is gone, and attaches the one that has its name now."""
    old = _made_again(world, write=4, arguments=BY_ITSELF)
    done = here(*BY_ITSELF)
    assert done.code == 0
    assert f"the run task {TASK} ({old}) no longer exists in acme" in done.err
    assert len(_journals(world)) == 2
    assert world.all_desired()
    again = here(*BY_ITSELF)
    assert again.code == 0
    assert old not in again.err
    (first,) = (path for path in _journals(world) if old in path.read_text())
    status = here("status", str(first))
    assert "stopped: its run task is gone" in status.out


def test_a_run_task_deleted_meanwhile_stops_the_job(world: World, here: Here) -> None:
    """A run task deleted during the rollout is exit 13, and the report says why it ended."""

    def delete(request: object) -> None:
        if getattr(request, "method", "") == "POST" and world.writes == 3:
            world.simulator.before = None
            world.simulator.remove_task(TASK)

    world.job(("[pace]", '[rollout]\nmax_failures = "100%"\n[pace]\nmax_at_once = 1'))
    world.simulator.before = delete
    done = here(*world.applying)
    assert done.code == 13
    assert "no longer exists in acme" in done.err
