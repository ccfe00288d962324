"""What a reading shows → what happens to a write without a plain answer. Pure: a table.

A write is read back for one of five causes: its answer was lost, in this execution or an earlier
one; it was lost as often as is tolerated (``LOSSES``); the server refused it; the server refused it
after an earlier answer was lost; the server accepted it without echoing the new state.

| shows         | lost           | the last loss  | refused   | after a loss   | no echo        |
|---------------|----------------|----------------|-----------|----------------|----------------|
| as desired    | Adopt*         | Adopt*         | Leave*    | Adopt*         | Adopt*         |
| as before     | Wait; Send     | Wait; Fail     | Fail      | Fail           | Wait; Fail     |
| anything else | Wait; Conflict | Wait; Conflict | Conflict* | Conflict*      | Wait; Fail     |
| more than one | Wait; Conflict | Wait; Conflict | Conflict* | Conflict*      | Wait; Fail     |
| denied        | Wait; Unseen   | Wait; Unseen   | Fail      | Wait; Unseen   | Wait; Unseen   |
| unreadable    | Wait; In doubt | Wait; In doubt | Fail      | Wait; In doubt | Wait; In doubt |
| nothing, ever | Wait; Send     | In doubt       | Fail      | Fail           | Believe        |

``Wait;``: wait until ``settle`` seconds after the loss. By then the write has taken effect if it
ever will, and a reading is newer than that. A read may be denied (403, 404) only briefly: wait
until it was denied for ``settle`` seconds. Readings in between, at growing intervals
(``Readings.next_look``), can only end the wait: they see what is done by then.
``*``: wait while a reading may be old. It may show the state before the operation was planned, for
example in an undo right after its job: that state is what the undo desires (see
``Assignment.had_it``).

Leave is a skip: the target is as desired, but not written by us. If refused after a loss, it is
ours: the lost request wrote it. Unseen is a failure whose effect could not be read. If no reading
ever shows the value, setting it twice does no harm (see ``Aspect``).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, TypeAlias

from bulkops.errors import ApiError
from bulkops.operations.compare import Shown
from bulkops.operations.model import Observed

LOSSES = 6
"""Lost answers after which an operation fails if the server shows that it wasn't done."""


FIRST_LOOK = 0.5
"""Seconds from a loss to the first reading while it settles; each further one doubles them."""


class Cause(Enum):
    """Why a write's target is read back; the columns of the table."""

    LOST = "lost"
    LAST_LOSS = "the last loss"
    REFUSED = "refused"
    REFUSED_AFTER_LOSS = "after a loss"
    NO_ECHO = "no echo"

    def after(self, losses: int) -> Cause:
        """Return the cause, given the number of lost answers to the operation."""
        if self is Cause.LOST and losses >= LOSSES:
            return Cause.LAST_LOSS
        return Cause.REFUSED_AFTER_LOSS if self is Cause.REFUSED and losses else self

    @property
    def refused(self) -> bool:
        """Whether the server refused the write."""
        return self in (Cause.REFUSED, Cause.REFUSED_AFTER_LOSS)


class Unobserved(Enum):
    """Why a reading shows nothing; further rows of the table, besides those of ``Shown``."""

    DENIED = "denied"
    UNREADABLE = "unreadable"
    EVER = "nothing, ever"


Row: TypeAlias = Shown | Unobserved


class Reading(NamedTuple):
    """The result of reading a target back.

    Attributes:
        row: the row of the table.
        observed: what the server showed.
        error: the error of a reading that shows nothing, ``None`` if it had none.
    """

    row: Row
    observed: Sequence[Observed] = ()
    error: ApiError | None = None


class Step(Enum):
    """What to do after a reading."""

    ADOPT = "adopt"
    LEAVE = "leave"
    SETTLE = "wait until settled"
    AGE = "wait while old"
    SEND = "send"
    FAIL = "fail"
    CONFLICT = "conflict"
    UNOBSERVED = "unseen"
    IN_DOUBT = "in doubt"
    BELIEVE = "believe"


class _Cell(NamedTuple):
    step: Step
    waits: bool = False
    doubts: bool = False


def _waits(step: Step) -> _Cell:
    return _Cell(step, waits=True)


def _doubts(step: Step) -> _Cell:
    return _Cell(step, doubts=True)


_FAIL, _IN_DOUBT = _Cell(Step.FAIL), _Cell(Step.IN_DOUBT)
_OTHER = (
    _waits(Step.CONFLICT),
    _waits(Step.CONFLICT),
    _doubts(Step.CONFLICT),
    _doubts(Step.CONFLICT),
    _waits(Step.FAIL),
)
_UNSEEN, _UNREAD = _waits(Step.UNOBSERVED), _waits(Step.IN_DOUBT)
_ADOPT = _doubts(Step.ADOPT)
_RESOLVE: dict[Row, tuple[_Cell, ...]] = {
    Shown.DESIRED: (_ADOPT, _ADOPT, _doubts(Step.LEAVE), _ADOPT, _ADOPT),
    Shown.BEFORE: (_waits(Step.SEND), _waits(Step.FAIL), _FAIL, _FAIL, _waits(Step.FAIL)),
    Shown.OTHER: _OTHER,
    Shown.SEVERAL: _OTHER,
    Unobserved.DENIED: (_UNSEEN, _UNSEEN, _FAIL, _UNSEEN, _UNSEEN),
    Unobserved.UNREADABLE: (_UNREAD, _UNREAD, _FAIL, _UNREAD, _UNREAD),
    Unobserved.EVER: (_waits(Step.SEND), _IN_DOUBT, _FAIL, _FAIL, _Cell(Step.BELIEVE)),
}
_COLUMNS = list(Cause)


def resolve(row: Row, cause: Cause, *, settled: bool, old: bool) -> Step:
    """Return what to do with a write whose target was read back (see the table above).

    Args:
        settled: whether the reading started at least ``settle`` seconds after the loss, or after
            the first of consecutive denials.
        old: whether it may show the state before the operation was planned.
    """
    cell = _RESOLVE[row][_COLUMNS.index(cause)]
    if cell.waits and not settled:
        return Step.SETTLE
    return Step.AGE if cell.doubts and old else cell.step


class Readings:
    """The consecutive readings of one target, until one of them decides.

    Args:
        since: time at which the answer arrived or was lost.
        old_until: time before which a reading may be old.
        settle: seconds in which a write may still take effect, and a reading may lag or be denied.
    """

    def __init__(self, cause: Cause, *, since: float, old_until: float, settle: float) -> None:
        self._cause = cause
        self._since = since
        self._old_until = old_until
        self._settle = settle
        self._denied: float | None = None

    def resolve(self, row: Row, started: float, ended: float) -> tuple[Step, float]:
        """Return the step after a reading, and the seconds to wait for the next one at most."""
        if row is not Unobserved.DENIED:
            self._denied = None
        elif self._denied is None:
            # Not when it started: it may have been sent several times, and denied only then.
            self._denied = ended
        since, begun = (self._since, started) if self._denied is None else (self._denied, ended)
        settled_at = since + self._settle
        settled, old = started >= settled_at, started < self._old_until
        step = resolve(row, self._cause, settled=settled, old=old)
        return step, (self._old_until if step is Step.AGE else settled_at) - begun

    def next_look(self, at: float) -> float:
        """Return the next time after ``at`` at which a reading may show that it is done.

        Not before ``old_until``: an earlier reading proves nothing.
        """
        seconds = FIRST_LOOK
        while self._since + seconds <= at:
            seconds *= 2
        return max(self._since + seconds, self._old_until)
