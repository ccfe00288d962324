"""The guarantees: an intent before each request, nothing twice, nothing invented.

The machine stops at every request and every file call of a whole job, and the job is resumed until
it is done.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from bulkops.api.messages import Request
from bulkops.errors import JournalWriteFailed
from bulkops.job.job import Job
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.operations import KINDS as ALL
from bulkops.operations.model import Scope
from tests.engine.scripts import writes
from tests.engine.wire import Trouble
from tests.engine.world import PATH, World, job
from tests.engine.worlds import check_shown
from tests.engine.worlds import world_for as world_needing
from tests.journal.disk import PowerCut
from tests.kinds import CASES, TASK
from tests.sampling import swept

KINDS = [name for name, kind in ALL.items() if kind.scope is Scope.SELECTED]
"""The kinds that write to workspaces, some of which are not selected."""
WORKSPACES = 3
BYSTANDER = "staging-0"


def world_for(kind: str) -> World:
    """Return a world where three workspaces need writes, and a fourth is not selected."""
    world = world_needing(kind, WORKSPACES)
    world.simulator.add_workspace(BYSTANDER)
    world.simulator.attach(BYSTANDER, TASK)
    guard(world)
    return world


def a_job(kind: str) -> Job:
    """Return a job that selects the three."""
    return job(kind, select={"names": ["prod-*"]}, rollout={"max_failures": "100%"})


def guard(world: World) -> None:
    """Fail any write that reaches the wire without a durable intent of its own."""

    def durable(request: Request) -> None:
        if not request.writes:
            return
        workspace = request.path.split("/")[4]
        lines = [msgspec.json.decode(line) for line in world.disk.synced(PATH).splitlines()]
        about = [r for r in lines if str(r.get("key", "")).endswith(f":{workspace}")]
        # One operation after the other: its last record decides what may be sent.
        history = [record for record in about if record["type"] != "operation"]
        assert history, "sent without an intent"
        assert history[-1]["type"] == "intent", "sent without an intent"

    world.wire.spies.append(durable)


def check(world: World, kind: str) -> None:
    """Check the invariants of any journal, and that no other workspace was changed."""
    lines = world.journaled()
    effects = world.effects()
    assert set(effects) <= set(world.names)
    done = Counter(p.operation.target.name for p in lines.having(Outcome.SUCCEEDED))
    started = Counter(
        p.operation.target.name for p in lines.operations.values() if p.sent or p.result
    )
    assert done <= effects
    assert effects <= started
    assert world.shown(BYSTANDER) == [("advisory", ("post_plan",))]
    for name, count in done.items():
        if count == len(CASES[kind].writes):
            check_shown(world, kind, name)


def check_end(world: World, kind: str, replay: Replay) -> None:
    """Check that all is done, once, and known as done by us."""
    check(world, kind)
    writes = len(CASES[kind].writes)
    assert replay.count(Outcome.SUCCEEDED) == WORKSPACES * writes
    assert world.effects() == dict.fromkeys(world.names, writes)
    assert all(p.result is not None and p.result.ours for p in replay.operations.values())
    assert replay.verified is not None
    assert not replay.verified.differing
    asked = len(world.wire.writes)
    again = world.resume()
    assert len(world.wire.writes) == asked, "resuming a finished run sent a write"
    assert again.count(Outcome.SUCCEEDED) == WORKSPACES * writes


def stopped_at_each(kind: str, keeping: float, arm: Callable[[World, int], None]) -> int:
    """Stop the machine at the Nth event of a job, for every N; return how many there are.

    Each time the job is resumed, and each change is made once.

    Args:
        keeping: the part of unsynced bytes that stays.
        arm: sets at which event the machine stops.
    """
    for number in range(1, 80):
        world = world_for(kind)
        world.start(a_job(kind))
        arm(world, number)
        replay = world.until_stopped()
        if replay is not None:
            check_end(world, kind, replay)
            return number - 1
        world.disk.power_on(keeping)
        check(world, kind)
        check_end(world, kind, world.resume())
    raise AssertionError("the job never came to its end")


EACH_KIND = [
    kind if kind in ("attach", "replace") else pytest.param(kind, marks=pytest.mark.long)
    for kind in KINDS
]
"""By default one kind that writes once and one that writes twice: all kinds write alike."""

BEFORE_AND_AFTER = pytest.mark.parametrize(
    ("dies_after", "keeping"), [(False, 0.0), (True, 0.6)], ids=["before", "after"]
)


@BEFORE_AND_AFTER
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_request(kind: str, *, dies_after: bool, keeping: float) -> None:
    """Killed before or after the server got the Nth request, for every N: done once."""

    def arm(world: World, number: int) -> None:
        world.wire.die_at = len(world.wire.asked) + number
        world.wire.dies_after = dies_after

    # A ping, two readings of the attachments, and the writes of each workspace.
    readings = 2 * len(CASES[kind].looks)
    writes = WORKSPACES * len(CASES[kind].writes)
    assert stopped_at_each(kind, keeping, arm) == 1 + readings + writes


@BEFORE_AND_AFTER
@pytest.mark.parametrize("kind", EACH_KIND)
def test_killed_at_any_file_call(kind: str, *, dies_after: bool, keeping: float) -> None:
    """A power cut just before or after the Nth file call, for every N: done once."""

    def arm(world: World, number: int) -> None:
        world.disk.die_at = len(world.disk.calls) + number
        world.disk.dies_after = dies_after

    # Open it, then at least write and sync: execution, wave, three intents, a result, verified,
    # passed, end.
    assert stopped_at_each(kind, keeping, arm) >= 1 + 2 * 9


@pytest.mark.parametrize("kind", KINDS)
def test_killed_again_and_again(kind: str) -> None:
    """Each execution dies one request later than the previous one: in the end all is done once."""
    world = world_for(kind)
    world.start(a_job(kind))
    replay, deaths = None, 0
    while replay is None:
        world.wire.die_at = len(world.wire.asked) + 3 + deaths
        world.wire.dies_after = deaths % 2 == 0
        replay = world.until_stopped()
        if replay is None:
            deaths += 1
            world.disk.power_on(keeping=(deaths % 3) / 2)
            check(world, kind)
    assert deaths >= 2
    check_end(world, kind, replay)


@pytest.mark.parametrize(
    ("code", "lasting"), swept([errno.ENOSPC, errno.EIO], [False, True], every=3)
)
def test_a_file_call_that_fails_is_followed_by_no_write(code: int, *, lasting: bool) -> None:
    """Whichever call fails: nothing is sent after it; with free space it resumes."""
    failed = 0
    for number in range(1, 80):
        world = world_for("attach")
        world.start(a_job("attach"))
        world.disk.fail = {len(world.disk.calls) + number: code}
        world.disk.lasting = lasting
        world.wire.spies.append(nothing_sent_after_a_failure(world))
        try:
            replay = world.resume()
        except JournalWriteFailed:
            failed += 1
            disarm(world)
            check(world, "attach")
            replay = world.resume()
        disarm(world)
        check_end(world, "attach", replay)
        if failed < number:
            break
    assert failed >= 1 + 2 * 7


def disarm(world: World) -> None:
    """Make room on the disk again."""
    world.disk.fail, world.disk.lasting = {}, False


def nothing_sent_after_a_failure(world: World) -> Callable[[Request], None]:
    """Return a spy that fails every request after a failed file call."""
    armed = dict(world.disk.fail)

    def spy(_request: Request) -> None:
        if world.disk.fail == armed:
            assert len(world.disk.calls) < min(armed), "sent though the journal had failed"

    return spy


def test_a_refused_write_is_not_repeated_once_the_journal_has_failed() -> None:
    """A 429 waits with a durable intent; if the journal fails, it is not sent again."""
    world = World(workspaces=2)
    world.start(job(pace={"max_at_once": 2}))
    world.wire.troubles = writes(Trouble("429"), None)
    opened = len(world.disk.calls)
    # Opened, execution, pace with wave, both intents; the 429 with a result is what fails.
    world.disk.fail = {opened + 3 + 2 + 2 + 4 + 2: errno.EIO}
    with pytest.raises(JournalWriteFailed):
        world.resume()
    assert len(world.wire.writes) == 2
    world.disk.fail = {}
    assert world.resume().count(Outcome.SUCCEEDED) == 2
    assert set(world.effects().values()) == {1}


def test_no_handler_catches_a_simulated_power_cut() -> None:
    """No ``except Exception`` of the engine may swallow it."""
    assert not issubclass(PowerCut, Exception)
