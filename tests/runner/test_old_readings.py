"""A reading that shows the state before the job doesn't prove that a write succeeded."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from bulkops.api.messages import Request, Response
from bulkops.journal.states import Outcome
from bulkops.plan.current_state import TO_READ_AGAIN, read_verified
from bulkops.report.model import exit_code
from tests.engine.scripts import METHODS, both, writes
from tests.engine.wire import Trouble
from tests.engine.world import MANDATORY, PATH, World, job
from tests.journal.disk import Disk
from tests.kinds import OLD_TASK, TASK
from tests.simulation.server import LaggingServer

UNDO = PATH.with_name("undo.jsonl")
BEHIND = 9.0
"""Seconds, less than ``settle``: what is assumed of a reading holds."""


class BehindOneByOne(LaggingServer):
    """A server whose list of a workspace's run tasks is always some seconds behind."""

    def handle(self, request: Request, now: float, **more: Any) -> Response:
        """Answer one request."""
        own = "/workspaces/ws-" in request.path
        self.lag = lambda: BEHIND if own else 0.0
        return super().handle(request, now, **more)


def behind(*, attached: bool) -> World:
    """Return a world with such a server, in which one execution follows another immediately."""
    world = World(workspaces=1, attached=attached, server=BehindOneByOne)
    world.simulator.add_task(OLD_TASK)
    world.pause = 0.0
    return world


def undoing(kind: str) -> tuple[World, object]:
    """Return a world in which an undo follows its job immediately, and the state before the job."""
    world = behind(attached=kind != "attach")
    before = world.shown("prod-0")
    world.apply(job(kind, rollout={"max_failures": "100%"}))
    world.results.clear()
    world.start_undo(PATH, UNDO)
    return world, before


@pytest.mark.parametrize("kind", METHODS)
def test_a_lost_undo_is_not_taken_for_done_by_a_reading_from_before_the_job(kind: str) -> None:
    """The undo's write is lost and a reading shows the state before the job: sent again."""
    world, before = undoing(kind)
    world.wire.troubles = writes(Trouble("reset-before"))
    replay = world.resume(path=UNDO)
    assert exit_code(replay) == 0
    assert world.shown("prod-0") == before
    ((_, result),) = world.results
    assert (result.outcome, result.attempts) == (Outcome.SUCCEEDED, 2)


@pytest.mark.parametrize("kind", METHODS)
def test_an_undo_in_doubt_is_not_adopted_by_a_reading_from_before_the_job(
    kind: str,
) -> None:
    """Killed before the server got the undo's write: the next execution sends it again."""
    world, before = undoing(kind)
    # A ping, one reading, the write.
    world.wire.die_at = len(world.wire.asked) + 3
    assert world.until_stopped(UNDO) is None
    world.disk.power_on(keeping=0.0)
    replay = world.resume(path=UNDO)
    assert (exit_code(replay), replay.count(Outcome.SUCCEEDED)) == (0, 1)
    assert world.shown("prod-0") == before


@pytest.mark.parametrize("kind", METHODS)
def test_a_refused_undo_fails_despite_a_reading_from_before_the_job(kind: str) -> None:
    """Nothing changed outside the job: it fails, and is not a skip."""
    world, before = undoing(kind)
    world.wire.troubles = writes(Trouble("403"))
    assert exit_code(world.resume(path=UNDO)) == 3
    ((_, result),) = world.results
    assert result.outcome is Outcome.FAILED
    assert world.shown("prod-0") != before


def test_a_refused_job_fails_despite_a_reading_from_before_the_last_job() -> None:
    """Two jobs in a row: the state before both isn't a change outside the job."""
    world = behind(attached=True)
    world.apply(job("update"))
    assert world.shown("prod-0") == MANDATORY
    world.results.clear()
    world.disk = Disk()
    world.wire.troubles = writes(Trouble("403"))
    world.apply(job("update", operation={"stages": ["pre_plan"]}, rollout={"max_failures": 1}))
    ((_, result),) = world.results
    assert result.outcome is Outcome.FAILED


def test_a_replace_right_after_its_undo_never_removes_both() -> None:
    """The attach is lost and a reading shows the old one: the old run task stays."""
    world = behind(attached=True)
    world.simulator.detach("prod-0", TASK)
    world.simulator.attach("prod-0", OLD_TASK)
    assert isinstance(world.simulator, LaggingServer)
    bare = world.simulator.bare
    world.apply(job("replace"))
    # Long enough that what the next job reads is from before the undo, not from before this job.
    world.run(lambda: anyio.sleep(BEHIND))
    world.start_undo(PATH, UNDO)
    assert exit_code(world.resume(path=UNDO)) == 0
    world.disk = Disk()
    world.wire.troubles = writes(Trouble("reset-before"))
    assert exit_code(world.apply(job("replace"))) == 0
    assert not bare
    assert (world.shown("prod-0"), world.shown("prod-0", OLD_TASK)) == (MANDATORY, [])


@pytest.mark.parametrize("kind", METHODS)
def test_past_settle_the_first_reading_of_an_undo_counts(kind: str) -> None:
    """No reading is that old by then: a lost answer costs one reading, and no wait."""
    world = World(workspaces=3, attached=kind != "attach", latency=6.0)
    world.apply(job(kind, pace={"max_at_once": 1}))
    world.start_undo(PATH, UNDO)
    world.wire.asked.clear()
    world.wire.troubles = writes(None, None, Trouble("close-after"))
    assert exit_code(world.resume(path=UNDO)) == 0
    assert world.effects() == dict.fromkeys(world.names, 2)
    looks = [r for r in world.wire.asked if not r.writes and "/workspaces/ws-" in r.path]
    assert len(looks) == 1


@pytest.mark.parametrize("kind", METHODS)
def test_a_lost_undo_of_an_undo_is_not_adopted_by_an_old_reading(
    kind: str,
) -> None:
    """A reading shows what the job wrote, but the write that restores it was lost: sent again."""
    world, _ = undoing(kind)
    after = world.shown("prod-0")
    assert exit_code(world.resume(path=UNDO)) == 0
    again = PATH.with_name("again.jsonl")
    world.start_undo(UNDO, again)
    world.results.clear()
    world.wire.troubles = writes(Trouble("reset-before"))
    assert exit_code(world.resume(path=again)) == 0
    assert world.shown("prod-0") == after
    ((_, result),) = world.results
    assert (result.outcome, result.attempts) == (Outcome.SUCCEEDED, 2)


def test_a_retried_write_is_not_taken_for_done_by_a_reading_of_its_first_effect() -> None:
    """The first write took effect unseen and was undone: a lost second one is sent again.

    The attachment was there a moment ago by this journal's own write.
    """
    world = behind(attached=False)
    denied = Trouble("404")

    def hidden(request: Request) -> Trouble | None:
        return denied if not request.writes and "/workspaces/ws-" in request.path else None

    world.wire.troubles = both(writes(Trouble("reset-after")), hidden)
    replay = world.apply(job(rollout={"max_failures": "100%"}))
    assert replay.count(Outcome.FAILED) == 1
    assert world.shown("prod-0") == MANDATORY
    # As a server remembers it that lags.
    server = world.simulator
    assert isinstance(server, LaggingServer)
    server.interfere(("prod-0", TASK), "detach", world.elapsed)
    world.results.clear()
    world.wire.troubles = writes(Trouble("reset-before"))
    assert exit_code(world.resume(retry_failed=True)) == 0
    assert world.shown("prod-0") == MANDATORY
    ((_, result),) = world.results
    assert (result.outcome, result.attempts) == (Outcome.SUCCEEDED, 2)


def test_a_verification_reads_what_differs_again_past_settle() -> None:
    """Right after a job a reading shows the state before it: no drift is reported."""
    world = World(workspaces=3, server=LaggingServer)
    world.simulator.add_task(OLD_TASK)
    world.pause = 0.0
    replay = world.apply(job())
    server = world.simulator
    assert isinstance(server, LaggingServer)
    lags = iter([BEHIND])
    server.lag = lambda: next(lags, 0.0)
    verified = world.run(lambda: read_verified(world.client(), replay, 10.0))
    assert (verified.verified, verified.differing) == (3, {})
    assert server.lagged == 1


def test_a_wait_to_read_again_tells_its_length_and_reason() -> None:
    """A listener is called when it begins; the client shows what is left of it."""
    world = World(workspaces=3)
    replay = world.apply(job())
    world.pause = 0.0
    world.simulator.detach("prod-0", TASK)
    client, begun, left = world.client(), list[tuple[float, str]](), list[float]()
    client.settling.listeners.append(lambda seconds, reason: begun.append((seconds, reason)))

    async def verified() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(read_verified, client, replay, 10.0)
            await anyio.sleep(4)
            left.append(client.settling.seconds)
        left.append(client.settling.seconds)

    world.run(verified)
    assert begun == [(10.0, TO_READ_AGAIN)]
    assert 6 <= left[0] < 7
    assert left[1] == 0


def test_a_verification_without_a_difference_reads_once() -> None:
    """It waits only if there is a difference."""
    world = World(workspaces=3)
    replay = world.apply(job())
    world.wire.asked.clear()
    began, world.pause = world.elapsed, 0.0
    world.run(lambda: read_verified(world.client(), replay, 10.0))
    assert len(world.wire.asked) == 1
    assert world.elapsed - began < 1


def test_a_replace_detaches_the_old_task_only_beside_an_attached_new_one() -> None:
    """Right after an undo a reading shows both as they were in its middle; only one is there.

    By that reading, the next job of the same name has nothing to attach.
    """
    world = World(workspaces=1, server=LaggingServer)
    world.simulator.add_task(OLD_TASK)
    world.simulator.attach("prod-0", OLD_TASK)
    world.pause = 0.0
    server = world.simulator
    assert isinstance(server, LaggingServer)
    world.apply(job("replace"))
    world.start_undo(PATH, UNDO)
    stuck: list[float] = []
    world.wire.spies = [lambda r: stuck.append(world.now()) if r.method == "DELETE" else None]
    assert exit_code(world.resume(path=UNDO)) == 0
    world.wire.spies = []
    server.bare.clear()
    world.disk = Disk()

    def lag() -> float:
        behind = world.now() - stuck[0]
        return behind if behind < BEHIND else 0.0

    server.lag = lag
    plan = world.start(job("replace"))
    assert [operation.verb for operation in plan.operations] == ["detach"]
    world.resume()
    assert not server.bare
    assert world.shown("prod-0", OLD_TASK)


def test_a_skip_has_not_drifted_by_an_old_reading() -> None:
    """``--retry-failed`` right after a skip: a lagging list causes no second attachment."""
    world = World(workspaces=2, server=LaggingServer)
    world.simulator.add_task(OLD_TASK)
    world.pause = 0.0
    server = world.simulator
    assert isinstance(server, LaggingServer)

    def others(request: Request) -> None:
        """Delete the first workspace, and attach to the second when it is its turn."""
        if request.writes and len(world.wire.writes) == 1:
            server.interfere(("prod-1", TASK), "attach", world.now())
        elif request.writes:
            server.remove_workspace("prod-0")

    world.wire.spies = [others]
    # What is gone is known past ``settle``, and strict, nothing else begins before that.
    patient = {"max_failures": "100%", "strict": True}
    replay = world.apply(job(rollout=patient, pace={"max_at_once": 1}))
    assert replay.count(Outcome.SKIPPED) == 1
    world.wire.spies, sent = [], len(world.wire.writes)
    server.lag = lambda: BEHIND if "relationships" in world.wire.asked[-1].path else 0.0
    world.resume(retry_failed=True)
    (there,) = server.attachments("prod-1", TASK)
    assert all(there.workspace.id not in request.path for request in world.wire.writes[sent:])
    assert server.lagged
