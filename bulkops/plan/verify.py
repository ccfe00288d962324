"""Journal and a fresh reading → which operations the server still shows as wanted. Pure."""

from __future__ import annotations

from bulkops.journal.records import Verified
from bulkops.journal.replay import Replay
from bulkops.operations import wording
from bulkops.operations.compare import Shown, compare
from bulkops.operations.model import Gone, Showing, seen_in


def verify(replay: Replay, showing: Showing, date: str) -> Verified:
    """Return how many operations stand, and for each other one what the server shows instead."""
    binding, differing = replay.header.binding, dict[str, str]()
    unreadable = 0
    for progress in replay.operations.values():
        if progress.operation.aspect not in showing:
            unreadable += 1
            continue
        seen = seen_in(showing, progress.operation)
        if compare(progress.operation, seen) is not Shown.WANTED:
            shows = wording.reading(progress.operation, seen)
            rows = showing[progress.operation.aspect]
            if isinstance(rows, Gone):
                shows = f"{shows}: the run task {binding.named(rows.task_id)} is gone"
            differing[progress.operation.key] = shows
    standing = len(replay.operations) - len(differing) - unreadable
    return Verified(date, standing, differing, unreadable)
