"""Decides which shards of a fleet begin or resume next, from the states of all of them. Pure.

| state of a shard | begins or resumes now                       | its wave may end | has failed |
|------------------|---------------------------------------------|------------------|------------|
| not begun        | if its wave's turn has come, unless stopped | no               | no         |
| running          | no                                          | no               | no         |
| interrupted      | yes                                         | no               | no         |
| paused           | no                                          | no               | no         |
| done             | no                                          | yes              | no         |
| failed           | no                                          | yes              | yes        |

A wave's turn has come once all shards of the waves before it are done or failed. The fleet is
stopped if more shards or operations have failed than its ``[rollout]`` tolerates, or a process has
said so (``bulkops.fleet.processes.stop``): shards that have begun are still resumed and finished,
but none begins, not even in a wave that has begun.

The answer is the same on every machine that sees the same states. A process acts only on those
shards that are its own (``bulkops.fleet.index``), and whoever holds a shard's journal runs it: if
two processes decide from states of different age, at most one of them gets the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from bulkops.fleet.rollout import FleetRollout


class State(StrEnum):
    """How far a shard is.

    ``NOT_BEGUN`` has no journal, ``RUNNING`` one that a process holds, and ``INTERRUPTED`` one that
    no process holds, with operations left to do; or its server gave no answer when it was to begin.
    ``PAUSED`` waits for ``--continue``: it paused, or its gate was inconclusive. ``DONE`` has
    nothing left to do. ``FAILED`` ended in any other way.
    """

    NOT_BEGUN = "not begun"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"


class ShardProgress(msgspec.Struct, frozen=True):
    """How far a shard is.

    Attributes:
        operations: the number of operations in its plan, in a job of several steps of their
            targets; 0 if it has none yet.
        failures: the number of those that count as failed (``bulkops.job.rollout``).
        lifted: it failed before ``--continue`` lifted a stop of the fleet: it no longer counts.
        lifted_failures: the number of its failures that no longer count.
    """

    state: State = State.NOT_BEGUN
    operations: int = 0
    failures: int = 0
    lifted: bool = False
    lifted_failures: int = 0


class Course(StrEnum):
    """What a fleet does next.

    ``GO``: shards begin or resume. ``WAIT``: none does until a running one ends. ``STOPPED``: too
    much has failed, and some shards have not begun. ``PAUSED``: shards wait for ``--continue``.
    ``FINISHED``: every shard is done or failed.
    """

    GO = "go"
    WAIT = "wait"
    STOPPED = "stopped"
    PAUSED = "paused"
    FINISHED = "finished"


class Next(msgspec.Struct, frozen=True):
    """What comes next in a fleet.

    Attributes:
        wave: the number of the current wave, starting at 1: the first that has not ended, or else
            the last; 0 if there are no shards.
        begin: names of the shards that begin or resume now, in the order of their waves.
    """

    course: Course
    wave: int
    begin: tuple[str, ...] = ()


ENDED = (State.DONE, State.FAILED)


def next_step(
    waves: Sequence[Sequence[str]],
    seen: Mapping[str, ShardProgress],
    rollout: FleetRollout,
    *,
    stopped: bool = False,
) -> Next:
    """Return what comes next.

    Args:
        waves: the names of all shards (``FleetRollout.steps``).
        seen: name → progress, at least of each shard that has begun. Shards that are in no wave,
            because they are no longer part of the fleet, are ignored.
        stopped: a process has stopped the fleet, whatever the states are now.
    """
    shards = {name: seen.get(name, ShardProgress()) for wave in waves for name in wave}
    open_waves = [n for n, wave in enumerate(waves, 1) if not _all_ended(wave, shards)]
    current = open_waves[0] if open_waves else len(waves)
    stopped = stopped or bool(exceeded(shards.values(), rollout))
    turn = frozenset[str]() if stopped or not waves else frozenset(waves[current - 1])
    begin = tuple(
        name
        for name, one in shards.items()
        if one.state is State.INTERRUPTED or (one.state is State.NOT_BEGUN and name in turn)
    )
    return Next(
        _course({one.state for one in shards.values()}, begin, stopped=stopped), current, begin
    )


def exceeded(shards: Iterable[ShardProgress], rollout: FleetRollout) -> str:
    """Return which tolerance is exceeded, and by what; empty if none is."""
    every = list(shards)
    return rollout.exceeded(
        sum(one.state is State.FAILED and not one.lifted for one in every),
        sum(max(0, one.failures - one.lifted_failures) for one in every),
        sum(one.operations for one in every),
    )


def _all_ended(wave: Sequence[str], shards: Mapping[str, ShardProgress]) -> bool:
    return all(shards[name].state in ENDED for name in wave)


def _course(states: set[State], begin: Sequence[str], *, stopped: bool) -> Course:
    if begin:
        return Course.GO
    if State.RUNNING in states:
        return Course.WAIT
    if stopped and State.NOT_BEGUN in states:
        return Course.STOPPED
    return Course.PAUSED if State.PAUSED in states else Course.FINISHED
