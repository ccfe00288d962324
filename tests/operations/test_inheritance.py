"""Workspaces that inherit execution mode and agent pool: jobs about them, and their undo."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bulkops.api.messages import Request, Response
from bulkops.job.job import Job, job_from_builtins
from bulkops.journal.records import Verified
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.operations import wording
from bulkops.operations.compare import Shown, compare
from bulkops.operations.inheritance import INHERITED
from bulkops.operations.model import Attributes, Observed, Operation
from bulkops.plan import current_state
from bulkops.report.model import exit_code
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import Workspace
from tests.engine.scripts import writes
from tests.engine.wire import Trouble
from tests.engine.world import PATH, World
from tests.engine.worlds import everything
from tests.kinds import WORKSPACE, bound

UNDO = PATH.with_name("undo.jsonl")
AGAIN = PATH.with_name("again.jsonl")
LOCAL = {"execution_mode": "local"}
AGENTS = {"execution_mode": "agent", "agent_pool_id": "apool-1"}
NOTHING = (None, None)


class Older(Simulator):
    """A server that doesn't show ``setting-overwrites`` until it is upgraded."""

    upgraded = False

    def handle(self, request: Request, now: float, *, url_status: int | None = None) -> Response:
        """Answer without it."""
        answer = super().handle(request, now, url_status=url_status)
        if self.upgraded or not answer.body:
            return answer
        document = msgspec.json.decode(answer.body)
        data = document.get("data", [])
        for resource in data if isinstance(data, list) else [data]:
            resource.get("attributes", {}).pop("setting-overwrites", None)
        return msgspec.structs.replace(answer, body=msgspec.json.encode(document))


def job(**operation: object) -> Job:
    """Return a job with only these settings."""
    document = {"name": "scan", "organization": "acme", "select": {"all": True}}
    return job_from_builtins({**document, "operation": {"kind": "workspace-update", **operation}})


def records(world: World) -> list[Workspace]:
    """Return the current state of the workspaces."""
    return list(world.simulator.world.workspaces.values())


def own(record: Workspace) -> tuple[str | None, str | None]:
    """Return a workspace's own mode and pool, ``NOTHING`` if it inherits them."""
    return record.execution_mode, record.agent_pool


def set_default(world: World, mode: str, pool: str | None = None) -> None:
    """Change what the organization's workspaces inherit."""
    organization = world.simulator.world.organizations["acme"]
    organization.execution_mode, organization.agent_pool = mode, pool


def undone(world: World, of: Path = PATH, path: Path = UNDO) -> Replay:
    """Undo a journal."""
    world.start_undo(of, path)
    return world.resume(path=path)


def verified(world: World, replay: Replay) -> Verified:
    """Verify a journal."""
    return world.run(lambda: current_state.read_verified(world.client(), replay, 10.0))


@pytest.mark.parametrize("spec", [LOCAL, {**AGENTS, "auto_apply": True}], ids=str)
@pytest.mark.parametrize("default", [("remote", None), ("agent", "apool-7")], ids=str)
def test_undo_lets_workspaces_inherit_again(
    spec: dict[str, object], default: tuple[str, str | None]
) -> None:
    """Those that inherited the mode inherit it again, those with the same mode of their own don't.

    The undo of the undo gives all of them the job's mode again.
    """
    world = World(workspaces=2)
    inheriting, other = records(world)
    set_default(world, *default)
    other.execution_mode, other.agent_pool = default
    before = everything(world)
    assert exit_code(world.apply(job(**spec))) == 0
    done = everything(world)
    assert own(inheriting) == own(other) != NOTHING
    assert exit_code(undone(world)) == 0
    assert (own(inheriting), own(other)) == (NOTHING, default)
    assert everything(world) == before
    assert exit_code(undone(world, UNDO, AGAIN)) == 0
    assert own(inheriting) == own(other) != NOTHING
    assert everything(world) == done


def test_undo_sends_only_that_it_inherits() -> None:
    """A mode or pool in the same request would be the workspace's own.

    A job sends the pool with its mode, which the workspace doesn't have itself, though it shows it.
    """
    world = World(workspaces=1)
    set_default(world, "agent", "apool-7")
    world.apply(job(**AGENTS, auto_apply=True))
    undone(world)
    bodies = [msgspec.json.decode(request.body) for request in world.wire.writes]
    assert [body["data"]["attributes"] for body in bodies] == [
        {"auto-apply": True, "execution-mode": "agent", "agent-pool-id": "apool-1"},
        {"auto-apply": False, "setting-overwrites": INHERITED},
    ]


def test_a_workspace_that_inherits_the_desired_mode_is_skipped() -> None:
    """Its mode is as desired; a job doesn't turn an inherited one into its own."""
    world = World(workspaces=1)
    (record,) = records(world)
    (skip,) = world.plan(job(execution_mode="remote")).skips
    assert (skip.reason, skip.blocked) == ("already as desired", False)
    assert exit_code(world.apply(job(execution_mode="remote", auto_apply=True))) == 0
    assert (own(record), record.auto_apply) == (NOTHING, True)
    assert exit_code(undone(world)) == 0
    assert (own(record), record.auto_apply) == (NOTHING, False)


def test_the_default_may_change_before_the_undo_and_after_it() -> None:
    """What undo restores is that they inherit: their mode follows the default of the time."""
    world = World(workspaces=1)
    (record,) = records(world)
    world.apply(job(**LOCAL))
    set_default(world, "agent", "apool-7")
    replay = undone(world)
    assert (exit_code(replay), own(record)) == (0, NOTHING)
    set_default(world, "local")
    found = verified(world, replay)
    assert (found.verified, found.differing) == (1, {})
    record.execution_mode = "local"
    assert list(verified(world, replay).differing.values()) == ["execution-mode local"]


def test_a_default_that_changes_before_the_job_is_a_conflict() -> None:
    """Such a workspace shows another mode than was planned for."""
    world = World(workspaces=1)
    world.start(job(**LOCAL))
    set_default(world, "agent", "apool-7")
    replay = world.resume()
    assert (replay.count(Outcome.CONFLICT), own(records(world)[0])) == (1, NOTHING)
    ((_, result),) = world.results
    assert "shows execution-mode agent (inherited), agent-pool-id apool-7 (inh" in result.reason


def test_a_workspace_that_inherits_again_already_is_left() -> None:
    """Somebody else let it inherit again, whatever the default is now."""
    world = World(workspaces=1)
    (record,) = records(world)
    world.apply(job(**LOCAL))
    record.execution_mode = None
    set_default(world, "agent", "apool-7")
    plan = world.start_undo(PATH, UNDO)
    assert [skip.reason for skip in plan.skips] == ["already as it was before"]


@pytest.mark.parametrize("fault", ["500-after", "close-before", "500", "cut"])
def test_an_undo_whose_answer_is_lost_is_read_back(fault: str) -> None:
    """It is done once, though the workspace's mode is the same before and after it."""
    world = World(workspaces=1)
    set_default(world, "agent", "apool-7")
    world.apply(job(**AGENTS))
    world.wire.troubles = writes(Trouble(fault))
    set_default(world, "agent", "apool-1")
    assert exit_code(undone(world)) == 0
    assert own(records(world)[0]) == NOTHING
    assert sum(world.effects().values()) == 2


@pytest.mark.parametrize("upgraded", [False, True], ids=["older server", "older journal"])
def test_an_undo_that_knows_of_no_inheritance_writes_the_mode(*, upgraded: bool) -> None:
    """A server that is too old doesn't show it, and bulkops 0.2 didn't record it."""
    world = World(workspaces=1, server=Older)
    (record,) = records(world)
    assert exit_code(world.apply(job(**LOCAL))) == 0
    assert isinstance(world.simulator, Older)
    world.simulator.upgraded = upgraded
    assert exit_code(undone(world)) == 0
    assert own(record) == ("remote", None)


def test_a_journal_of_an_older_server_is_resumed() -> None:
    """What it planned still holds, though the server now shows that the mode is inherited."""
    world = World(workspaces=1, server=Older)
    world.start(job(**LOCAL))
    assert isinstance(world.simulator, Older)
    world.simulator.upgraded = True
    assert exit_code(world.resume()) == 0
    assert own(records(world)[0]) == ("local", None)


def state(mode: str = "remote", **others: object) -> Attributes:
    """Return attributes with a mode of the workspace's own."""
    return {"execution-mode": mode, "auto-apply": True, **others}


def inherited(mode: str = "remote", **others: object) -> Attributes:
    """Return the same with an inherited mode."""
    return {**state(mode, **others), "setting-overwrites": INHERITED}


@pytest.mark.parametrize(
    ("before", "desired", "observed", "shown"),
    [
        (state("local"), inherited(), inherited(), Shown.DESIRED),
        (state("local"), inherited(), inherited("agent", **{"agent-pool-id": "apool-1"}),
         Shown.DESIRED),
        (state("local"), inherited(), {**inherited(), "auto-apply": False}, Shown.OTHER),
        (state("local"), inherited(), state(), Shown.OTHER),
        (state("local"), inherited(), state("local"), Shown.BEFORE),
        (inherited(), state("local"), inherited(), Shown.BEFORE),
        (inherited(), state("local"), inherited("agent"), Shown.OTHER),
        (inherited(), state("local"), state(), Shown.OTHER),
        (inherited(), state("local"), inherited("local"), Shown.DESIRED),
        (state(), state("local"), inherited(), Shown.BEFORE),
        (state(), state("local"), inherited("agent"), Shown.OTHER),
    ],
)  # fmt: skip
def test_inherited_and_own_states_are_compared(
    before: Attributes, desired: Attributes, observed: Attributes, shown: Shown
) -> None:
    """The table of ``bulkops.operations.inheritance``, for jobs and for their undo."""
    operation = Operation("update", WORKSPACE, Observed(WORKSPACE.id, before), desired)
    assert compare(operation, [Observed(WORKSPACE.id, observed)]) is shown


@pytest.mark.parametrize(
    ("before", "desired", "words"),
    [
        (inherited(), state("local"), "execution-mode remote (inherited) → local"),
        (state("local"), inherited(), "execution-mode local → inherited (was remote)"),
        (state(), inherited(), "execution-mode remote → inherited (was remote)"),
        (
            state("agent", **{"agent-pool-id": "apool-1"}),
            inherited("agent", **{"agent-pool-id": "apool-7"}),
            "agent-pool-id apool-1 → inherited (was apool-7), "
            "execution-mode agent → inherited (was agent)",
        ),
    ],
)
def test_a_change_says_what_is_inherited(
    before: Attributes, desired: Attributes, words: str
) -> None:
    """Plans and reports say it of the values before and afterwards."""
    operation = Operation("update", WORKSPACE, Observed(WORKSPACE.id, before), desired)
    assert wording.change(operation) == words


@pytest.mark.parametrize(
    "overwrites",
    [None, "no", {}, {"execution-mode": None}, {"execution-mode": True, "agent-pool": True}],
    ids=str,
)
def test_only_an_explicit_false_means_inherited(overwrites: object) -> None:
    """Anything else is compared as the workspace's own."""
    kind = bound("workspace-update", terraform_version=None, auto_apply=None, **LOCAL)
    there = {"execution-mode": "remote"}
    shown = {**there, "setting-overwrites": overwrites}
    resource = {"id": WORKSPACE.id, "type": "workspaces", "attributes": shown}
    answer = Response(200, {}, msgspec.json.encode({"data": resource}))
    assert kind.aspects[""].echo(answer) == Observed(WORKSPACE.id, there)
