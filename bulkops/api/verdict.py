"""One attempt's answer → what to do next. Pure: a table.

| answer                                    | a read     | a write                        |
|-------------------------------------------|------------|--------------------------------|
| 2xx                                       | Succeeded  | Succeeded                      |
| 401                                       | Refused    | Refused; ends the whole job    |
| 425, 429                                  | Retry      | Retry: it was not carried out  |
| other 1xx, 3xx, 4xx                       | Refused    | Refused: read back once        |
| 408, 5xx                                  | Retry      | InDoubt                        |
| no answer, the request never left         | Retry      | Retry                          |
| no answer, and there never will be (TLS)  | Refused    | Refused                        |
| no answer otherwise, or a cut one         | Retry      | InDoubt                        |

A 425 says that the server did not process the request (RFC 8470, 5.2), a 429 that it refused it.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from bulkops.api.messages import Request, Response
from bulkops.errors import NoResponse


# gc=False: see bulkops.api.messages.
class Succeeded(msgspec.Struct, frozen=True, gc=False):
    """The server did it, or showed what was asked for."""

    answer: Response


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The server, or the way to it, said no; sending the same again won't help."""

    answer: Response | NoResponse


class Retry(msgspec.Struct, frozen=True, gc=False):
    """Not carried out: safe to send again."""

    answer: Response | NoResponse


class InDoubt(msgspec.Struct, frozen=True, gc=False):
    """A write's answer was lost: it may or may not have taken effect."""

    answer: Response | NoResponse


Verdict: TypeAlias = Succeeded | Refused | Retry | InDoubt


def classify(request: Request, answer: Response | NoResponse) -> Verdict:
    """Return what one attempt's answer means; see the table above."""
    if isinstance(answer, NoResponse):
        if answer.lasting:
            return Refused(answer)
        return InDoubt(answer) if request.writes and answer.sent else Retry(answer)
    if 200 <= answer.status < 300:
        return Succeeded(answer)
    if answer.status in (425, 429):
        return Retry(answer)
    if answer.status >= 500 or answer.status == 408:
        return InDoubt(answer) if request.writes else Retry(answer)
    return Refused(answer)
