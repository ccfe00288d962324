"""What the server shows → what becomes of a write that was not simply answered. Pure: a table.

Lost means: an answer to a write of ours was lost, in this execution or an earlier one.
Settled means: ``settle`` seconds have passed since, so that the effect can no longer be on its
way and this reading is newer than it.

| the server shows | lost, unsettled | lost, settled | refused          | answered, no echo |
|------------------|-----------------|---------------|------------------|-------------------|
| as wanted        | Adopt           | Adopt         | Adopt, not ours  | Adopt             |
| as before        | Wait            | Send again    | Fail: its words  | Wait, then Fail   |
| anything else    | Wait            | Conflict      | Conflict         | Wait, then Fail   |
| more than one    | Wait            | Conflict      | Conflict         | Wait, then Fail   |

Refused after an earlier loss: as wanted is ours after all (the lost one did it).
Old, a reading that may be from before the operation was planned: as wanted, it waits; refused, so
does all but as before. What an undo wants is what was there before the job.
"""

from __future__ import annotations

from enum import Enum

from bulkops.operations.compare import Shown


class Cause(Enum):
    """Why a write's target is read back."""

    LOST = "lost"
    REFUSED = "refused"
    NO_ECHO = "answered without an echo"


class Step(Enum):
    """What to do after a reading."""

    ADOPT = "adopt"
    ADOPT_FOREIGN = "adopt, not ours"
    WAIT = "wait"
    SEND = "send again"
    FAIL = "fail"
    CONFLICT = "conflict"


_LOST_UNSETTLED = {
    Shown.WANTED: Step.ADOPT,
    Shown.BEFORE: Step.WAIT,
    Shown.OTHER: Step.WAIT,
    Shown.SEVERAL: Step.WAIT,
}
_RESOLVE: dict[tuple[Cause, bool], dict[Shown, Step]] = {
    (Cause.LOST, False): _LOST_UNSETTLED,
    (Cause.LOST, True): {
        Shown.WANTED: Step.ADOPT,
        Shown.BEFORE: Step.SEND,
        Shown.OTHER: Step.CONFLICT,
        Shown.SEVERAL: Step.CONFLICT,
    },
    (Cause.NO_ECHO, False): _LOST_UNSETTLED,
    (Cause.NO_ECHO, True): {
        Shown.WANTED: Step.ADOPT,
        Shown.BEFORE: Step.FAIL,
        Shown.OTHER: Step.FAIL,
        Shown.SEVERAL: Step.FAIL,
    },
}
_REFUSED = {
    Shown.WANTED: Step.ADOPT_FOREIGN,
    Shown.BEFORE: Step.FAIL,
    Shown.OTHER: Step.CONFLICT,
    Shown.SEVERAL: Step.CONFLICT,
}


def resolve(shown: Shown, cause: Cause, *, lost_before: bool, settled: bool, old: bool) -> Step:
    """Return what to do with a write whose target was read back; see the table above.

    Args:
        lost_before: an answer to this operation was lost, now or in an earlier execution.
        settled: the reading started ``settle`` seconds or more after the answer.
        old: it may show what was so before the operation was planned.
    """
    if old and (shown is Shown.WANTED or (cause is Cause.REFUSED and shown is not Shown.BEFORE)):
        return Step.WAIT
    if cause is not Cause.REFUSED:
        return _RESOLVE[cause, settled][shown]
    if lost_before and shown is Shown.WANTED:
        return Step.ADOPT
    return _REFUSED[shown]
