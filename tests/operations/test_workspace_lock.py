"""``workspace-lock`` and ``workspace-unlock``: holders, reasons, and unusual servers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import pytest

from bulkops.job.job import job_from_builtins
from bulkops.journal.records import Result
from bulkops.journal.states import Outcome
from bulkops.operations import KINDS, wording
from bulkops.operations.kinds.workspace_lock import ONLY_ITS_HOLDER, WorkspaceLockSpec
from bulkops.operations.model import Observed, Operation, Target
from bulkops.plan.undo import BACK, NOT_OURS
from bulkops.report.model import exit_code
from bulkops.simulator.messages import workspace_documents
from bulkops.simulator.state import User
from tests.engine.scripts import always, writes
from tests.engine.wire import Trouble
from tests.engine.world import PATH, World, job
from tests.engine.worlds import world_for
from tests.kinds import bound

UNDO = PATH.with_name("undo.jsonl")
PATIENT = {"max_failures": "100%"}
LOCK, UNLOCK = "workspace-lock", "workspace-unlock"

Forge: TypeAlias = Callable[[Callable[[dict[str, Any], dict[str, Any]], None]], None]
"""Changes the attributes and relationships of each workspace that the server shows."""


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Forge:
    """Return a function that makes the server misrepresent its workspaces."""
    honest = workspace_documents.workspace

    def install(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
        def shown(*arguments: Any) -> dict[str, object]:
            resource: Any = honest(*arguments)
            change(resource["attributes"], resource["relationships"])
            return dict(resource)

        monkeypatch.setattr(workspace_documents, "workspace", shown)

    return install


def results(world: World) -> dict[str, Result]:
    """Return the last result of each workspace."""
    return {operation.target.name: result for operation, result in world.results}


def locks(world: World) -> dict[str, tuple[str | None, str | None]]:
    """Return who holds which workspace's lock, and the reason."""
    records = world.simulator.world.workspaces.values()
    return {one.name: (one.locked_by, one.locked_reason) for one in records if one.locked}


def test_an_existing_lock_is_unchanged() -> None:
    """An existing lock is a skip, or blocked if a run holds it."""
    world = World(workspaces=4)
    world.simulator.lock("prod-0", by="user-ann", reason="mine")
    world.simulator.lock("prod-1", by="run-1")
    world.simulator.lock("prod-2", by="team-1")
    plan = world.plan(job(LOCK))
    assert [one.target.name for one in plan.operations] == ["prod-3"]
    assert [(s.target.name, s.reason, s.blocked) for s in plan.skips] == [
        ("prod-0", "already locked", False),
        ("prod-1", "locked by a run, until that run ends", True),
        ("prod-2", "already locked", False),
    ]
    assert plan.notes == []
    unlock = world.plan(job(UNLOCK))
    assert [one.target.name for one in unlock.operations] == ["prod-0", "prod-2"]
    assert list(unlock.notes) == [ONLY_ITS_HOLDER]
    assert unlock.counts == {"unlock": 2}


@pytest.mark.parametrize("kind", [LOCK, UNLOCK])
def test_the_right_is_the_one_the_api_names(kind: str) -> None:
    """Locking needs ``can-lock``, not the permission to manage run tasks."""
    rights = User(name="engine", manage_workspaces=False)
    world = world_for(kind, 2, rights=rights)
    plan = world.plan(job(kind))
    verb = kind.removeprefix("workspace-")
    assert plan.operations == []
    assert {skip.reason for skip in plan.blocked} == {f"this token can't {verb} it"}
    assert KINDS[kind].right.permission == f"can-{verb}"
    free = User(name="engine", manage_workspace_run_tasks=False)
    assert len(world_for(kind, 2, rights=free).plan(job(kind)).operations) == 2


def test_without_a_reason_none_is_sent() -> None:
    """The lock then has no reason, and the same user's lock with a reason is another one."""
    world = World(workspaces=1)
    document = {"name": "scan", "organization": "acme", "operation": {"kind": LOCK}}
    world.apply(job_from_builtins({**document, "select": {"all": True}}))
    assert locks(world) == {"prod-0": ("user-engine", None)}
    assert world.wire.writes[0].body == b""


@pytest.mark.parametrize(
    ("by", "reason"), [("user-ann", "mine"), ("user-ann", None), ("team-1", "x"), ("run-1", None)]
)
def test_a_lock_that_came_between_plan_and_apply_is_a_conflict(by: str, reason: str | None) -> None:
    """Nothing is sent; a retry is decided by who holds the lock."""
    world = World(workspaces=2)
    world.start(job(LOCK, rollout=PATIENT))
    world.simulator.lock("prod-0", by=by, reason=reason)
    replay = world.resume()
    assert results(world)["prod-0"].outcome is Outcome.CONFLICT
    assert len(world.wire.writes) == 1
    assert locks(world)["prod-0"] == (by, reason)
    assert exit_code(replay) == 3
    world.resume(retry_failed=True)
    again = results(world)["prod-0"]
    assert again.outcome is (Outcome.CONFLICT if by == "run-1" else Outcome.SKIPPED)


def late(world: World, change: Callable[[], None]) -> None:
    """Make a change just before the first write reaches the server."""

    def spy(request: Any) -> None:
        if request.writes and change in pending:
            pending.remove(change)
            change()

    pending = [change]
    world.wire.spies.append(spy)


def test_a_409_to_a_lock_is_decided_by_a_reading() -> None:
    """Another lock is a conflict that names holder and reason; one with our reason is a skip."""
    for reason, outcome in (("mine", Outcome.CONFLICT), ("change freeze", Outcome.SKIPPED)):
        world = World(workspaces=1)
        late(world, partial(world.simulator.lock, "prod-0", reason=reason))
        world.apply(job(LOCK, rollout=PATIENT))
        result = results(world)["prod-0"]
        assert (result.outcome, result.status, result.ours) == (outcome, 409, False)
        assert locks(world) == {"prod-0": ("user-somebody", reason)}
        plan = world.start_undo(PATH, UNDO)
        assert (plan.operations, [skip.reason for skip in plan.skips]) == ([], [NOT_OURS])


@pytest.mark.parametrize("by", ["user-ann", "team-1"])
def test_unlocking_another_users_lock_fails_with_the_servers_error(by: str) -> None:
    """The 409 is read back; the workspace is still locked, so it is not a skip."""
    world = World(workspaces=1)
    world.simulator.lock("prod-0", by=by, reason="mine")
    replay = world.apply(job(UNLOCK, rollout=PATIENT))
    result = results(world)["prod-0"]
    assert (result.outcome, result.status) == (Outcome.FAILED, 409)
    who = "User ann" if by == "user-ann" else "Team 1"
    assert f"The workspace is locked by {who}" in result.reason
    assert locks(world) == {"prod-0": (by, "mine")}
    assert exit_code(replay) == 3
    reads = [request for request in world.wire.asked if "search[name]" in dict(request.query)]
    assert len(reads) == 1


def test_an_unlock_that_meets_a_run_is_not_a_skip() -> None:
    """Our lock was released, and a run took one before the unlock arrived."""
    world = world_for(UNLOCK, 1)
    late(world, lambda: world.simulator.lock("prod-0", by="run-7"))
    world.apply(job(UNLOCK, rollout=PATIENT))
    result = results(world)["prod-0"]
    assert result.outcome is Outcome.CONFLICT
    assert "the server shows locked by run-7" in result.reason


def test_an_unlock_done_outside_this_job_is_a_skip() -> None:
    """The 409 says that it is unlocked: as desired, but not by this job."""
    world = world_for(UNLOCK, 1)
    late(world, lambda: world.simulator.unlock("prod-0"))
    world.apply(job(UNLOCK, rollout=PATIENT))
    result = results(world)["prod-0"]
    assert (result.outcome, result.ours) == (Outcome.SKIPPED, False)


def test_an_undo_unlocks_only_what_the_job_locked() -> None:
    """Locks of others, other locks of this user, and earlier locks stay."""
    world = World(workspaces=6)
    world.simulator.lock("prod-0", by="user-engine", reason="older")
    world.apply(job(LOCK))
    world.simulator.lock("prod-1", by="user-engine", reason="another job's")
    world.simulator.lock("prod-2", by="user-ann", reason="change freeze")
    world.simulator.unlock("prod-3")
    world.simulator.lock("prod-4", by="run-7")
    plan = world.start_undo(PATH, UNDO)
    assert [one.target.name for one in plan.operations] == ["prod-2", "prod-5"]
    assert plan.counts == {"unlock": 2}
    changed = {s.target.name: (s.reason.partition(":")[0], s.blocked) for s in plan.skips}
    assert changed == {
        "prod-1": ("changed outside this job", True),
        "prod-3": (BACK, False),
        "prod-4": ("changed outside this job", True),
    }
    assert world.resume(path=UNDO).count(Outcome.FAILED) == 1
    assert "locked by User ann" in results(world)["prod-2"].reason
    assert set(locks(world)) == {"prod-0", "prod-1", "prod-2", "prod-4"}


def test_the_undo_of_an_unlock_locks_it_with_the_reason_it_had() -> None:
    """Undo restores the lock with any reason it had before the job."""
    world = World(workspaces=1)
    world.simulator.lock("prod-0", by="user-engine", reason="older")
    world.apply(job(UNLOCK))
    assert locks(world) == {}
    assert world.start_undo(PATH, UNDO).counts == {"lock": 1}
    assert exit_code(world.resume(path=UNDO)) == 0
    assert locks(world) == {"prod-0": ("user-engine", "older")}


@pytest.mark.parametrize("kind", [LOCK, UNLOCK])
@pytest.mark.parametrize("odd", [None, "missing"])
def test_what_the_server_does_not_show_is_not_taken_for_unlocked(
    forge: Forge, kind: str, odd: str | None
) -> None:
    """If the server doesn't show the lock, both kinds are blocked and send nothing."""

    def change(attributes: dict[str, Any], _relationships: dict[str, Any]) -> None:
        attributes["locked"] = None
        if odd == "missing":
            del attributes["locked"]

    forge(change)
    world = world_for(kind, 2)
    plan = world.plan(job(kind))
    assert plan.operations == []
    assert {s.reason for s in plan.blocked} == {"the server doesn't show whether it is locked"}


def test_a_lock_shown_as_text_is_read(forge: Forge) -> None:
    """ "false" is not taken for true."""
    forge(lambda attributes, _: attributes.update(locked="false"))
    assert len(World(workspaces=1).plan(job(LOCK)).operations) == 1
    assert not World(workspaces=1).plan(job(UNLOCK)).operations


@pytest.mark.parametrize("member", ["locked", "locked-reason"])
def test_a_lock_that_can_not_be_read_is_blocked(forge: Forge, member: str) -> None:
    """Neither the lock nor the reason by which bulkops knows its own locks is guessed."""
    forge(lambda attributes, _: attributes.update({"locked": True, member: {}}))
    for kind in (LOCK, UNLOCK):
        plan = World(workspaces=1).plan(job(kind))
        assert len(plan.blocked) == 1


@pytest.mark.parametrize("kind", [LOCK, UNLOCK])
@pytest.mark.parametrize("odd", [None, "missing", "odd"])
def test_an_answer_that_shows_no_lock_is_read_back(
    forge: Forge, kind: str, odd: str | None
) -> None:
    """It decides nothing; if the reading doesn't show the lock either, it stays in doubt."""
    world = world_for(kind, 1)
    world.start(job(kind, rollout={"max_failures": 1}))
    sent: list[str] = []

    def change(attributes: dict[str, Any], _relationships: dict[str, Any]) -> None:
        if not world.wire.writes or sent:
            return
        attributes["locked"] = odd
        if odd == "missing":
            del attributes["locked"]

    forge(change)
    world.resume()
    assert world.journaled().count(Outcome.IN_DOUBT) == 1
    sent.append("and now it shows it")
    replay = world.resume()
    assert replay.count(Outcome.SUCCEEDED) == 1
    assert len(world.wire.writes) == 1


@pytest.mark.parametrize("kind", [LOCK, UNLOCK])
def test_an_older_server_shows_neither_reason_nor_holder(forge: Forge, kind: str) -> None:
    """The reason is assumed to be the job's: apply, verify and undo work."""

    def change(attributes: dict[str, Any], relationships: dict[str, Any]) -> None:
        del attributes["locked-reason"], relationships["locked-by"]

    forge(change)
    world = world_for(kind, 3)
    replay = world.apply(job(kind))
    assert exit_code(replay) == 0
    assert len(locks(world)) == (3 if kind == LOCK else 0)
    assert len(world.start_undo(PATH, UNDO).operations) == 3
    assert exit_code(world.resume(path=UNDO)) == 0
    assert len(locks(world)) == (0 if kind == LOCK else 3)


@pytest.mark.parametrize("kind", [LOCK, UNLOCK])
def test_a_lost_answer_and_another_lock_since_is_a_conflict(kind: str) -> None:
    """Our request never arrived and another lock is there after ``settle``: nothing is sent."""
    world = world_for(kind, 1)
    world.wire.troubles = writes(Trouble("hang-before"))
    late(world, lambda: world.simulator.lock("prod-0", by="user-ann", reason="mine"))
    world.apply(job(kind, rollout=PATIENT))
    assert results(world)["prod-0"].outcome is Outcome.CONFLICT
    assert locks(world) == {"prod-0": ("user-ann", "mine")}
    assert len(world.wire.writes) == 1


@pytest.mark.parametrize("kind", [LOCK, UNLOCK])
def test_an_answer_that_is_lost_every_time_is_found_by_reading(kind: str) -> None:
    """It is done once, adopted, and undo reverts it."""
    world = world_for(kind, 1)
    world.wire.troubles = always(lambda request: request.writes, Trouble("504-after"))
    replay = world.apply(job(kind))
    assert results(world)["prod-0"].ours
    assert exit_code(replay) == 0
    world.wire.troubles = lambda _request: None
    assert len(world.start_undo(PATH, UNDO).operations) == 1


def test_the_two_requests() -> None:
    """The reason is at the top of the body, as in the OpenAPI document; an unlock has none."""
    target = Target("ws-1", "prod-app")
    lock, unlock = bound(LOCK), bound(UNLOCK)
    (one,) = lock.decide(
        target, {"": {"ws-1": [Observed("ws-1", {"locked": False, "locked-reason": None})]}}
    )
    (other,) = unlock.decide(
        target, {"": {"ws-1": [Observed("ws-1", {"locked": True, "locked-reason": "x"})]}}
    )
    assert isinstance(one, Operation)
    assert isinstance(other, Operation)
    request = lock.aspects[""].request(one)
    assert (request.method, request.path) == ("POST", "/api/v2/workspaces/ws-1/actions/lock")
    assert request.body == b'{"reason":"change freeze"}'
    request = unlock.aspects[""].request(other)
    assert (request.method, request.path) == ("POST", "/api/v2/workspaces/ws-1/actions/unlock")
    assert request.body == b""
    # One job's lock and another's unlock change the same thing (see ``unfinished_jobs``).
    assert lock.aspects[""].source == unlock.aspects[""].source
    assert hash(lock.aspects[""].source) == hash(unlock.aspects[""].source)


def test_a_lock_is_described() -> None:
    """Plans, results and reports describe a lock with holder and reason."""
    unlocked, locked = {"locked": False, "locked-reason": None}, {"locked": True}
    frozen = {**locked, "locked-reason": "change freeze"}

    def words(before: dict[str, object], desired: dict[str, object]) -> str:
        return wording.change(
            Operation("k", Target("ws-1", "x"), Observed("ws-1", before), desired)
        )

    assert words({**unlocked}, frozen) == 'not locked → locked ("change freeze")'
    assert words({**locked, "locked-reason": None}, {**unlocked}) == "locked → not locked"
    one = Operation("k", Target("ws-1", "x"), Observed("ws-1", {**unlocked}), frozen)
    by_a_run = {**locked, "locked-reason": None, "locked-by": "run-7"}
    assert wording.state(one, by_a_run) == "locked by run-7"
    assert wording.state(one, {"locked": None}) == "neither locked nor unlocked"
    assert wording.state(one, None) == "not there"


@pytest.mark.parametrize("reason", ["", " x", "x ", "a\nb", "x" * 301])
def test_a_reason_is_a_line_of_text(reason: str) -> None:
    """A reason that the server might store differently is refused."""
    with pytest.raises(Exception, match=r"regex|reason"):
        bound(LOCK, reason=reason)
    assert WorkspaceLockSpec(reason="x" * 300).reason
