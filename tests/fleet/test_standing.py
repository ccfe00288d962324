"""The state of a shard, the exit code of a fleet, and which clients share a limit."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bulkops.client.access.credentials import Token
from bulkops.errors import (
    SIGNALS,
    BulkopsError,
    ExitCode,
    JobError,
    JournalDamaged,
    JournalWriteFailed,
    NoResponse,
    NotFoundOrForbidden,
    RateLimited,
    RetriesSpent,
    ServerBroken,
    Unauthorized,
)
from bulkops.fleet.access import Access
from bulkops.fleet.connections import clients_of
from bulkops.fleet.standing import (
    WORST_FIRST,
    before_running,
    ended_as,
    recorded,
    stopped_by,
    worst,
)
from bulkops.fleet.waves import State
from bulkops.job.rollout import Rollout
from bulkops.journal.replay import Replay
from tests.engine.world import World, job
from tests.runner.test_runner import refusing


def before(replay: Replay, rollout: Rollout, *, continue_paused: bool = False) -> State:
    """Return the state before a shard is resumed without ``--retry-failed``."""
    return before_running(replay, rollout, continue_paused=continue_paused, retry_failed=False)


def test_every_exit_code_has_its_place_in_the_order() -> None:
    """Once each; 2 comes first, 0 last."""
    assert sorted(WORST_FIRST) == sorted(ExitCode)
    assert (WORST_FIRST[0], WORST_FIRST[-1]) == (ExitCode.USAGE, ExitCode.DONE)


def test_the_worst_exit_code_counts() -> None:
    """Of any two, the one that comes first; of none, 0."""
    for worse, other in pairwise(WORST_FIRST):
        assert worst([other, worse, other]) == worse
    assert worst([]) == ExitCode.DONE


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (ExitCode.DONE, State.DONE),
        (ExitCode.UNFULFILLED, State.DONE),
        (ExitCode.PAUSED, State.PAUSED),
        *((code, State.INTERRUPTED) for code in SIGNALS.values()),
        (ExitCode.STOPPED, State.FAILED),
        (ExitCode.IN_DOUBT, State.INTERRUPTED),
        (ExitCode.ERROR, State.INTERRUPTED),
    ],
)
def test_a_shard_is_what_its_exit_code_says(code: ExitCode, state: State) -> None:
    """Failed operations alone don't fail it: the fleet's ``max_failures`` counts them."""
    assert ended_as(code) is state


@pytest.mark.parametrize(
    ("problem", "state"),
    [
        (RetriesSpent("an outage"), State.INTERRUPTED),
        (ServerBroken("a 502", status=502), State.INTERRUPTED),
        (RateLimited("a 429", retry_after=1), State.INTERRUPTED),
        (NoResponse("refused", sent=False), State.INTERRUPTED),
        (NoResponse("a CA", sent=False, lasting=True), State.FAILED),
        (Unauthorized("a 401", status=401), State.FAILED),
        (NotFoundOrForbidden("a 404", status=404), State.FAILED),
        (JournalWriteFailed("a full disk"), State.INTERRUPTED),
        (JournalDamaged("a byte", 7), State.FAILED),
        (JobError("no such run task"), State.FAILED),
    ],
    ids=str,
)
def test_what_the_same_command_may_help_has_not_failed(problem: BulkopsError, state: State) -> None:
    """Someone has to mend what makes a shard fail."""
    assert stopped_by(problem) is state


def test_the_state_from_a_journal() -> None:
    """Held, it is running; without an end, interrupted; else as it ended."""
    world = World()
    world.start(job())
    replay = world.journaled()
    assert recorded(replay, running=True) is State.RUNNING
    assert recorded(replay, running=False) is State.INTERRUPTED
    assert before(replay, Rollout()) is State.INTERRUPTED
    assert recorded(world.resume(), running=False) is State.DONE


def test_a_shard_stopped_by_its_tolerance_has_failed_until_it_continues() -> None:
    """``--continue`` makes it one to resume."""
    world = World()
    strict = job(rollout={"max_failures": 0})
    world.start(strict)
    refusing(world, names=set(world.names))
    replay = world.resume()
    assert recorded(replay, running=False) is State.FAILED
    assert before(replay, strict.rollout) is State.FAILED
    assert before(replay, strict.rollout, continue_paused=True) is State.INTERRUPTED


def test_shards_with_one_address_and_token_share_a_pacer() -> None:
    """Another token, or another address, has a limit of its own."""
    accesses = {
        "a": Access("https://one.example", Token("first", "TFE_TOKEN")),
        "b": Access("https://one.example", Token("first", "TFE_TOKEN")),
        "c": Access("https://one.example", Token("second", "OTHER")),
        "d": Access("https://two.example", Token("first", "TFE_TOKEN")),
    }
    clients = clients_of(accesses)
    assert clients["a"].pacer is clients["b"].pacer
    assert len({id(client.pacer) for client in clients.values()}) == 3
    assert clients["c"].kept_in == "OTHER"


def test_a_paused_shard_waits_unless_something_else_is_left() -> None:
    """Past its pause it is resumed, to the end."""
    world = World()
    pausing = job(rollout={"waves": ["1", "100%"], "pause": "manual"})
    replay = world.apply(pausing)
    assert recorded(replay, running=False) is State.PAUSED
    assert before(replay, pausing.rollout) is State.PAUSED
    assert before(replay, pausing.rollout, continue_paused=True) is State.INTERRUPTED
    ended = world.resume(continue_paused=True)
    assert recorded(ended, running=False) is State.DONE
    assert before(ended, pausing.rollout) is State.INTERRUPTED
