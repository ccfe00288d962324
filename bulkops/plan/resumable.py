"""Which journal of a job in the default place is resumed, instead of a new one being started. Pure.

The newest one that has the job's identity and address, and of which anything is left:

| the journal's job                                     | is resumed               |
|-------------------------------------------------------|--------------------------|
| has operations pending or in doubt                    | yes                      |
| is stopped by its failure tolerance                   | yes                      |
| has a gate, and a wave that has begun has not passed  | yes                      |
| has failed, in conflict or drifted operations         | with ``--retry-failed``  |
| is finished                                           | if it is of a saved plan |
| lost its run task                                     | no                       |
"""

from __future__ import annotations

from bulkops.client.access.address import is_at
from bulkops.job.rollout import Rollout
from bulkops.journal.identity import Identity, identity_of
from bulkops.journal.replay import Replay
from bulkops.journal.states import How
from bulkops.plan.tolerance import stopped_by_tolerance


def is_resumable(
    replay: Replay,
    identity: Identity,
    address: str,
    rollout: Rollout,
    *,
    retry_failed: bool,
    finished: bool = False,
) -> bool:
    """Return whether a journal is resumed, according to the table above.

    Args:
        address: the server's, as ``canonical`` returns it.
        rollout: the job's current ``[rollout]``.
        finished: a finished journal counts as one to resume.
    """
    if replay.ended and replay.ended.how == How.GONE:
        return False
    left = finished or replay.unfinished or (retry_failed and replay.to_retry)
    left |= stopped_by_tolerance(replay, rollout) is not None
    left |= rollout.gate is not None and not replay.passed
    return left and identity_of(replay.header) == identity and is_at(replay.header.address, address)
