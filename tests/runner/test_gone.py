"""A workspace that is deleted during a job is reported as gone, not as changed."""

from __future__ import annotations

import pytest

from bulkops.api import endpoints
from bulkops.api.messages import Request
from bulkops.inventory.missing import FEW
from bulkops.journal.records import Result
from bulkops.journal.states import Outcome
from bulkops.operations.compare import SET_OUTSIDE, gone
from bulkops.operations.model import Target
from bulkops.plan.current_state import read_verified
from bulkops.report.model import exit_code
from bulkops.simulator.state import Workspace
from tests.engine.scripts import METHODS, always, writes
from tests.engine.wire import Trouble
from tests.engine.world import PATH, World, job
from tests.engine.worlds import world_for
from tests.kinds import TASK

UNDO = PATH.with_name("undo.jsonl")
PATIENT = {"max_failures": "100%"}
GONE = gone(Target("ws-1", "prod-0"))
SETTLE = 10.0
KINDS = (*METHODS, "workspace-update", "workspace-lock", "workspace-unlock")
OLD_SERVER = "tfe-v202401-1-none-included"
"""A version that has no list of a run task's attachments."""


def deleted_at(world: World, method: str) -> None:
    """Delete ``prod-0`` when the first write with this method arrives."""
    strikes = [lambda: world.simulator.remove_workspace("prod-0")]

    def spy(request: Request) -> None:
        if request.method == method and strikes:
            strikes.pop()()

    world.wire.spies.append(spy)


def last_results(world: World) -> dict[str, Result]:
    """Return the last result of each workspace."""
    return {operation.target.name: result for operation, result in world.results}


def asked_for(world: World) -> list[str]:
    """Return the ids of the workspaces that were asked for by their ids."""
    read = (request.path.split("/") for request in world.wire.asked if not request.writes)
    return [path[4] for path in read if path[3] == "workspaces" and len(path) == 5]


def test_the_reason_names_both_causes_of_a_404() -> None:
    """Deleted, or not visible to this token."""
    assert GONE == "the workspace no longer exists, or this token can't see it"
    assert gone(Target("task-1", TASK)).startswith("the run task no longer exists, or this token")


@pytest.mark.parametrize("profile", ["hcp", OLD_SERVER])
@pytest.mark.parametrize("fault", [None, "close-before", "reset-after"])
@pytest.mark.parametrize("kind", METHODS)
def test_a_workspace_gone_at_its_write(kind: str, fault: str | None, profile: str) -> None:
    """Refused or lost, then missing past ``settle``: failed, not changed by others."""
    world = World(workspaces=2, attached=kind != "attach", profile=profile)
    deleted_at(world, METHODS[kind])
    world.wire.troubles = writes(*([Trouble(fault)] if fault else []))
    replay = world.apply(job(kind, rollout=PATIENT))
    result = last_results(world)["prod-0"]
    assert GONE in result.reason
    assert "outside this job" not in result.reason
    assert (result.outcome, result.ours) == (Outcome.FAILED, False)
    assert exit_code(replay) == 3
    # By the list of all attachments nothing is left to be detached.
    assert exit_code(world.resume(retry_failed=True)) == (0 if kind == "detach" else 3)


@pytest.mark.parametrize("kind", ["workspace-update", "workspace-lock", "workspace-unlock"])
def test_a_deleted_workspace_fails_its_settings(kind: str) -> None:
    """It is missing in the list by name and by its id: reported as gone, exit 3."""
    world = world_for(kind, 2)
    deleted_at(world, "POST" if "lock" in kind else "PATCH")
    assert exit_code(world.apply(job(kind, rollout=PATIENT))) == 3
    result = last_results(world)["prod-0"]
    assert (result.outcome, result.reason) == (Outcome.CONFLICT, GONE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_workspace_deleted_before_the_start(kind: str) -> None:
    """Found by the first reading: a conflict, or a skip if it had to be detached."""
    world = world_for(kind, 2)
    world.start(job(kind, rollout=PATIENT))
    world.simulator.remove_workspace("prod-0")
    replay = world.resume()
    result, removed = last_results(world)["prod-0"], kind == "detach"
    # An attach is carried out: that nothing is attached is what it was planned from.
    expected = {"detach": Outcome.SKIPPED, "attach": Outcome.FAILED}
    assert result.outcome is expected.get(kind, Outcome.CONFLICT)
    assert result.reason == (f"404: {GONE}" if kind == "attach" else GONE)
    assert exit_code(replay) == (0 if removed else 3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_reports_a_deleted_workspace_again(kind: str) -> None:
    """``--retry-failed`` gives the same reason, and reports nothing as done."""
    world = world_for(kind, 2)
    world.start(job(kind, rollout=PATIENT))
    world.simulator.remove_workspace("prod-0")
    outcome = world.resume().count(*(Outcome.FAILED, Outcome.CONFLICT))
    replay = world.resume(retry_failed=True)
    assert replay.count(Outcome.FAILED, Outcome.CONFLICT) == outcome
    assert GONE in last_results(world)["prod-0"].reason


@pytest.mark.parametrize("kind", ["attach", "update", "detach", "workspace-update"])
def test_an_undo_distinguishes_deleted_from_changed_targets(kind: str) -> None:
    """Nothing left to detach: a skip. Nothing to restore it on: blocked."""
    world = world_for(kind, 3)
    world.apply(job(kind))
    world.simulator.remove_workspace("prod-1")
    plan = world.start_undo(PATH, UNDO)
    assert [operation.target.name for operation in plan.operations] == ["prod-0", "prod-2"]
    (skip,) = plan.skips
    assert (skip.reason, skip.blocked) == (GONE, kind != "attach")


def test_a_resumed_undo_counts_deleted_targets_as_undone() -> None:
    """Deleted after the plan or during the write: a skip, exit 0."""
    world = World(workspaces=3)
    world.apply(job())
    world.start_undo(PATH, UNDO)
    world.simulator.remove_workspace("prod-1")
    deleted_at(world, "DELETE")
    replay = world.resume(path=UNDO)
    assert exit_code(replay) == 0
    assert {name: result.reason for name, result in last_results(world).items()} == {
        "prod-0": GONE,
        "prod-1": GONE,
        "prod-2": "",
    }
    assert last_results(world)["prod-0"].outcome is Outcome.SKIPPED


def test_a_replace_on_a_deleted_workspace_is_undone() -> None:
    """Neither run task blocks the undo of the other."""
    world = world_for("replace", 2)
    world.apply(job("replace"))
    world.simulator.remove_workspace("prod-0")
    plan = world.start_undo(PATH, UNDO)
    assert {operation.target.name for operation in plan.operations} == {"prod-1"}
    assert [(skip.reason, skip.blocked) for skip in plan.skips] == [(GONE, False), (GONE, True)]
    assert exit_code(world.resume(path=UNDO)) == 3


def test_a_workspace_deleted_after_the_reading_leaves_no_half_undo() -> None:
    """No half is planned that would wait for the other one."""
    world = world_for("replace", 2)
    world.apply(job("replace"))
    there = {w.name: w.id for w in world.simulator.world.workspaces.values()}

    def delete(request: Request) -> None:
        if request.path == endpoints.show_workspace_by_id(there["prod-0"]).path:
            world.wire.spies.clear()
            world.simulator.remove_workspace("prod-0")

    world.wire.spies.append(delete)
    plan = world.start_undo(PATH, UNDO)
    assert {operation.target.name for operation in plan.operations} == {"prod-1"}
    assert [skip.reason for skip in plan.skips] == [GONE, GONE]


def test_a_verification_reports_a_deleted_workspace() -> None:
    """At the job's end and later; a detached run task is missed nowhere."""
    world = World(workspaces=3)
    replay = world.apply(job())
    world.simulator.remove_workspace("prod-0")
    verified = world.run(lambda: read_verified(world.client(), replay, SETTLE))
    assert list(verified.differing.values()) == [f"not attached: {GONE}"]
    # What is known already needs no further request.
    failed = World(workspaces=2)
    deleted_at(failed, "POST")
    replay = failed.apply(job(rollout=PATIENT))
    assert replay.verified is not None
    assert list(replay.verified.differing.values()) == [f"not attached: {GONE}"]


def test_a_deleted_workspace_counts_as_detached() -> None:
    """Nothing is attached to it, as the job desires."""
    world = World(workspaces=3, attached=True)
    replay = world.apply(job("detach"))
    world.simulator.remove_workspace("prod-0")
    verified = world.run(lambda: read_verified(world.client(), replay, SETTLE))
    assert (verified.verified, verified.differing) == (3, {})


@pytest.mark.parametrize("kind", ["attach", "detach"])
def test_an_existing_workspace_is_never_reported_as_gone(kind: str) -> None:
    """Its write and its list are answered 404, as without a right: the reason names both."""
    world = World(workspaces=1, attached=kind != "attach")
    there = endpoints.list_workspace_tasks(next(iter(world.simulator.world.workspaces))).path
    world.wire.troubles = always(lambda r: r.path.startswith(there), Trouble("404"))
    began = world.elapsed
    world.apply(job(kind, rollout=PATIENT))
    result = last_results(world)["prod-0"]
    assert result.outcome is Outcome.FAILED
    assert "(missing, or this token has no access)" in result.reason
    assert "gone" not in result.reason
    assert world.elapsed - began < 2 * SETTLE


def test_a_briefly_missing_workspace_is_not_gone() -> None:
    """Hidden since its write, and read again past ``settle``: it exists."""
    world = World(workspaces=1, attached=True)
    (ident,) = world.simulator.world.workspaces
    server, organization = world.simulator.world, world.simulator.world.organizations["acme"]
    hidden: list[tuple[float, Workspace]] = []

    def hide(request: Request) -> None:
        if request.writes and not hidden:
            hidden.append((world.now(), server.workspaces.pop(ident)))
            del organization.workspaces["prod-0"]
            organization.orders.clear()
        elif hidden and world.now() > hidden[0][0] + 0.9 * SETTLE:
            server.workspaces[ident] = organization.workspaces["prod-0"] = hidden[0][1]

    world.wire.spies.append(hide)
    world.apply(job("detach", rollout=PATIENT))
    result = last_results(world)["prod-0"]
    assert (result.outcome, "gone" in result.reason) == (Outcome.FAILED, False)
    assert asked_for(world) == [ident] * 2


def test_a_detach_outside_the_job_is_not_reported_as_gone() -> None:
    """The workspace exists: the reason is a change outside this job."""
    world = World(workspaces=2, attached=True)
    world.start(job("detach"))
    world.simulator.detach("prod-0", TASK)
    world.simulator.remove_workspace("prod-1")
    assert exit_code(world.resume()) == 0
    reasons = {name: result.reason for name, result in last_results(world).items()}
    assert reasons == {"prod-0": SET_OUTSIDE, "prod-1": GONE}


def test_many_workspaces_are_looked_up_in_one_list() -> None:
    """A large undo reads workspaces by id only if the list lacks them."""
    world = World(workspaces=FEW + 5, attached=True)
    world.apply(job("detach"))
    world.wire.asked.clear()
    assert len(world.start_undo(PATH, UNDO).operations) == FEW + 5
    assert asked_for(world) == []
    world.simulator.remove_workspace("prod-3")
    again = world.start_undo(PATH, PATH.with_name("again.jsonl"))
    assert (len(again.operations), [skip.reason for skip in again.blocked]) == (FEW + 4, [GONE])
    assert len(asked_for(world)) == 2


@pytest.mark.parametrize("kind", METHODS)
def test_a_404_to_everything_reports_nothing_as_gone(
    kind: str,
) -> None:
    """Perhaps a proxy's page: no list lacks the workspace, so the operation fails."""
    world = World(workspaces=1, attached=kind != "attach")
    world.apply(job(kind))
    world.start_undo(PATH, UNDO)
    begun: list[Request] = []
    world.wire.spies.append(lambda request: begun.append(request) if request.writes else None)
    world.wire.troubles = lambda _request: Trouble("404") if begun else None
    assert exit_code(world.resume(path=UNDO)) == 4
    result = last_results(world)["prod-0"]
    assert result.outcome is Outcome.FAILED
    assert "gone" not in result.reason


def test_a_renamed_workspace_is_not_gone() -> None:
    """It is looked up by its id, which stays the same."""
    world = World(workspaces=1)
    world.apply(job())
    organization = world.simulator.world.organizations["acme"]
    record = organization.workspaces.pop("prod-0")
    record.name = "prod-renamed"
    organization.workspaces["prod-renamed"] = record
    assert len(world.start_undo(PATH, UNDO).operations) == 1
    assert exit_code(world.resume(path=UNDO)) == 0
    assert world.shown("prod-renamed") == []
