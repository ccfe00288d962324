"""What an answer means, and what a reading after a lost answer means. Pure: two tables.

``classify``: one attempt's answer → what to do next.

| answer                                    | a read     | a write                        |
|-------------------------------------------|------------|--------------------------------|
| 2xx                                       | Succeeded  | Succeeded                      |
| 401                                       | Refused    | Refused; ends the whole job    |
| 429                                       | Retry      | Retry: it was not carried out  |
| other 1xx, 3xx, 4xx                       | Refused    | Refused: read back once        |
| 408, 5xx                                  | Retry      | InDoubt                        |
| no answer, the request never left         | Retry      | Retry                          |
| no answer, and there never will be (TLS)  | Refused    | Refused                        |
| no answer otherwise, or a cut one         | Retry      | InDoubt                        |

``resolve``: what the server shows → what becomes of a write that was not simply answered.
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
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, StrEnum
from typing import TypeAlias

import msgspec

from bulkops.api.jsonapi import retry_after
from bulkops.api.messages import Request, Response
from bulkops.errors import NoResponse
from bulkops.operations.model import Operation, Seen


class Outcome(StrEnum):
    """What became of an operation; the journal's and the reports' only words for it."""

    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    CONFLICT = "conflict"
    IN_DOUBT = "in_doubt"


RETRIED = (Outcome.FAILED, Outcome.CONFLICT)
"""What ``--retry-failed`` takes up again."""

TROUBLE = (*RETRIED, Outcome.IN_DOUBT)
"""What counts against the failure tolerance, and what somebody has to look at."""


# gc=False: see bulkops.api.messages.
class Succeeded(msgspec.Struct, frozen=True, gc=False):
    """The server did it, or showed what was asked for."""

    answer: Response


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The server, or the way to it, said no; sending the same again won't help."""

    answer: Response | NoResponse


class Retry(msgspec.Struct, frozen=True, gc=False):
    """Not carried out: safe to send again, ``after`` seconds at the earliest."""

    after: float
    answer: Response | NoResponse


class InDoubt(msgspec.Struct, frozen=True, gc=False):
    """A write's answer was lost: it may or may not have taken effect."""

    answer: Response | NoResponse


Verdict: TypeAlias = Succeeded | Refused | Retry | InDoubt


def classify(request: Request, answer: Response | NoResponse) -> Verdict:
    """Return what one attempt's answer means; see the first table."""
    if isinstance(answer, NoResponse):
        if answer.lasting:
            return Refused(answer)
        return InDoubt(answer) if request.writes and answer.sent else Retry(0.0, answer)
    if 200 <= answer.status < 300:
        return Succeeded(answer)
    if answer.status == 429:
        return Retry(retry_after(answer), answer)
    if answer.status >= 500 or answer.status == 408:
        return InDoubt(answer) if request.writes else Retry(retry_after(answer), answer)
    return Refused(answer)


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


class Shown(Enum):
    """What the server shows, as the second table's rows."""

    WANTED = "as wanted"
    BEFORE = "as before"
    OTHER = "anything else"
    SEVERAL = "more than one"


def compare(operation: Operation, seen: Sequence[Seen]) -> Shown:
    """Return how a target's attachments compare with what an operation wants."""
    before, wanted = operation.before, operation.wanted
    if len(seen) > 1:
        return Shown.SEVERAL
    if not seen:
        if wanted is None:
            return Shown.WANTED
        return Shown.BEFORE if before is None else Shown.OTHER
    if wanted is not None and seen[0].attributes == wanted:
        return Shown.WANTED
    return Shown.BEFORE if seen[0] == before else Shown.OTHER


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


def resolve(shown: Shown, cause: Cause, *, lost_before: bool, settled: bool) -> Step:
    """Return what to do with a write whose target was read back; see the second table.

    Args:
        lost_before: an answer to this operation was lost, now or in an earlier execution.
        settled: the reading started ``settle`` seconds or more after the answer.
    """
    if cause is not Cause.REFUSED:
        return _RESOLVE[cause, settled][shown]
    if lost_before and shown is Shown.WANTED:
        return Step.ADOPT
    return _REFUSED[shown]
