"""A change is sent only while the permit holds, however slowly its intent becomes durable."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bulkops.client.pace.pacing import EVEN
from bulkops.errors import JournalWriteFailed
from bulkops.job.gate import GateCall
from bulkops.journal.states import How, Outcome
from tests.engine.permits import GONE, Lapsing, Lost
from tests.engine.scripts import writes
from tests.engine.wire import NEVER_LEFT, Trouble
from tests.engine.world import World, job
from tests.journal.samples import slow

SYNC = 0.1
CONNECTING = 0.03


def far_away(*troubles: Trouble | None, workspaces: int = 2) -> World:
    """Return a world with a slow journal and slow connections, and a job that is planned."""
    world = World(workspaces=workspaces)
    world.start(job())
    world.executor = slow(SYNC)
    world.wire.connecting = CONNECTING
    world.wire.troubles = writes(*troubles)
    return world


def troubled() -> World:
    """Return a world in which a write is answered 429, one never leaves, and an answer is lost."""
    return far_away(Trouble("429"), Trouble(NEVER_LEFT), Trouble("close-after"))


def written(world: World) -> list[float]:
    """Return a list that gets the time of each write that leaves."""
    at: list[float] = []
    world.wire.spies.append(lambda request: at.append(world.now()) if request.writes else None)
    return at


def lose(world: World, permit: Lost) -> bool:
    """Run the job with the permit, check what must hold after the loss; return if it was lost."""
    after: list[str] = []

    def sending() -> None:
        after.extend(["sent"] if permit.is_lost else [])

    world.wire.spies.append(lambda request: sending() if request.writes else None)
    world.permit = permit
    raised: list[JournalWriteFailed] = []
    try:
        world.resume()
    except JournalWriteFailed as error:
        raised.append(error)
    assert not after
    if not raised:
        return False
    assert raised == [GONE]
    replay = world.journaled()
    # An execution that the permit didn't let begin has no end.
    assert (replay.ended and replay.ended.how) == (How.ERROR if permit.asked > 1 else None)
    assert replay.count(Outcome.FAILED) == 0
    changed = world.effects()
    # What was sent without a recorded result is in doubt, whatever became of it.
    doubtful = {one.operation.target.name for one in replay.having(Outcome.IN_DOUBT)}
    succeeded = {one.operation.target.name for one in replay.having(Outcome.SUCCEEDED)}
    assert succeeded <= changed.keys() <= succeeded | doubtful
    return True


def finish(world: World) -> None:
    """Resume with another permit; everything is then changed exactly once."""
    world.permit, world.wire.spies[:] = Lost(world.now), []
    assert world.resume().count(Outcome.SUCCEEDED) == len(world.names)
    assert set(world.effects().values()) == {1}


def test_lost_whenever_it_is_asked_nothing_is_sent_any_more() -> None:
    """Lost at its nth question, for every n: before a retry, too, and with a connection ready."""
    asked = 1
    while lose(world := troubled(), Lost(world.now, asked=asked)):
        finish(world)
        asked += 1
    # Once before the execution's record; two operations make four attempts, which ask three times.
    assert asked == 1 + 1 + 4 * 3


@pytest.mark.parametrize("trouble", ["429", "close-after"])
def test_lost_at_any_time_nothing_is_sent_any_more(trouble: str) -> None:
    """Also between the questions: while the intent is synced, or a connection is made."""
    lost = 0
    for step in range(24):
        world = far_away(Trouble(trouble), workspaces=1)
        lost += lose(world, Lost(world.now, at=world.elapsed + 0.2 + step * 0.043))
        finish(world)
    assert lost >= 8


def test_what_was_announced_when_it_was_lost_is_in_doubt() -> None:
    """Its intent is in the journal without a result, so the next execution reads it back."""
    world = far_away(workspaces=1)
    # Asked after the announcement, before the request leaves.
    assert lose(world, Lost(world.now, asked=2))
    assert world.journaled().count(Outcome.IN_DOUBT) == 1
    assert not world.effects()
    finish(world)


def test_a_permit_that_comes_back_resumes_the_job() -> None:
    """Nothing is sent while it doesn't hold; then everything is, once and evenly spaced."""
    world = far_away(workspaces=60)
    lapses = world.elapsed + 1.5
    at = written(world)
    world.permit = Lapsing(world.now, lapses, lapses + 20.0)
    assert world.resume().count(Outcome.SUCCEEDED) == 60
    assert set(world.effects().values()) == {1}
    assert len(at) == 60
    before, after = [t for t in at if t < lapses], [t for t in at if t >= lapses + 20.0]
    assert len(before) > 5
    assert len(after) > 5
    assert len(before) + len(after) == 60
    gaps = [later - earlier for earlier, later in pairwise(after)]
    assert min(gaps) > 1 / 30 - EVEN


def test_without_a_permit_a_connection_is_not_waited_with() -> None:
    """What lapses while it connects is sent later, and counts as no failed attempt."""
    world = far_away(workspaces=1)
    # The only write's connection takes until after the lapse has begun.
    at = written(world)
    world.resume()
    again = far_away(workspaces=1)
    lapses = at[0] - CONNECTING / 2
    at = written(again)
    again.permit = Lapsing(again.now, lapses, lapses + 9.0)
    (done,) = again.resume().having(Outcome.SUCCEEDED)
    assert done.result is not None
    assert done.result.attempts == 1
    assert [round(t - lapses, 2) for t in at] == [9.0 + CONNECTING]


def test_reads_need_no_permit() -> None:
    """A permit that is lost once the execution is recorded ends nothing that changes nothing."""
    world = World(workspaces=2, attached=True)
    world.apply(job("update"))
    world.permit = Lost(world.now, asked=2)
    assert world.resume().count(Outcome.SUCCEEDED) == 2


def test_without_a_permit_no_gate_runs() -> None:
    """Lost in the pause before it, as by a process that is frozen then: the gate isn't started."""
    gates: list[float] = []
    world = World(workspaces=2)

    async def gate(_call: GateCall) -> int:
        gates.append(world.elapsed)
        return 0

    world.gate = gate
    world.start(job(rollout={"waves": ["1"], "pause": "60s", "gate": "check"}))
    world.permit = Lost(world.now, at=world.elapsed + 30.0)
    with pytest.raises(JournalWriteFailed, match=str(GONE)):
        world.resume()
    assert not gates
    assert len(world.effects()) == 1
    finish(world)
    assert len(gates) == 2
