"""The server refuses a write, or accepts it and does something else: both are reported."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from bulkops.api.messages import Request
from bulkops.errors import Unauthorized
from bulkops.journal.records import Result
from bulkops.journal.states import Outcome
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import Entitlements, User
from tests.engine.scripts import METHODS, writes
from tests.engine.wire import Trouble
from tests.engine.world import ADVISORY, MANDATORY, TOKEN, World, job
from tests.kinds import TASK

KINDS = list(METHODS)


def before_writing(world: World, change: Callable[[], None]) -> None:
    """Change the server just before the first write arrives."""
    pending = [change]

    def spy(request: object) -> None:
        if world.wire.writes == [] and getattr(request, "writes", False) and pending:
            pending.pop()()

    world.wire.spies.append(spy)


def only_result(world: World) -> Result:
    """Return the only result."""
    ((_, result),) = world.results
    return result


def test_an_attachment_made_outside_the_job_is_skipped() -> None:
    """A 422, read back as desired: nothing to do, and nothing for an undo to remove."""
    world = World(workspaces=1)
    before_writing(
        world, lambda: void(world.simulator.attach("prod-0", TASK, enforcement_level="mandatory"))
    )
    world.apply(job())
    result = only_result(world)
    assert (result.outcome, result.ours) == (Outcome.SKIPPED, False)
    assert result.reason == "set outside this job in the meantime"
    assert not world.effects()


def test_another_attachment_made_outside_the_job_is_a_conflict() -> None:
    """A 422, read back with another level: it stays, and the reason shows it."""
    world = World(workspaces=1)
    before_writing(world, lambda: void(world.simulator.attach("prod-0", TASK)))
    world.apply(job())
    result = only_result(world)
    assert result.outcome is Outcome.CONFLICT
    assert "shows advisory at post_plan; planned: mandatory at post_plan" in result.reason
    assert world.shown("prod-0") == ADVISORY


@pytest.mark.parametrize(
    ("kind", "outcome"), [("detach", Outcome.SKIPPED), ("update", Outcome.CONFLICT)]
)
def test_a_detach_outside_the_job(kind: str, outcome: Outcome) -> None:
    """A 404, read back as absent: as desired for a detach, a conflict for an update."""
    world = World(workspaces=1, attached=True)
    before_writing(world, lambda: world.simulator.detach("prod-0", TASK))
    world.apply(job(kind))
    assert only_result(world).outcome is outcome
    assert not world.effects()


def void(_value: object) -> None:
    """Return nothing, whatever was done."""


def test_a_refusal_is_reported_in_the_servers_words() -> None:
    """A limit unknown to the plan: the journal has status, message and request id."""
    world = World(workspaces=2)
    plan_limit = Entitlements(run_task_mandatory_enforcement_limit=1)
    before_writing(world, lambda: limit(world, plan_limit))
    world.apply(job(rollout={"max_failures": "100%"}, pace={"max_at_once": 1}))
    outcomes = [result.outcome for _, result in world.results]
    assert outcomes == [Outcome.SUCCEEDED, Outcome.FAILED]
    failed = world.results[1][1]
    assert failed.status == 422
    assert failed.reason.startswith("422 ")
    assert "This organization is limited to 1 mandatory run tasks" in failed.reason
    assert failed.request_id
    assert len(world.wire.writes) == 2


def limit(world: World, entitlements: Entitlements) -> None:
    """Change what the organization has paid for."""
    world.simulator.world.organizations["acme"].entitlements = entitlements


@pytest.mark.parametrize("kind", KINDS)
def test_a_revoked_right_is_reported_with_both_causes(kind: str) -> None:
    """404 means missing or not allowed: the reason names both."""
    powerless = User(name="engine", manage_workspace_run_tasks=False)
    world = World(workspaces=1, attached=kind != "attach")
    before_writing(world, lambda: world.simulator.tokens.update({TOKEN: powerless}))  # type: ignore[union-attr]  # a dict here
    world.apply(job(kind))
    result = only_result(world)
    assert result.outcome is Outcome.FAILED
    assert "(missing, or this token has no access)" in result.reason
    assert not world.effects()


def test_a_workspace_deleted_before_it_starts_fails_on_an_old_server_too() -> None:
    """A server without a list by run task: its own list is missing; the others continue."""
    world = World(workspaces=3, profile="tfe-v202401-1-none-included")
    world.start(job(rollout={"max_failures": "100%"}))
    world.simulator.remove_workspace("prod-1")
    replay = world.resume()
    assert (replay.count(Outcome.SUCCEEDED), replay.count(Outcome.FAILED)) == (2, 1)


def test_a_token_refused_while_reading_back_leaves_the_write_in_doubt() -> None:
    """Lost, then 401: the next execution finds it done."""
    world = World(workspaces=1)
    tokens: dict[str, User] = {TOKEN: User(name="engine")}
    world.simulator.tokens = tokens
    world.wire.troubles = writes(Trouble("close-after", meanwhile=tokens.clear))
    world.start(job())
    with pytest.raises(Unauthorized):
        world.resume()
    assert world.journaled().count(Outcome.IN_DOUBT) == 1
    tokens[TOKEN] = User(name="engine")
    assert world.resume().count(Outcome.SUCCEEDED) == 1
    assert world.effects() == {"prod-0": 1}


@pytest.mark.parametrize("fault", [None, "close-before"])
def test_a_workspace_deleted_meanwhile_fails_with_both_causes(fault: str | None) -> None:
    """Refused or lost: a target that can't be read back is reported as missing."""
    world = World(workspaces=2)
    before_writing(world, lambda: world.simulator.remove_workspace("prod-0"))
    world.wire.troubles = writes(*([Trouble(fault)] if fault else []))
    world.apply(job(rollout={"max_failures": "100%"}))
    reasons = {operation.target.name: result.reason for operation, result in world.results}
    assert "404" in reasons["prod-0"]
    assert "or this token can't see it" in reasons["prod-0"]
    assert reasons["prod-1"] == ""


def test_an_attach_without_a_body_is_read_back() -> None:
    """204: done, known by its id, without a further attempt or a lost answer."""
    world = World(workspaces=3, profile="tfe-v202402-1")
    world.apply(job())
    for operation, result in world.results:
        (attached,) = world.simulator.attachments(operation.target.name, TASK)
        assert (result.outcome, result.ours, result.id) == (
            Outcome.SUCCEEDED,
            True,
            attached.id,
        )
        assert (result.reason, result.attempts, result.status) == ("", 1, 204)


def test_stages_that_the_server_drops_are_a_failure() -> None:
    """The server accepts two stages and keeps one: the echo differs from the desired state."""
    world = World(workspaces=1)
    world.start(job(operation={"stages": ["pre_plan", "post_plan"]}))
    older = World(workspaces=1, profile="tfe-v202402-1").simulator.profile
    world.simulator.profile = older
    world.resume()
    result = only_result(world)
    assert (result.outcome, result.ours) == (Outcome.FAILED, True)
    assert result.reason == (
        "the server accepted it, but shows mandatory at pre_plan instead of "
        "mandatory at pre_plan, post_plan"
    )


def test_stages_that_the_server_drops_are_a_failure_of_an_update_too() -> None:
    """The PATCH's answer shows what was kept."""
    world = World(workspaces=1, attached=True)
    world.start(job("update", operation={"stages": ["pre_plan", "post_plan"]}))
    world.simulator.profile = World(profile="tfe-v202402-1").simulator.profile
    world.resume()
    assert only_result(world).outcome is Outcome.FAILED
    assert "shows mandatory at pre_plan instead of" in only_result(world).reason


def test_what_failed_but_took_effect_is_not_tried_again_by_a_reading_that_lags() -> None:
    """Attached with one of two stages, and a lagging list: no second attachment."""
    world = World(workspaces=1, server=partial(Simulator, duplicate_attach="accept"))
    world.start(job(operation={"stages": ["pre_plan", "post_plan"]}, rollout={"max_failures": 1}))
    older = World(profile="tfe-v202402-1").simulator.profile
    world.simulator.profile = msgspec.structs.replace(older, attach_body=True)
    world.resume()
    world.simulator.profile = World().simulator.profile
    there = dict(world.task.attached)
    world.task.attached.clear()

    def catch_up(request: Request) -> Trouble | None:
        if "relationships" not in request.path:
            return None
        return Trouble("slow", meanwhile=lambda: world.task.attached.update(there))

    world.wire.troubles = catch_up
    assert world.resume(retry_failed=True).count(Outcome.SUCCEEDED) == 1
    assert world.shown("prod-0") == [("mandatory", ("pre_plan", "post_plan"))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_token_stops_a_job_that_can_be_resumed(kind: str) -> None:
    """401 in the middle: raised unchanged, nothing new sent, finished by the next execution."""
    world = World(workspaces=20, attached=kind != "attach")
    tokens: dict[str, User] = {TOKEN: User(name="engine")}
    world.simulator.tokens = tokens

    def expire(_request: object) -> None:
        if len(world.wire.writes) == 5:
            tokens.clear()

    world.wire.spies = [expire]
    world.start(job(kind, pace={"max_at_once": 4}))
    with pytest.raises(Unauthorized, match="expired or revoked"):
        world.resume()
    assert len(world.wire.writes) < 5 + 4 + 1
    stopped = world.journaled()
    assert stopped.count(Outcome.FAILED) == 0
    assert stopped.count(Outcome.SUCCEEDED) == len(world.effects())
    assert 1 <= stopped.count(Outcome.IN_DOUBT) <= 4
    assert stopped.ended is not None
    assert stopped.ended.how == "error"
    world.wire.spies = []
    tokens[TOKEN] = User(name="engine")
    replay = world.resume()
    assert replay.count(Outcome.SUCCEEDED) == 20
    assert set(world.effects().values()) == {1}
    assert world.all_shown() == [[] if kind == "detach" else MANDATORY] * 20
