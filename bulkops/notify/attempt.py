"""What becomes of one attempt to deliver a notification, and when the next one is due. Pure.

| the receiver answers                       | the notification is                        |
|--------------------------------------------|--------------------------------------------|
| 2xx                                        | delivered                                  |
| 408, 425, 429, 5xx                         | sent again                                 |
| 3xx: redirects are not followed            | given up                                   |
| anything else                              | given up                                   |
| nothing, with a lasting cause (TLS)        | given up                                   |
| nothing                                    | sent again                                 |
"""

from __future__ import annotations

from typing import NamedTuple

from bulkops.api.failures import retry_after
from bulkops.api.messages import Response
from bulkops.errors import NoResponse

PATIENCE = 300.0
"""Seconds after the first attempt, after which none begins."""

LONGEST_DELAY = 60.0

_TRANSIENT = (408, 425, 429)


class Attempt(NamedTuple):
    """The result of one attempt.

    Attributes:
        problem: why it was not delivered, human-readable; empty if it was.
        again: another attempt may help.
        wait: seconds that the receiver asks to wait before that, 0 if it doesn't.
    """

    problem: str = ""
    again: bool = False
    wait: float = 0.0


DELIVERED = Attempt()


def judged(answer: Response | NoResponse) -> Attempt:
    """Return what an answer means (see the table above)."""
    if isinstance(answer, NoResponse):
        return Attempt(str(answer), again=not answer.lasting)
    status = answer.status
    if 200 <= status < 300:
        return DELIVERED
    if 300 <= status < 400:
        return Attempt(f"answered {status}: redirects are not followed, so name the final URL")
    again = status in _TRANSIENT or status >= 500
    return Attempt(f"answered {status}", again=again, wait=retry_after(answer))


def delay(attempts: int, asked: float = 0.0) -> float:
    """Return the seconds until the next attempt: 1, 2, 4, … at most ``LONGEST_DELAY``.

    Args:
        attempts: number of attempts so far.
        asked: see ``Attempt.wait``.
    """
    return min(LONGEST_DELAY, max(asked, 2.0 ** min(attempts - 1, 10)))
