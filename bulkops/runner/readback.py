"""What a reading shows → what becomes of a write that was not simply answered. Pure: a table.

A write is read back where its answer was lost, in this execution or an earlier one; where it was
lost for the last time that is borne (``LOSSES``); where it was refused, and where after a loss;
where the server said yes, and not to what.

| shows         | lost           | the last loss  | refused   | after a loss | no echo      |
|---------------|----------------|----------------|-----------|--------------|--------------|
| as desired    | Adopt*         | Adopt*         | Leave*    | Adopt*       | Adopt*       |
| as before     | Wait; Send     | Wait; Fail     | Fail      | Fail         | Wait; Fail   |
| anything else | Wait; Conflict | Wait; Conflict | Conflict* | Conflict*    | Wait; Fail   |
| more than one | Wait; Conflict | Wait; Conflict | Conflict* | Conflict*    | Wait; Fail   |
| denied        | Wait; Unseen   | Wait; Unseen   | Fail      | Wait; Unseen | Wait; Unseen |
| unreadable    | In doubt       | In doubt       | Fail      | In doubt     | In doubt     |
| nothing, ever | Wait; Send     | In doubt       | Fail      | Fail         | Believe      |

``Wait;``: until ``settle`` seconds after the loss. By then its effect is no longer on its way, and
a reading is newer than it. Denied (403, 404) may be for a moment: until it has been for so long.
``*``: wait as long as a reading is old. It may show what was so before the operation was planned,
as where somebody undoes right after a job: an undo wants just that, see ``Assignment.had_it``.

Leave is a skip: as desired, and not ours. Refused after a loss it is ours: the lost one did it.
Unseen has failed, and nobody saw what became of it. Where no reading ever shows anything, what is
set twice is set once, see ``Aspect``.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, TypeAlias

from bulkops.operations.compare import Shown

LOSSES = 6
"""Lost answers to one operation, after which it is given up where the server shows it not done."""


class Cause(Enum):
    """Why a write's target is read back: the columns of the table."""

    LOST = "lost"
    LAST_LOSS = "the last loss"
    REFUSED = "refused"
    REFUSED_AFTER_LOSS = "after a loss"
    NO_ECHO = "no echo"

    def after(self, losses: int) -> Cause:
        """Return the cause, after so many lost answers to the operation."""
        if self is Cause.LOST and losses >= LOSSES:
            return Cause.LAST_LOSS
        return Cause.REFUSED_AFTER_LOSS if self is Cause.REFUSED and losses else self

    @property
    def refused(self) -> bool:
        """Whether the server refused the write."""
        return self in (Cause.REFUSED, Cause.REFUSED_AFTER_LOSS)


class Unobserved(Enum):
    """Why a reading shows nothing: the table's rows beside those of ``Shown``."""

    DENIED = "denied"
    UNREADABLE = "unreadable"
    EVER = "nothing, ever"


Row: TypeAlias = Shown | Unobserved


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
_UNSEEN = _waits(Step.UNOBSERVED)
_ADOPT = _doubts(Step.ADOPT)
_RESOLVE: dict[Row, tuple[_Cell, ...]] = {
    Shown.DESIRED: (_ADOPT, _ADOPT, _doubts(Step.LEAVE), _ADOPT, _ADOPT),
    Shown.BEFORE: (_waits(Step.SEND), _waits(Step.FAIL), _FAIL, _FAIL, _waits(Step.FAIL)),
    Shown.OTHER: _OTHER,
    Shown.SEVERAL: _OTHER,
    Unobserved.DENIED: (_UNSEEN, _UNSEEN, _FAIL, _UNSEEN, _UNSEEN),
    Unobserved.UNREADABLE: (_IN_DOUBT, _IN_DOUBT, _FAIL, _IN_DOUBT, _IN_DOUBT),
    Unobserved.EVER: (_waits(Step.SEND), _IN_DOUBT, _FAIL, _FAIL, _Cell(Step.BELIEVE)),
}
_COLUMNS = list(Cause)


def resolve(row: Row, cause: Cause, *, settled: bool, old: bool) -> Step:
    """Return what to do with a write whose target was read back; see the table above.

    Args:
        settled: the reading started ``settle`` seconds or more after the loss, or after the first
            of the denials in a row.
        old: it may show what was so before the operation was planned.
    """
    cell = _RESOLVE[row][_COLUMNS.index(cause)]
    if cell.waits and not settled:
        return Step.SETTLE
    return Step.AGE if cell.doubts and old else cell.step


class Readings:
    """The readings of one target, one after the other, until one of them decides.

    Args:
        since: when the answer was lost, or came.
        old_until: a reading that starts earlier may be old.
        settle: seconds in which an effect may still land, and a reading lag or be denied.
    """

    def __init__(self, cause: Cause, *, since: float, old_until: float, settle: float) -> None:
        self._cause = cause
        self._since = since
        self._old_until = old_until
        self._settle = settle
        self._denied: float | None = None

    def resolve(self, row: Row, started: float) -> tuple[Step, float]:
        """Return what to do after a reading, and the seconds from its start to the next one."""
        if row is not Unobserved.DENIED:
            self._denied = None
        elif self._denied is None:
            self._denied = started
        settled_at = self._settle + (self._since if self._denied is None else self._denied)
        settled, old = started >= settled_at, started < self._old_until
        step = resolve(row, self._cause, settled=settled, old=old)
        return step, (self._old_until if step is Step.AGE else settled_at) - started
