"""Rests while none of the job's windows is open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bulkops.clock import Clock
from bulkops.job.windows.window import Window, next_opening
from bulkops.journal.records import Rest
from bulkops.journal.states import How
from bulkops.runner.assignment import Assignment, Observer
from bulkops.runner.interruption import Interruption

LOOK_SECONDS = 60.0
"""The most seconds between two looks at the wall clock, which may be set, and at the permit."""


async def rest(
    assignment: Assignment, observer: Observer, interruption: Interruption, *, ends: bool
) -> str:
    """Rest until a window is open; return how the execution ends, empty if it doesn't.

    Args:
        ends: the execution ends instead of resting (``--exit-outside-window``).

    Raises:
        JournalWriteFailed: the journal can't be written, or another process holds it now.
        ObserverFailed: ``on_rest`` raised.
    """
    clock, until = assignment.client.clock, ""
    while not assignment.may_begin and not interruption.signal:
        record = rest_until(assignment.windows, clock)
        left = (datetime.fromisoformat(record.until) - clock.wall()).total_seconds()
        if record.local != until:
            until = record.local
            await _note(record, assignment, observer)
        if ends:
            return How.WINDOW
        with interruption.at_once():
            await clock.sleep(min(left, LOOK_SECONDS))
            await assignment.permit.wait()
    if until and not interruption.signal:
        await _note(Rest(clock.date()), assignment, observer)
    return interruption.signal


def rest_until(windows: Sequence[Window], clock: Clock) -> Rest:
    """Return the rest until the first of some windows opens."""
    opening = next_opening(windows, clock.wall())
    left = (opening.at - clock.wall()).total_seconds()
    return Rest(clock.date(), clock.date(left), opening.local, opening.window.zone_name)


async def _note(record: Rest, assignment: Assignment, observer: Observer) -> None:
    await assignment.journal.append(record)
    observer.on_rest(record)
