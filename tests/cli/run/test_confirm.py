"""A job that detaches names what will be lost, and a yes is not enough for it."""

from __future__ import annotations

import signal

import pytest

from tests.cli.commands.test_apply import on_a_terminal
from tests.cli.support import TASK, World
from tests.conftest import Here

APPLYING = ("apply", "job.toml", "--journal", "scan.jsonl")
LOST = f"{TASK} will be lost on 12 workspaces: 8 mandatory at post_plan, 4 advisory at post_plan"


@pytest.fixture(autouse=True)
def detaching(world: World) -> None:
    """The job detaches the run task, which all workspaces have, from one after the other."""
    slowly = ("[pace]", "[pace]\nmax_at_once = 1")
    world.job(('"attach"', '"detach"'), ('enforcement_level = "mandatory"\n', ""), slowly)
    for number, name in enumerate(world.shown()):
        level = "mandatory" if number % 3 else "advisory"
        world.simulator.attach(name, TASK, enforcement_level=level)


def test_the_plan_lists_what_will_be_lost(world: World, here: Here) -> None:
    """The run task, on how many workspaces, with which level; in JSON, too."""
    assert f"    Note: {LOST}" in here("plan", "job.toml").lines
    assert here("plan", "job.toml", "--json").objects[-1]["notes"] == [LOST]
    assert world.writes == 0


@pytest.mark.parametrize("yes", [(), ("--yes",)], ids=["nothing", "yes"])
def test_without_the_name_nothing_is_sent(world: World, here: Here, yes: tuple[str, ...]) -> None:
    """Without --confirm, with or without --yes: exit 2, and the message names --confirm."""
    done = here(*APPLYING, *yes)
    assert (done.code, world.writes) == (2, 0)
    assert done.err.endswith(f"Add --confirm {TASK}\n")
    assert ("--yes is not enough for detach" in done.err) == bool(yes)
    assert LOST in done.err
    assert not world.journal.exists()


@pytest.mark.parametrize("yes", [(), ("--yes",)], ids=["nothing", "yes"])
def test_another_name_is_refused(world: World, here: Here, yes: tuple[str, ...]) -> None:
    """``--confirm`` of another run task: exit 2, naming the job's own."""
    done = here(*APPLYING, "--confirm", "cost-check", *yes)
    assert (done.code, world.writes) == (2, 0)
    assert f"--confirm cost-check: the job's run task is {TASK}" in done.err


@pytest.mark.parametrize("yes", [(), ("--yes",)], ids=["nothing", "yes"])
def test_the_name_is_a_yes(world: World, here: Here, yes: tuple[str, ...]) -> None:
    """``--confirm NAME`` applies it, with or without --yes, and what is lost is noted."""
    done = here(*APPLYING, "--confirm", TASK, *yes)
    assert done.code == 0
    assert LOST in done.err
    assert not any(world.shown().values())


@pytest.mark.parametrize(("answer", "code"), [(b"security-scan\n", 0), (b"yes\n", 1), (b"\n", 1)])
def test_on_a_terminal_the_name_is_typed(world: World, answer: bytes, code: int) -> None:
    """The question accepts only the run task's name, not even yes."""
    ended, screen = on_a_terminal(world, answer, *APPLYING)
    assert ended == code
    assert LOST in screen
    assert f"Only '{TASK}' is accepted: " in screen
    assert any(world.shown().values()) == bool(code)


@pytest.mark.parametrize("resuming", [APPLYING, ("resume", "scan.jsonl")], ids=["apply", "resume"])
def test_resuming_needs_the_name_as_the_start_does(
    world: World, here: Here, resuming: tuple[str, ...]
) -> None:
    """A killed job resumes with the run task's name only, not with a yes or another name."""
    world.kill(signal.SIGKILL, write=5, stage="after", arguments=(*APPLYING, "--confirm", TASK))
    writes, requests = world.writes, world.requests
    for yes in ((), ("--yes",)):
        done = here(*resuming, *yes)
        assert (done.code, world.requests) == (2, requests)
        assert done.err.endswith(f"Add --confirm {TASK}\n")
        assert ("--yes is not enough for detach" in done.err) == bool(yes)
    assert here(*resuming, "--confirm", "cost-check").code == 2
    assert world.writes == writes
    assert here(*resuming, "--confirm", TASK).code == 0
    assert not any(world.shown().values())
    assert set(world.changed().values()) == {1}


def test_a_job_without_changes_needs_no_name(world: World, here: Here) -> None:
    """If nothing is attached any more: exit 0, with or without --yes."""
    assert here(*APPLYING, "--confirm", TASK).code == 0
    assert here(*APPLYING, "--yes").code == 0
    assert here("resume", "scan.jsonl").code == 0
    assert set(world.changed().values()) == {1}


@pytest.mark.parametrize(("answer", "code"), [(b"security-scan\n", 0), (b"yes\n", 1)])
def test_on_a_terminal_the_name_is_typed_to_resume(world: World, answer: bytes, code: int) -> None:
    """As at the start: a yes is not accepted."""
    world.kill(signal.SIGKILL, write=5, stage="after", arguments=(*APPLYING, "--confirm", TASK))
    ended, screen = on_a_terminal(world, answer, "resume", "scan.jsonl")
    assert f"Resume scan in acme ({world.address}): " in screen
    assert ended == code
    assert f"Only '{TASK}' is accepted: " in screen
    assert any(world.shown().values()) == bool(code)


def test_a_saved_plan_resumes_without_a_question(world: World, here: Here) -> None:
    """``apply PLAN`` asks nothing; ``resume`` of its journal, which no one reviewed, does."""
    assert here("plan", "job.toml", "--out", "scan.plan").code == 0
    world.kill(
        signal.SIGKILL,
        write=5,
        stage="after",
        arguments=("apply", "scan.plan", "--journal", "scan.jsonl"),
    )
    assert here("resume", "scan.jsonl", "--yes").code == 2
    assert here("apply", "scan.plan", "--journal", "scan.jsonl").code == 0
    assert not any(world.shown().values())


def test_undo_needs_a_yes_only(world: World, here: Here) -> None:
    """An undo is not destructive: neither of a detach nor of an attach."""
    before = world.shown()
    here(*APPLYING, "--confirm", TASK)
    assert here("undo", "scan.jsonl", "--yes").code == 0
    assert world.shown() == before
    assert here("undo", "scan.undo.jsonl", "--journal", "again.jsonl", "--yes").code == 0
    assert not any(world.shown().values())


def test_a_saved_plan_was_looked_at(world: World, here: Here) -> None:
    """A saved plan names again what will be lost, and asks nothing."""
    assert f"    Note: {LOST}" in here("plan", "job.toml", "--out", "scan.plan").lines
    done = here("apply", "scan.plan")
    assert done.code == 0
    assert LOST in done.err
    assert not any(world.shown().values())


def test_nothing_to_lose_needs_no_name(world: World, here: Here) -> None:
    """Where nothing is attached any more: exit 0, --yes or not."""
    for name in world.shown():
        world.simulator.detach(name, TASK)
    for yes in ((), ("--yes",)):
        done = here(*APPLYING, *yes)
        assert done.code == 0
        assert "Nothing to do." in done.err


def test_confirm_is_a_yes_to_any_job(world: World, here: Here) -> None:
    """A pipeline may give --confirm for every job; a wrong run task is still refused."""
    world.job(('"mandatory"', '"advisory"'))
    assert here(*APPLYING, "--confirm", "cost-check").code == 2
    assert here(*APPLYING, "--confirm", TASK).code == 0


def test_many_different_states_are_folded(world: World, here: Here) -> None:
    """The four most frequent levels and stages are spelled out, of the rest how many."""
    for name, stages in zip(
        sorted(world.shown()), (("pre_plan",), ("pre_apply",), ("post_apply",)), strict=False
    ):
        world.simulator.detach(name, TASK)
        world.simulator.attach(name, TASK, stages=stages)
    (note,) = [line for line in here("plan", "job.toml").lines if "Note: " in line]
    assert note.count(" at ") == 4
    assert note.endswith(", 1 more")
