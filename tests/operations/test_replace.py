"""``replace``: no workspace is ever left without both run tasks, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from bulkops.api.messages import Request, Response
from bulkops.errors import JobError
from bulkops.job.job import parse_job
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.operations.aspects.attachment import attributes_of
from bulkops.operations.kinds.replace import Replace, ReplaceSpec
from bulkops.operations.model import (
    Attributes,
    Observed,
    Operation,
    Resolved,
    Skip,
    Target,
    TaskRef,
)
from bulkops.plan.undo import NOT_OURS
from bulkops.report.model import exit_code
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import FAULTS
from bulkops.simulator.state import Entitlements
from tests.engine.scripts import always, both, in_turn, reads_back, writes
from tests.engine.wire import Trouble
from tests.engine.world import ADVISORY, MANDATORY, PATH, World, job
from tests.engine.worlds import check_done, world_for
from tests.kinds import OLD_TASK, TASK, table_of

UNDO = PATH.with_name("undo.jsonl")
PATIENT = {"max_failures": "100%"}
ONE_AT_ONCE = {"max_at_once": 1}

TARGET = Target("ws-1", "prod-app")
BINDING = Resolved(
    organization="acme", task=TaskRef("task-1", "scan"), replaces=TaskRef("task-2", "lint")
)
OLD_STATE = attributes_of("advisory", ["pre_apply"])
AS_DESIRED = attributes_of("mandatory", ["pre_apply"])
OLD = Observed("wstask-2", OLD_STATE)


def decide(
    new: Sequence[Observed], old: Sequence[Observed], **named: object
) -> list[Operation | Skip]:
    """Return what is decided on the target; by default, the new run task is mandatory."""
    spec = ReplaceSpec(task="scan", replaces="lint", **{"enforcement_level": "mandatory", **named})  # type: ignore[arg-type]  # a test's
    observations = {"new": {"ws-1": new}, "old": {"ws-1": old}}
    return list(Replace(spec, BINDING).decide(TARGET, observations))


def test_every_pair_of_states_is_in_the_table() -> None:
    """The table has every pair of absent, attached once, and more than once."""
    pairs = {tuple(shows.split("|")) for shows in table_of(Replace)}
    once = {"attached otherwise", "attached as desired"}
    assert pairs == {
        ("not attached", "not attached"),
        ("not attached", "attached"),
        ("not attached", "attached more than once"),
        ("attached", "not attached"),
        *(("attached", new) for new in once),
        ("attached", "attached more than once"),
        ("attached more than once", "whatever"),
    }


@pytest.mark.parametrize(
    ("named", "desired"),
    [
        ({"enforcement_level": None}, OLD_STATE),
        ({}, AS_DESIRED),
        ({"enforcement_level": None, "stages": ("post_plan",)}, ("advisory", ["post_plan"])),
        ({"stages": ("post_plan", "pre_plan")}, ("mandatory", ["pre_plan", "post_plan"])),
    ],
)
def test_level_and_stages_default_to_those_of_the_old_one(
    named: dict[str, object], desired: Attributes | tuple[str, list[str]]
) -> None:
    """The level and the stages each default separately."""
    attach, _ = decide([], [OLD], **named)
    assert isinstance(attach, Operation)
    assert attach.desired == (attributes_of(*desired) if isinstance(desired, tuple) else desired)


def test_a_skip_says_which_run_task_it_is_about() -> None:
    """Nothing to replace, already replaced, or one of the two attached more than once."""
    twice = [OLD, Observed("wstask-3", OLD_STATE)]
    reasons = [
        skip.reason
        for shown in (([], []), ([OLD], []), ([], twice), (twice, [OLD]))
        for skip in decide(*shown)
        if isinstance(skip, Skip)
    ]
    several = (
        "is attached 2 times (wstask-2, wstask-3): detach all but one (a job of kind detach "
        "removes all), then plan again"
    )
    assert reasons == [
        "lint is not attached: nothing to replace",
        "lint is already replaced",
        f"lint {several}",
        f"scan {several}",
    ]


def test_a_run_task_is_not_replaced_by_itself() -> None:
    """Two equal names are refused before any request, name and id after the lookup."""
    text = (
        'name = "r"\norganization = "acme"\n[operation]\nkind = "replace"\ntask = "a"\n'
        'replaces = "a"\n[select]\nall = true\n'
    )
    with pytest.raises(JobError, match="operation: `task` and `replaces` are the same run task"):
        parse_job(text)
    world = world_for("replace", 1)
    for problem, operation in (
        ("is also operation.task: name another", {"replaces": world.task.id}),
        ('operation.replaces = "no": no such run task in acme', {"replaces": "no"}),
        ('operation.task = "no": no such run task in acme', {"task": "no"}),
    ):
        with pytest.raises(JobError, match=problem):
            world.plan(job("replace", operation=operation))


def test_only_the_new_attachments_count_for_a_limit() -> None:
    """The limit of the organization's plan applies to the workspaces with the new run task."""
    world = world_for("replace", 3)
    acme = world.simulator.world.organizations["acme"]
    acme.entitlements = Entitlements(run_task_workspace_limit=2)
    with pytest.raises(JobError, match="3 workspaces would have the run task"):
        world.plan(job("replace"))
    acme.entitlements = Entitlements(run_task_workspace_limit=3)
    assert len(world.plan(job("replace")).operations) == 6


def test_each_workspace_is_finished_before_the_next_is_begun() -> None:
    """Each attach is followed by its detach, so that a stop leaves few workspaces with both."""
    world = world_for("replace", 3)
    world.apply(job("replace", pace=ONE_AT_ONCE))
    assert [request.method for request in world.wire.writes] == ["POST", "DELETE"] * 3


def test_if_the_new_one_is_refused_the_old_one_stays_until_a_retry() -> None:
    """The detach is not tried, is not a failure, and is retried together with the attach."""
    world = world_for("replace", 3)
    world.wire.troubles = always(lambda request: request.method == "POST", Trouble("404"))
    # Three failures are tolerated, six would not be.
    replay = world.apply(job("replace", rollout={"max_failures": 3}))
    assert (replay.count(Outcome.FAILED), replay.ended and replay.ended.how) == (6, "complete")
    assert world.all_shown(OLD_TASK) == [ADVISORY] * 3
    reasons = {op.key.partition(":")[0]: result.reason for op, result in world.results}
    assert reasons["detach"] == "not tried: attach must come first and did not succeed"
    world.wire.troubles = lambda _request: None
    assert world.resume().count(Outcome.FAILED) == 6
    assert exit_code(world.resume(retry_failed=True)) == 0
    check_done(world, "replace")


def test_a_retry_is_decided_by_what_the_server_shows_then() -> None:
    """New one attached: only detached. Old one gone: both skipped. Attached twice: conflicts."""
    world = world_for("replace", 3)
    world.wire.troubles = always(lambda request: request.method == "POST", Trouble("404"))
    world.apply(job("replace", rollout=PATIENT))
    world.wire.troubles = lambda _request: None
    world.simulator.attach("prod-0", TASK, enforcement_level="mandatory")
    world.simulator.detach("prod-1", OLD_TASK)
    world.simulator.attach("prod-2", OLD_TASK)
    world.results.clear()
    world.resume(retry_failed=True)
    outcomes = {(op.target.name, op.kind): result.outcome for op, result in world.results}
    assert outcomes == {
        ("prod-0", "attach"): Outcome.SKIPPED,
        ("prod-0", "detach"): Outcome.SUCCEEDED,
        ("prod-1", "attach"): Outcome.SKIPPED,
        ("prod-1", "detach"): Outcome.SKIPPED,
        ("prod-2", "attach"): Outcome.CONFLICT,
        ("prod-2", "detach"): Outcome.CONFLICT,
    }


def stopped_between(world: World) -> None:
    """Start a job on one workspace and stop it between its attach and its detach."""
    world.start(job("replace", rollout=PATIENT))
    world.wire.die_at = len(world.wire.asked) + 5  # a ping, two readings, the attach
    assert world.until_stopped() is None
    world.disk.power_on(keeping=0.0)
    assert (world.shown("prod-0"), world.shown("prod-0", OLD_TASK)) == (MANDATORY, ADVISORY)


def test_if_the_new_one_is_removed_midway_the_old_one_stays() -> None:
    """The attach is sent again, and the old one stays until it has succeeded."""
    world = world_for("replace", 1)
    world.start(job("replace", rollout=PATIENT))
    # The DELETE is refused, so that nothing of it is in doubt.
    world.wire.troubles = always(lambda request: request.method == "DELETE", Trouble("404"))
    world.resume()
    world.wire.troubles = lambda _request: None
    world.simulator.detach("prod-0", TASK)
    replay = world.resume(retry_failed=True)
    assert (exit_code(replay), replay.count(Outcome.CONFLICT)) == (3, 1)
    (conflict,) = (r for _, r in world.results if r.outcome is Outcome.CONFLICT)
    assert "plan the job again" in conflict.reason
    assert (world.shown("prod-0"), world.shown("prod-0", OLD_TASK)) == (MANDATORY, ADVISORY)
    assert exit_code(world.resume(retry_failed=True)) == 0
    assert (world.shown("prod-0"), world.shown("prod-0", OLD_TASK)) == (MANDATORY, [])


def stop_at_first_write(world: World) -> None:
    """Send a signal during the first write, which is finished."""

    def stop(request: Request) -> None:
        if request.writes and world.execution is not None:
            world.execution.interrupt("SIGINT", 60.0)

    world.wire.spies.append(stop)


def test_a_pending_detach_whose_attach_was_reverted_is_a_conflict() -> None:
    """After an interruption, the next execution checks that the attach still holds."""
    world = world_for("replace", 1)
    world.start(job("replace"))
    stop_at_first_write(world)
    world.resume()
    world.wire.spies.clear()
    assert world.journaled().count(None) == 1
    world.simulator.detach("prod-0", TASK)
    replay = world.resume()
    assert replay.count(Outcome.CONFLICT) == 1
    assert "must come first, but was undone outside this job" in world.results[-1][1].reason
    assert "the server shows new: not attached" in world.results[-1][1].reason
    assert world.shown("prod-0", OLD_TASK) == ADVISORY


def test_a_detach_that_would_now_need_an_attach_is_a_conflict() -> None:
    """The new one was attached when planned, then detached: the old one stays."""
    world = world_for("replace", 2)
    for name in world.names:
        world.simulator.attach(name, TASK, enforcement_level="mandatory")
    world.start(job("replace", rollout=PATIENT))
    world.simulator.detach("prod-0", TASK)
    replay = world.resume()
    assert (replay.count(Outcome.CONFLICT), replay.count(Outcome.SUCCEEDED)) == (1, 1)
    assert "plan the job again" in world.results[0][1].reason
    assert world.all_shown(OLD_TASK) == [ADVISORY, []]
    assert world.resume(retry_failed=True).count(Outcome.CONFLICT) == 1


def in_doubt_in_the_first_wave(then: Trouble | None = None) -> World:
    """Return a world whose first attach is in doubt at the end of its wave.

    Args:
        then: strikes the first attach again, once it is looked at and found not done.
    """
    world = world_for("replace", 2)
    world.start(job("replace", rollout={**PATIENT, "waves": ["2"]}, pace=ONE_AT_ONCE))
    (first, *_) = world.simulator.world.workspaces
    lost = Trouble("reset-before" if then else "reset-after")
    of_first = in_turn(lambda r: r.method == "POST" and first in r.path, [lost, then])
    world.wire.troubles = both(of_first, reads_back(*[Trouble("503")] * 6))
    return world


def test_what_waits_for_an_attach_in_doubt_is_done_with_it_in_a_later_wave() -> None:
    """An attach found done in the second wave is followed by its detach there."""
    world = in_doubt_in_the_first_wave()
    replay = world.resume()
    assert (replay.count(Outcome.SUCCEEDED), replay.count(None)) == (4, 0)
    assert exit_code(replay) == 0
    check_done(world, "replace")


def test_what_waits_for_an_attach_in_doubt_fails_with_it_in_a_later_wave() -> None:
    """If the attach is refused in the second wave, its detach is reported as not tried."""
    world = in_doubt_in_the_first_wave(Trouble("403"))
    replay = world.resume()
    assert (replay.count(Outcome.FAILED), replay.count(None)) == (2, 0)
    assert exit_code(replay) == 3
    assert world.all_shown(OLD_TASK) == [ADVISORY, []]


def test_on_an_old_server_each_workspace_is_read_once() -> None:
    """Two operations on a workspace need one reading, by the workspace's id."""
    world = world_for("replace", 3, profile="tfe-v202401-1-none-included")
    world.apply(job("replace"))
    check_done(world, "replace")
    assert not [request.path for request in world.wire.asked if ":" in request.path]


def test_undo_attaches_the_old_one_before_it_detaches_the_new_one() -> None:
    """On each workspace, undo restores the old one, then detaches the new one."""
    world = world_for("replace", 2)
    world.apply(job("replace"))
    world.wire.asked.clear()
    world.start_undo(PATH, UNDO)
    assert exit_code(world.resume(path=UNDO)) == 0
    for name in world.names:
        (workspace,) = (w for w in world.simulator.world.workspaces.values() if w.name == name)
        about = [r.method for r in world.wire.writes if workspace.id in r.path]
        assert about == ["POST", "DELETE"]
    assert (world.all_shown(), world.all_shown(OLD_TASK)) == ([[], []], [ADVISORY] * 2)


def test_undo_keeps_the_new_one_if_the_old_one_was_attached_otherwise() -> None:
    """If the old one was attached outside this job, both are blocked and stay as they are."""
    world = world_for("replace", 2)
    world.apply(job("replace"))
    world.simulator.attach("prod-0", OLD_TASK, stages=("pre_apply",))
    plan = world.start_undo(PATH, UNDO)
    assert {operation.target.name for operation in plan.operations} == {"prod-1"}
    since = "changed outside this job: the server shows old: advisory at pre_apply"
    assert [skip.reason for skip in plan.blocked] == [
        f"what came after it can't be undone: {since}",
        since,
    ]
    assert exit_code(world.resume(path=UNDO)) == 3
    assert world.shown("prod-0") == MANDATORY


def test_undo_keeps_the_new_one_if_the_old_one_was_detached_outside() -> None:
    """Undo doesn't attach what this job didn't detach, so the new one must stay."""
    world = world_for("replace", 1)
    world.start(job("replace"))
    world.wire.troubles = writes(
        Trouble("slow", meanwhile=lambda: world.simulator.detach("prod-0", OLD_TASK))
    )
    assert exit_code(world.resume()) == 0
    assert [result.outcome for _, result in world.results] == [Outcome.SUCCEEDED, Outcome.SKIPPED]
    plan = world.start_undo(PATH, UNDO)
    assert not plan.operations
    assert [(skip.reason, skip.blocked) for skip in plan.skips] == [
        (f"what came after it can't be undone: {NOT_OURS}", True),
        (NOT_OURS, False),
    ]


def test_undo_of_a_job_that_stopped_midway_reverts_what_was_done() -> None:
    """If only the attach was done, undo detaches it, and the old one is never touched."""
    world = world_for("replace", 1)
    stopped_between(world)
    world.start_undo(PATH, UNDO)
    assert exit_code(world.resume(path=UNDO)) == 0
    assert (world.shown("prod-0"), world.shown("prod-0", OLD_TASK)) == ([], ADVISORY)


def test_a_resumed_undo_checks_that_the_old_one_is_still_attached() -> None:
    """If the old one was detached after the undo attached it, the new one stays."""
    world = world_for("replace", 1)
    world.apply(job("replace", rollout=PATIENT))
    world.start_undo(PATH, UNDO)
    stop_at_first_write(world)
    world.resume(path=UNDO)
    world.wire.spies.clear()
    assert (world.shown("prod-0"), world.shown("prod-0", OLD_TASK)) == (MANDATORY, ADVISORY)
    world.simulator.detach("prod-0", OLD_TASK)
    assert exit_code(world.resume(path=UNDO)) == 3
    assert "the server shows old: not attached" in world.results[-1][1].reason
    assert world.shown("prod-0") == MANDATORY


NEITHER = "it would be left with neither: the server shows new: not attached"


def test_a_detach_in_doubt_is_not_repeated_if_the_new_one_was_removed() -> None:
    """Before a DELETE in doubt is sent again, bulkops checks that its attach still holds."""
    world = world_for("replace", 1)
    world.start(job("replace", rollout=PATIENT))
    world.wire.die_at = len(world.wire.asked) + 5  # a ping, two readings, the attach, the detach
    assert world.until_stopped() is None
    world.disk.power_on(keeping=1.0)
    assert world.wire.asked[-1].method == "DELETE"
    assert world.journaled().count(Outcome.IN_DOUBT) == 1
    world.simulator.detach("prod-0", TASK)
    assert exit_code(world.resume()) == 3
    assert world.results[-1][1].reason == NEITHER
    assert world.shown("prod-0", OLD_TASK) == ADVISORY


def test_a_detach_in_doubt_that_was_done_is_adopted() -> None:
    """The old one is already gone, so the detach is adopted even if the new one was removed."""
    world = world_for("replace", 1)
    world.start(job("replace", rollout=PATIENT))
    world.wire.die_at, world.wire.dies_after = len(world.wire.asked) + 5, True
    assert world.until_stopped() is None
    world.disk.power_on(keeping=1.0)
    world.simulator.detach("prod-0", TASK)
    world.resume()
    assert world.results[-1][1].outcome is Outcome.SUCCEEDED


def test_an_undo_of_an_undo_does_not_remove_the_last_one() -> None:
    """The new one was there before the job and was detached since, so the old one stays."""
    world = world_for("replace", 2)
    for name in world.names:
        world.simulator.attach(name, TASK, enforcement_level="mandatory")
    world.apply(job("replace", rollout=PATIENT))
    world.start_undo(PATH, UNDO)
    world.resume(path=UNDO)
    world.simulator.detach("prod-0", TASK)
    again = PATH.with_name("again.jsonl")
    plan = world.start_undo(UNDO, again)
    assert [(skip.target.name, skip.reason) for skip in plan.blocked] == [("prod-0", NEITHER)]
    assert exit_code(world.resume(path=again)) == 3
    assert world.all_shown(OLD_TASK) == [ADVISORY, []]


def test_a_resumed_undo_does_not_remove_the_last_one() -> None:
    """Only the attach is to be undone, but the old one was detached since: the new one stays."""
    world = world_for("replace", 1)
    stopped_between(world)
    world.start_undo(PATH, UNDO)
    world.simulator.detach("prod-0", OLD_TASK)
    assert exit_code(world.resume(path=UNDO)) == 3
    assert "it would be left with neither" in world.results[-1][1].reason
    assert world.shown("prod-0") == MANDATORY


class Watched(Simulator):
    """Records each time that a workspace is left without both run tasks."""

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]  # as given
        self.neither: list[str] = []

    def handle(self, request: Request, now: float, *, url_status: int | None = None) -> Response:
        """Answer, then check every workspace."""
        answer = super().handle(request, now, url_status=url_status)
        if request.writes:
            workspaces = self.world.workspaces.values()
            self.neither += [f"{w.name} at {now}" for w in workspaces if not w.tasks]
        return answer


def kill_until_done(world: World, random: Random, path: Path) -> Replay:
    """Run a journal again and again, killed at some request of most executions."""
    replay: Replay | None = None
    for _ in range(40):
        world.wire.die_at = len(world.wire.asked) + random.randrange(6, 30)
        world.wire.dies_after = random.random() < 0.5
        replay = world.until_stopped(path)
        if replay is None:
            world.disk.power_on(random.random())
            continue
        if not replay.count(Outcome.FAILED, Outcome.IN_DOUBT, Outcome.CONFLICT):
            return replay
        world.resume(path=path, retry_failed=True)
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("seed", range(25))
def test_no_workspace_is_ever_without_both(seed: int) -> None:
    """With faults, lost answers, late effects and kills, apply and undo always leave one."""
    faults = ",".join(f"{kind}=1%" for kind in FAULTS)
    world = World(workspaces=5, replacing=True, faults=faults, seed=seed, server=Watched)
    random = Random(seed)
    world.wire.adrift = lambda _number: random.choice([None, random.uniform(0.0, 4.0)])
    world.start(job("replace", rollout=PATIENT))
    kill_until_done(world, random, PATH)
    check_done(world, "replace")
    world.start_undo(PATH, UNDO)
    kill_until_done(world, random, UNDO)
    assert (world.all_shown(), world.all_shown(OLD_TASK)) == ([[]] * 5, [ADVISORY] * 5)
    assert isinstance(world.simulator, Watched)
    assert not world.simulator.neither
