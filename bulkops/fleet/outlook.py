"""Decides whether a fleet that other processes run has ended, by the states of its shards. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.waves import Course, ShardProgress, State, next_step

QUIET_AFTER = 15.0
"""Seconds without anything new and without a running shard, after which no other shard is expected
to begin: its process has had time to read the other journals, and a supervisor to start it again.
"""


def is_over(
    waves: Sequence[Sequence[str]],
    seen: Mapping[str, ShardProgress],
    rollout: FleetRollout,
    quiet: float,
    *,
    complete: bool = True,
    stopped: bool = False,
) -> bool:
    """Return whether nothing more is expected, by the first row that matches.

    =========================================================  ====================
    shards                                                     over
    =========================================================  ====================
    one is running                                             no
    none has begun                                             no
    one may begin or resume, or others may be found            after 15 s of quiet
    every one has ended, is paused, or is kept from beginning  yes
    =========================================================  ====================

    Args:
        waves: the names of all shards that are known; see ``next_step``.
        seen: name → progress, of those that have begun.
        quiet: seconds since anything new was seen.
        complete: whether these are all shards of the fleet.
        stopped: see ``next_step``.
    """
    states = {one.state for one in seen.values()} - {State.NOT_BEGUN}
    if State.RUNNING in states or not states:
        return False
    course = next_step(waves, seen, rollout, stopped=stopped).course
    more = course is Course.GO or not complete
    return not more or quiet >= QUIET_AFTER
