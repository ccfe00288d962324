"""Journal and a fresh reading → which operations still have their desired state. Pure."""

from __future__ import annotations

from collections.abc import Collection

from bulkops.journal.progress import Progress
from bulkops.journal.records import Verified
from bulkops.journal.replay import Replay
from bulkops.operations import wording
from bulkops.operations.compare import Shown, compare, gone, reports_gone
from bulkops.operations.model import Gone, Observations, observed_in


def verify(
    replay: Replay, observations: Observations, date: str, missing: Collection[str] = ()
) -> Verified:
    """Return the number of verified operations, and what the server shows for each other one.

    Args:
        missing: ids of the targets that no longer exist.
    """
    resolved, differing = replay.header.resolved, dict[str, str]()
    unreadable = 0
    for progress in replay.operations.values():
        if progress.operation.aspect not in observations:
            unreadable += 1
            continue
        observed = observed_in(observations, progress.operation)
        if compare(progress.operation, observed) is not Shown.DESIRED:
            shows = wording.reading(progress.operation, observed)
            rows = observations[progress.operation.aspect]
            if isinstance(rows, Gone):
                shows = f"{shows}: the run task {resolved.named(rows.task_id)} is gone"
            elif not observed and _is_gone(progress, missing):
                shows = f"{shows}: {gone(progress.operation.target)}"
            differing[progress.operation.key] = shows
    verified = len(replay.operations) - len(differing) - unreadable
    return Verified(date, verified, differing, unreadable)


def _is_gone(progress: Progress, missing: Collection[str]) -> bool:
    """Return whether a target that isn't shown is gone, now or according to the last result."""
    target, result = progress.operation.target, progress.result
    return target.id in missing or (result is not None and reports_gone(result.reason, target))
