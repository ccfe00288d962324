"""Several steps in one job: their order on each workspace, whatever happens to one of them."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
import pytest

from bulkops.api.messages import Request
from bulkops.errors import JobError
from bulkops.job.job import Job, job_from_builtins, job_to_builtins, parse_job
from bulkops.journal.records import Planned, decode
from bulkops.journal.replay import Replay
from bulkops.journal.replay import replay as replay_of
from bulkops.journal.states import Outcome
from bulkops.operations import KINDS
from bulkops.operations.aspects.hmac_key import HmacAspect
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import (
    Observations,
    Observed,
    Operation,
    Resolved,
    Spec,
    Target,
)
from bulkops.operations.secret import Secret
from bulkops.operations.steps import is_destructive, to_confirm
from bulkops.plan.consistent import disagreement_with_undone
from bulkops.plan.trusted import disagreement
from bulkops.report import csv_table, json_document
from bulkops.report.model import exit_code, report
from bulkops.simulator.state import User
from tests.engine.scripts import always
from tests.engine.wire import Trouble
from tests.engine.world import ADVISORY, MANDATORY, PATH, World
from tests.kinds import OLD_TASK, TASK

UNDO = PATH.with_name("undo.jsonl")
UNDO_OF_UNDO = PATH.with_name("again.jsonl")
VERSION = "1.14.0"
ATTACH = {"kind": "attach", "task": TASK, "enforcement_level": "mandatory"}
DETACH = {"kind": "detach", "task": OLD_TASK}
UPDATE = {"kind": "workspace-update", "terraform_version": VERSION}
REPLACE = {"kind": "replace", "task": TASK, "replaces": OLD_TASK}
STEPS = (ATTACH, DETACH, UPDATE)
PATIENT = {"max_failures": "100%"}
State = tuple[object, object, str]
"""How both run tasks are attached to a workspace, and its Terraform version."""


def job(*steps: Mapping[str, object], **tables: object) -> Job:
    """Return a job of these steps, by default all three, on every workspace."""
    document = {"name": "scan", "organization": "acme", "select": {"all": True}}
    return job_from_builtins({**document, "operation": list(steps or STEPS), **tables})


def world_of(workspaces: int, **options: object) -> World:
    """Return a world in which every workspace needs all three steps."""
    world = World(workspaces=workspaces, replacing=True, **options)  # type: ignore[arg-type]  # a test's
    for workspace in world.simulator.world.workspaces.values():
        workspace.terraform_version = "1.5.7"
    return world


def state(world: World, name: str) -> State:
    """Return how both run tasks are attached to a workspace, and its Terraform version."""
    workspace = world.simulator.world.organizations["acme"].workspaces[name]
    return world.shown(name), world.shown(name, OLD_TASK), workspace.terraform_version


BEFORE: State = ([], ADVISORY, "1.5.7")
DONE: State = (MANDATORY, [], VERSION)


def is_write(request: Request) -> bool:
    """Return whether a request changes anything."""
    return request.writes


def outcomes(replay: Replay) -> dict[str, str]:
    """Return workspace and key's first part → outcome."""
    return {
        f"{p.operation.target.name} {p.operation.kind}": str(p.outcome)
        for p in replay.operations.values()
    }


def test_each_workspace_gets_the_steps_in_their_order() -> None:
    """Attach, detach, update: in this order on each workspace, one workspace after the other."""
    world = world_of(2)
    replay = world.apply(job(pace={"max_at_once": 1}))
    assert [request.method for request in world.wire.writes] == ["POST", "DELETE", "PATCH"] * 2
    assert [state(world, name) for name in world.names] == [DONE, DONE]
    assert exit_code(replay) == 0
    kinds = [progress.operation.kind for progress in replay.operations.values()]
    assert kinds == ["1-attach", "2-detach", "3-workspace-update"] * 2


def test_a_report_names_the_run_task_of_each_row() -> None:
    """As CSV and JSON: the one that the operation attaches or detaches; a setting has none."""
    world = world_of(1)
    replay = world.apply(job())
    made, old = report(replay), replay.header.resolved.others["2.task"]
    rows = csv.DictReader(io.StringIO("".join(csv_table.document(made))))
    named = [(TASK, world.task.id), (OLD_TASK, old.id), ("", "")]
    assert [(row["task"], row["task_id"]) for row in rows] == named
    rows_of = msgspec.json.decode("".join(json_document.document(made)))["rows"]
    assert [(row.get("task", ""), row.get("task_id", "")) for row in rows_of] == named
    assert [row["workspace"] for row in rows_of] == ["prod-0"] * 3


def test_two_attaches_of_different_tasks_have_keys_of_their_own() -> None:
    """Two steps of one kind: both are done, verified, and undone in the reverse order."""
    world = world_of(2)
    second = {"kind": "attach", "task": OLD_TASK, "enforcement_level": "mandatory"}
    replay = world.apply(job(ATTACH, second))
    assert [state(world, name)[:2] for name in world.names] == [(MANDATORY, MANDATORY)] * 2
    assert replay.verified is not None
    assert replay.verified.verified == 4
    world.wire.asked.clear()
    plan = world.start_undo(PATH, UNDO)
    assert [operation.kind for operation in plan.operations] == ["1-detach", "2-update"] * 2
    assert exit_code(world.resume(path=UNDO)) == 0
    first, *_ = world.wire.writes
    assert first.method == "PATCH"
    assert [state(world, name)[:2] for name in world.names] == [([], ADVISORY)] * 2


def test_an_undo_goes_backwards_and_can_be_undone() -> None:
    """Version, old run task, new run task are restored in this order; its undo is in that order."""
    world = world_of(1)
    world.apply(job())
    world.wire.asked.clear()
    world.start_undo(PATH, UNDO)
    world.resume(path=UNDO)
    assert [request.method for request in world.wire.writes] == ["PATCH", "POST", "DELETE"]
    assert state(world, "prod-0") == BEFORE
    world.wire.asked.clear()
    world.start_undo(UNDO, UNDO_OF_UNDO)
    world.resume(path=UNDO_OF_UNDO)
    assert [request.method for request in world.wire.writes] == ["POST", "DELETE", "PATCH"]
    assert state(world, "prod-0") == DONE


def test_if_one_step_fails_the_rest_of_its_workspace_is_untouched() -> None:
    """The other workspaces are finished; a retry does all steps of the failed one."""
    world = world_of(3)
    ident = world.simulator.world.organizations["acme"].workspaces["prod-1"].id
    world.wire.troubles = always(
        lambda request: request.method == "POST" and ident in request.path, Trouble("404")
    )
    replay = world.apply(job(rollout=PATIENT))
    assert [state(world, name) for name in world.names] == [DONE, BEFORE, DONE]
    assert outcomes(replay)["prod-1 3-workspace-update"] == Outcome.FAILED
    reasons = {op.kind: r.reason for op, r in world.results if r.outcome is Outcome.FAILED}
    assert reasons["2-detach"] == "not tried: 1-attach must come first and did not succeed"
    assert replay.failures == 1
    world.wire.troubles = lambda _request: None
    assert exit_code(world.resume(retry_failed=True)) == 0
    assert state(world, "prod-1") == DONE


def test_a_later_step_that_fails_leaves_what_came_before() -> None:
    """The attach stays, the version isn't set, and undo removes the attach."""
    world = world_of(1)
    world.wire.troubles = always(lambda request: request.method == "DELETE", Trouble("404"))
    replay = world.apply(job(rollout=PATIENT))
    assert state(world, "prod-0") == (MANDATORY, ADVISORY, "1.5.7")
    assert outcomes(replay) == {
        "prod-0 1-attach": "succeeded",
        "prod-0 2-detach": "failed",
        "prod-0 3-workspace-update": "failed",
    }
    world.wire.troubles = lambda _request: None
    assert exit_code(world.resume(retry_failed=True)) == 0
    assert state(world, "prod-0") == DONE


def test_the_tolerance_counts_workspaces() -> None:
    """Of four workspaces 50 % are two: two failures are tolerated, the third one stops the job."""
    world = world_of(4)
    world.wire.troubles = always(is_write, Trouble("404"))
    replay = world.apply(job(rollout={"max_failures": "50%"}, pace={"max_at_once": 1}))
    assert replay.ended is not None
    assert replay.ended.exceeded is not None
    exceeded = replay.ended.exceeded
    assert (exceeded.failures, exceeded.tolerated, exceeded.of) == (3, 2, 4)
    assert state(world, "prod-3") == BEFORE


def test_a_workspace_that_drifted_counts_once() -> None:
    """All three steps of one workspace are reverted before its wave is verified: one failure."""
    world = world_of(2)
    reverted: list[str] = []

    def reverting(request: Request) -> Trouble | None:
        if not reverted and request.method == "GET" and len(world.wire.writes) == 3:
            reverted.append("prod-0")
            world.simulator.detach("prod-0", TASK)
            world.simulator.attach("prod-0", OLD_TASK)
            workspaces = world.simulator.world.organizations["acme"].workspaces
            workspaces["prod-0"].terraform_version = "1.5.7"
        return None

    world.wire.troubles = reverting
    rollout = {"waves": ["1"], "max_failures": 1}
    replay = world.apply(job(rollout=rollout, pace={"max_at_once": 1}))
    assert reverted
    assert replay.drifted_in(1) == 1
    assert [state(world, name) for name in world.names] == [BEFORE, DONE]


def test_a_workspace_that_failed_and_drifted_counts_once() -> None:
    """Its third step is refused, its first one reverted outside the job: one failure, tolerated."""
    world = world_of(2)
    refused: list[str] = []

    def refusing(request: Request) -> Trouble | None:
        if refused or request.method != "PATCH":
            return None
        refused.append("prod-0")
        world.simulator.detach("prod-0", TASK)
        return Trouble("404")

    world.wire.troubles = refusing
    rollout = {"waves": ["1"], "max_failures": 1}
    replay = world.apply(job(rollout=rollout, pace={"max_at_once": 1}))
    assert replay.failures == 1
    assert replay.drifted == 1
    assert [state(world, name) for name in world.names] == [([], [], "1.5.7"), DONE]


@pytest.mark.parametrize(
    ("waves", "ends"),
    [
        (["1"], [3, 9]),
        (["4"], [6, 9]),
        (["3", "50%"], [3, 6, 9]),
        (["1", "2", "3", "4"], [3, 6, 9]),
    ],
)
def test_no_wave_divides_a_workspace(waves: list[str], ends: list[int]) -> None:
    """A wave that would end within a workspace includes all of it."""
    world = world_of(3)
    plan = world.plan(job(rollout={"waves": waves}))
    assert [wave.end for wave in plan.waves] == ends
    replay = world.apply(job(rollout={"waves": waves}))
    assert [wave.end for wave in replay.waves.values()] == ends
    assert exit_code(replay) == 0


def test_a_wave_has_a_tolerance_in_workspaces() -> None:
    """50 % of a wave of two workspaces is one, though it has six operations."""
    world = world_of(4)
    rollout = {"waves": [{"size": "6", "max_failures": "50%"}], "max_failures": "100%"}
    assert [wave.tolerated for wave in world.plan(job(rollout=rollout)).waves] == [1, None]
    world.wire.troubles = always(is_write, Trouble("404"))
    replay = world.apply(job(rollout=rollout, pace={"max_at_once": 1}))
    assert replay.ended is not None
    assert replay.ended.exceeded is not None
    assert (replay.ended.exceeded.failures, replay.ended.exceeded.of) == (2, 2)
    assert state(world, "prod-2") == BEFORE


def test_what_is_as_desired_is_left_out_and_the_rest_is_done() -> None:
    """A step with nothing to do doesn't hold the next ones back; with none, it is one skip."""
    world = world_of(2)
    world.simulator.attach("prod-0", TASK, enforcement_level="mandatory")
    world.simulator.detach("prod-0", OLD_TASK)
    plan = world.plan(job())
    assert [o.kind for o in plan.operations if o.target.name == "prod-0"] == ["3-workspace-update"]
    world.apply(job())
    (skip, _) = world.plan(job()).skips
    assert skip.reason == (
        "attach security-scan: already attached as desired; detach legacy-scan: not attached; "
        "workspace-update: already as desired"
    )


def test_a_workspace_on_which_one_step_is_blocked_is_left_as_it_is() -> None:
    """Neither the steps before it nor those after it are planned there."""
    world = world_of(2)
    for _ in range(2):
        world.simulator.attach("prod-0", TASK)
    plan = world.plan(job(DETACH, ATTACH))
    assert {operation.target.name for operation in plan.operations} == {"prod-1"}
    (skip,) = plan.blocked
    assert skip.reason.startswith("attach security-scan: attached 2 times (")


@pytest.mark.parametrize(
    ("rights", "blocked"),
    [
        (User(name="engine", manage_workspace_run_tasks={"prod-1"}), ["prod-0"]),
        (User(name="engine", manage_workspaces=False), ["prod-0", "prod-1"]),
    ],
)
def test_each_step_needs_its_own_right(rights: User, blocked: list[str]) -> None:
    """A workspace is left as it is if the token lacks the right for one of the steps there."""
    world = world_of(2, rights=rights)
    plan = world.plan(job())
    assert [skip.target.name for skip in plan.blocked] == blocked
    assert {o.target.name for o in plan.operations}.isdisjoint(blocked)
    assert bool(plan.denied) is not bool(plan.operations)


def test_a_right_that_no_step_needs_blocks_nothing() -> None:
    """Where the version is right already, the token need not be allowed to change it."""
    world = world_of(1, rights=User(name="engine", manage_workspaces=False))
    world.simulator.world.organizations["acme"].workspaces["prod-0"].terraform_version = VERSION
    assert exit_code(world.apply(job())) == 0
    assert state(world, "prod-0") == DONE


def test_what_was_undone_outside_the_job_holds_the_rest_back() -> None:
    """The attach was removed before the detach is retried: first it is done again."""
    world = world_of(1)
    world.wire.troubles = always(lambda request: request.method == "DELETE", Trouble("404"))
    world.apply(job(rollout=PATIENT))
    world.wire.troubles = lambda _request: None
    world.simulator.detach("prod-0", TASK)
    replay = world.resume(retry_failed=True)
    assert state(world, "prod-0") == (MANDATORY, ADVISORY, "1.5.7")
    assert outcomes(replay)["prod-0 2-detach"] == Outcome.CONFLICT
    assert exit_code(world.resume(retry_failed=True)) == 0
    assert state(world, "prod-0") == DONE


def test_the_undo_goes_backwards_after_a_retry_too() -> None:
    """What was retried after the attach was done is still reverted before the attach."""
    world = world_of(1)
    world.wire.troubles = always(lambda request: request.method == "DELETE", Trouble("404"))
    world.apply(job(rollout=PATIENT))
    world.wire.troubles = lambda _request: None
    assert exit_code(world.resume(retry_failed=True)) == 0
    world.wire.asked.clear()
    world.start_undo(PATH, UNDO)
    assert exit_code(world.resume(path=UNDO)) == 0
    assert [request.method for request in world.wire.writes] == ["PATCH", "POST", "DELETE"]
    assert state(world, "prod-0") == BEFORE


def test_killed_anywhere_it_ends_the_same() -> None:
    """A kill at each request, then a resume: every change is made once."""
    number = 1
    while True:
        world = world_of(1)
        world.start(job(rollout=PATIENT))
        world.wire.die_at = len(world.wire.asked) + number
        if world.until_stopped() is not None:
            break
        world.disk.power_on(keeping=0.0)
        assert exit_code(world.resume()) == 0
        assert state(world, "prod-0") == DONE
        assert world.effects() == {"prod-0": 3}
        number += 1
    assert number > 8


def test_a_replace_is_one_of_several() -> None:
    """Its two operations are one step; the version is set after both."""
    world = world_of(1)
    replay = world.apply(job(REPLACE, UPDATE))
    kinds = {p.operation.kind: p.operation.after for p in replay.operations.values()}
    assert list(kinds) == ["1-attach", "1-detach", "2-workspace-update"]
    assert [key.partition(":")[0] for key in kinds["2-workspace-update"]] == [
        "1-attach",
        "1-detach",
    ]
    assert state(world, "prod-0") == (ADVISORY, [], VERSION)


@pytest.mark.parametrize("first", [True, False])
def test_a_replace_among_several_never_leaves_a_workspace_without_both(*, first: bool) -> None:
    """The new run task vanishes before a lost detach of the old one is sent again."""
    world = world_of(1)
    world.simulator.attach("prod-0", TASK)
    steps = (REPLACE, UPDATE) if first else (UPDATE, REPLACE)
    world.start(job(*steps, rollout=PATIENT))
    # A ping, three readings, three after settle, the writes.
    lost = len(world.wire.asked) + (8 if first else 9)
    world.wire.die_at = lost
    assert world.until_stopped() is None
    world.disk.power_on(keeping=1.0)
    assert world.journaled().count(Outcome.IN_DOUBT) == 1
    world.simulator.detach("prod-0", TASK)
    world.resume()
    assert world.shown("prod-0", OLD_TASK) == ADVISORY


def test_the_undo_of_a_replace_among_several_keeps_the_last_run_task() -> None:
    """The old run task is gone from the organization's workspace: the new one stays attached."""
    world = world_of(1)
    world.start(job(REPLACE, UPDATE, rollout=PATIENT))
    world.wire.troubles = always(lambda request: request.method == "DELETE", Trouble("404"))
    world.resume()
    world.wire.troubles = lambda _request: None
    world.simulator.detach("prod-0", OLD_TASK)
    world.start_undo(PATH, UNDO)
    assert world.shown("prod-0") == ADVISORY


def test_several_attachments_of_the_old_task_are_all_detached() -> None:
    """Each gets an operation of its own, and the next step comes after all of them."""
    world = world_of(1)
    world.simulator.attach("prod-0", OLD_TASK)
    replay = world.apply(job(DETACH, UPDATE))
    last = [progress.operation for progress in replay.operations.values()][-1]
    assert [key.partition(":")[0] for key in last.after] == ["1-detach.1", "1-detach.2"]
    assert state(world, "prod-0") == ([], [], VERSION)


@pytest.mark.parametrize("attachments", [2, 3])
@pytest.mark.parametrize("retried", [False, True])
def test_some_of_several_attachments_may_be_detached_already(
    attachments: int, *, retried: bool
) -> None:
    """Fewer are left when the job is resumed or retried: the next step still comes after them."""
    world = world_of(1)
    for _ in range(attachments - 1):
        world.simulator.attach("prod-0", OLD_TASK)
    world.start(job(DETACH, UPDATE, rollout=PATIENT, pace={"max_at_once": 1}))
    if retried:
        seen: list[Request] = []

        def refusing(request: Request) -> Trouble | None:
            seen.extend([request] if request.method == "DELETE" else [])
            return Trouble("404") if request.method == "DELETE" and len(seen) > 1 else None

        world.wire.troubles = refusing
        world.resume()
        world.wire.troubles = lambda _request: None
    else:
        world.wire.die_at = len(world.wire.asked) + 5  # a ping, two readings, two writes
        assert world.until_stopped() is None
        world.disk.power_on(keeping=1.0)
    assert len(world.shown("prod-0", OLD_TASK)) == attachments - 1
    assert exit_code(world.resume(retry_failed=retried)) == 0
    assert state(world, "prod-0") == ([], [], VERSION)


@pytest.mark.parametrize("dies_after", [False, True])
@pytest.mark.parametrize("die_at", range(4, 9))
def test_the_undo_of_some_of_several_attachments_goes_on(die_at: int, *, dies_after: bool) -> None:
    """Killed anywhere: one that was not detached yet keeps no earlier step from being undone."""
    world = world_of(1)
    world.simulator.attach("prod-0", OLD_TASK, enforcement_level="mandatory")
    both = world.shown("prod-0", OLD_TASK)
    world.start(job())
    world.wire.die_at = len(world.wire.asked) + die_at
    world.wire.dies_after = dies_after
    assert world.until_stopped() is None
    world.disk.power_on(keeping=1.0)
    plan = world.start_undo(PATH, UNDO)
    assert not [skip.reason for skip in plan.skips if skip.blocked]
    if plan.operations:
        assert exit_code(world.resume(path=UNDO)) == 0
    new, old, version = state(world, "prod-0")
    assert (new, version) == ([], "1.5.7")
    assert old in (both, both[:1], both[1:])


def calls_to_read(values: int) -> int:
    """Return how many calls it takes to read a job of two steps with so many values each."""
    names = [f"app-{number}" for number in range(values)]
    versions = [
        {"workspaces": [name], "terraform_version": f"1.{n}.0"} for n, name in enumerate(names)
    ]
    reasons = [{"workspaces": [name], "reason": name} for name in names]
    document = {
        "name": "scan",
        "organization": "acme",
        "select": {"listed": names},
        "operation": [
            {"kind": "workspace-update", "values": versions},
            {"kind": "workspace-lock", "values": reasons},
        ],
    }
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    job_from_builtins(document)
    sys.setprofile(count)
    try:
        job_from_builtins(document)
    finally:
        sys.setprofile(None)
    return calls


def test_many_values_in_two_steps_are_not_all_compared_with_each_other() -> None:
    """Reading twice as many values takes about twice the work: a journal may have thousands."""
    assert calls_to_read(80) < 3 * calls_to_read(40)


REFUSED = {
    "two steps that write one run task's attachments": (
        [ATTACH, {"kind": "detach", "task": TASK}],
        r"step 2: detach security-scan changes the same thing of a workspace as "
        r"step 1, attach security-scan\. Give it a job of its own",
    ),
    "two steps that write one setting": (
        [UPDATE, {"kind": "workspace-update", "terraform_version": "1.9.8"}],
        r"step 2: workspace-update changes the same thing",
    ),
    "a lock and an unlock": (
        [{"kind": "workspace-lock"}, UPDATE, {"kind": "workspace-unlock"}],
        r"step 3: workspace-unlock changes the same thing of a workspace as "
        r"step 1, workspace-lock",
    ),
    "a step on the run task itself": (
        [ATTACH, {"kind": "task-delete", "task": OLD_TASK}],
        r"step 2: operation\.kind: task-delete applies to every workspace, then the run task",
    ),
    "a wrong field": (
        [ATTACH, {**DETACH, "tsk": "x"}],
        r"step 2: unknown key operation\.tsk: did you mean \"task\"\?",
    ),
    "a missing kind": ([ATTACH, {"task": TASK}], r"step 2: operation\.kind is missing"),
    "no step": ([], r"operation = \[\]: give at least one \[\[operation\]\] table"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_combined_is_refused_in_words(case: str) -> None:
    """Before any request, with the place in the file and what to do."""
    tables, message = REFUSED[case]
    document = {"name": "x", "organization": "acme", "select": {"all": True}, "operation": tables}
    with pytest.raises(JobError, match=message):
        job_from_builtins(document)


def test_one_run_task_by_name_and_by_id_is_refused_after_the_lookup() -> None:
    """Only the server knows that they are the same."""
    world = world_of(1)
    steps = (ATTACH, {"kind": "detach", "task": world.task.id})
    with pytest.raises(JobError, match=r"is also step 1: operation\.task: name another run task"):
        world.plan(job(*steps))


def test_settings_that_have_nothing_in_common_can_be_two_steps() -> None:
    """They are named apart in the journal."""
    world = world_of(1)
    replay = world.apply(job(UPDATE, {"kind": "workspace-update", "auto_apply": True}))
    aspects = [progress.operation.aspect for progress in replay.operations.values()]
    assert aspects == ["workspace", "workspace 2"]


def test_a_single_table_in_a_list_is_the_plain_form() -> None:
    """``[[operation]]`` once has the digest, and the form in a journal, of ``[operation]``."""
    text = (
        'name = "x"\norganization = "acme"\n{}\nkind = "detach"\ntask = "a"\n[select]\nall = true\n'
    )
    plain, listed = (
        parse_job(text.format(head), default_organization="acme")
        for head in ("[operation]", "[[operation]]")
    )
    assert plain == listed
    assert plain.digest == listed.digest
    assert job_to_builtins(listed)["operation"] == {"kind": "detach", "task": "a"}


def test_the_order_of_the_steps_is_part_of_the_digest() -> None:
    """Another order is another job, which doesn't resume the same journal."""
    assert job(ATTACH, DETACH).digest != job(DETACH, ATTACH).digest
    back = job_from_builtins(job_to_builtins(job()))
    assert back == job()


def forged(world: World, about: str, **changes: object) -> Replay:
    """Return the state of the journal with one planned operation changed."""
    records = [decode(line) for line in world.disk.content(PATH).splitlines()]
    found = [n for n, one in enumerate(records) if isinstance(one, Planned) and about in one.key]
    records[found[0]] = msgspec.structs.replace(records[found[0]], **changes)
    return replay_of(records)


def test_a_journal_in_which_a_step_does_not_wait_is_refused() -> None:
    """No job could have decided this: the order, the number in the key, or another's aspect."""
    world = world_of(1)
    world.start(job())
    (ident,) = (workspace.id for workspace in world.simulator.world.workspaces.values())
    assert disagreement(forged(world, "2-detach")) == ""
    refused = "a job of kind attach+detach+workspace-update could not have decided this"
    first = f"1-attach:{ident}"
    for key, changes in (
        ("2-detach", {"after": ()}),
        ("3-workspace-update", {"after": (first,)}),
        ("3-workspace-update", {"after": (f"2-detach:{ident}", first)}),
        ("1-attach", {"after": (f"2-detach:{ident}",)}),
        ("2-detach", {"key": f"3-detach:{ident}"}),
        ("3-workspace-update", {"key": f"workspace-update:{ident}"}),
        ("2-detach", {"aspect": TASK}),
        ("3-workspace-update", {"desired": {"terraform-version": "0.1.0"}}),
    ):
        assert refused in disagreement(forged(world, key, **changes)), (key, changes)
    assert "has nothing called" in disagreement(forged(world, "1-attach", aspect="other"))


def test_the_journal_of_the_undo_agrees_with_itself() -> None:
    """Each of its operations reverts what a step of the job decides."""
    world = world_of(2)
    world.apply(job())
    world.start_undo(PATH, UNDO)
    replay = world.resume(path=UNDO)
    assert disagreement(replay) == ""
    assert disagreement_with_undone(replay, world.journaled()) == ""
    (first, *_) = replay.operations.values()
    other = msgspec.structs.replace(first.operation, verb="attach")
    replay.operations.put(other)
    assert "could not have decided" in disagreement(replay)


def test_the_run_tasks_of_all_destructive_steps_confirm_the_job() -> None:
    """Those that are only attached need no confirmation, and the rest is separated by commas."""
    world = world_of(1)
    world.simulator.add_task("lint")
    both = job(ATTACH, DETACH, {"kind": "detach", "task": "lint"})
    assert to_confirm(both.steps, world.plan(both).resolved) == f"{OLD_TASK}, lint"
    assert to_confirm(job().steps, world.plan(job()).resolved) == OLD_TASK
    assert is_destructive(job().steps)
    assert not is_destructive(job(ATTACH, UPDATE).steps)


class SignSpec(Spec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A spec that may need a secret."""

    key_env: str | None = None

    @property
    def secret(self) -> Secret | None:
        """Where it is."""
        return Secret("key_env", "digest", env=self.key_env) if self.key_env else None


class Sign(Kind):
    """A kind as another package may have one: nothing shows what it writes."""

    name: ClassVar[str] = "sign"
    spec_type: ClassVar[type[SignSpec]] = SignSpec

    def __init__(self, spec: SignSpec, resolved: Resolved) -> None:
        super().__init__(spec, resolved)
        self.aspects = {"mark": HmacAspect(resolved.organization, None)}

    def decide(self, target: Target, _observations: Observations) -> Sequence[Operation]:
        """Write it."""
        return (Operation(self.name, target, Observed(target.id, {}), {"digest": "x"}, "mark"),)


def test_a_kind_of_another_package_can_be_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its aspect has its own name; two steps may not write it, and a secret is refused."""
    monkeypatch.setitem(KINDS, "sign", Sign)
    world = world_of(1)
    plan = world.plan(job({"kind": "sign"}, UPDATE))
    assert [operation.aspect for operation in plan.operations] == ["sign mark", "workspace"]
    with pytest.raises(JobError, match=r"step 3: sign changes the same thing"):
        job({"kind": "sign"}, UPDATE, {"kind": "sign"})
    with pytest.raises(JobError, match=r"step 2: operation\.kind: sign needs a secret, and can't"):
        job(UPDATE, {"kind": "sign", "key_env": "KEY"})
