"""Faults between the client and the server, drawn from a seed and described as data.

====================  ===========  =================================================
kind                  takes effect what the client sees
====================  ===========  =================================================
429                   no           the documented refusal, ``status`` as a number
500, 503              no           a JSON error
502-html, 502-empty   no           a proxy's error page, or no body
500-after, 502-after, yes          as above (502 and 504 as pages)
503-after, 504-after
close-before          no           the connection is closed without an answer
close-after           yes          the same
late                  3 s later    the same; the request arrives only then
reset-before          no           the connection is reset
reset-after           yes          the same
hang-before           no           no answer, until the client gives up
hang-after            yes          the same
cut                   yes          half of the body, then the connection is closed
slow                  yes          the complete answer, a few bytes at a time
====================  ===========  =================================================

A fault strikes with a probability, or strikes every request for some time, like an outage.
"""

from __future__ import annotations

import enum
import re
from hashlib import blake2b
from typing import Final

import msgspec

from bulkops.api.messages import MEDIA_TYPE, Request, Response

LATE_SECONDS: Final = 3.0
"""The time from closing a late request's connection to the request's arrival."""
PREFIX: Final = "/api/v2/"
_PING: Final = "/api/v2/ping"
_METHODS: Final = ("GET", "POST", "PATCH", "DELETE", "PING")
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)\.\.(\d+(?:\.\d+)?)(ms|s|m)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}


class Manner(enum.Enum):
    """How an answer is delivered to the client, if it is."""

    WHOLE = "whole"
    CLOSED = "closed"
    RESET = "reset"
    SILENT = "silent"
    CUT = "cut"
    DRIBBLED = "dribbled"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fault.

    Attributes:
        kind: its name.
        effect: whether the request takes effect before the fault strikes.
        late: whether the request takes effect ``LATE_SECONDS`` after the fault.
        manner: how the answer is delivered.
        answer: the answer to send; None for the server's own.
    """

    kind: str
    effect: bool
    late: bool = False
    manner: Manner = Manner.WHOLE
    answer: Response | None = None


class Delivery(msgspec.Struct, frozen=True):
    """An answer, and how it is delivered to the client.

    Attributes:
        manner: CLOSED, RESET and SILENT deliver nothing, CUT the first half of the body.
        response: the answer, or NOTHING if nothing is delivered.
    """

    manner: Manner
    response: Response


NOTHING: Final = Response(0)
"""Represents an answer that is not delivered."""


class Spell(msgspec.Struct, frozen=True):
    """A period in which a fault strikes every request.

    Attributes:
        methods: the methods of the requests; empty for all.
        fault: the fault.
        start, end: the period, in seconds since the first request.
    """

    methods: tuple[str, ...]
    fault: Fault
    start: float
    end: float


class BadFaults(ValueError):
    """An invalid specification of faults; the message says what is allowed."""


def _errors(status: int, title: str, *, status_in_body: int | str, **headers: str) -> Response:
    body = {"errors": [{"status": status_in_body, "title": title, "detail": title + "."}]}
    extra = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {"content-type": MEDIA_TYPE, **extra}, msgspec.json.encode(body))


def _page(status: int, title: str) -> Response:
    page = f"<html><head><title>{status} {title}</title></head><body>{title}</body></html>\n"
    return Response(status, {"content-type": "text/html"}, page.encode())


def gateway_refusal(*, retry_after: bool) -> Response:
    """Return the answer of a gateway such as nginx to a request over its own limit."""
    page = _page(503, "Service Temporarily Unavailable")
    if not retry_after:
        return page
    return msgspec.structs.replace(page, headers={**page.headers, "retry-after": "1"})


_500 = _errors(500, "Internal server error", status_in_body="500")
_503 = _errors(503, "Service unavailable", status_in_body="503")
# HashiCorp's prose documents the status of a 429 as a number, its OpenAPI as a string.
_429 = _errors(
    429,
    "Too many requests",
    status_in_body=429,
    x_ratelimit_remaining="0",
    x_ratelimit_reset="0.250",
)

FAULTS: Final = {
    fault.kind: fault
    for fault in (
        Fault(kind="429", effect=False, answer=_429),
        Fault(kind="500", effect=False, answer=_500),
        Fault(kind="502-html", effect=False, answer=_page(502, "Bad Gateway")),
        Fault(kind="502-empty", effect=False, answer=Response(502)),
        Fault(kind="503", effect=False, answer=_503),
        Fault(kind="500-after", effect=True, answer=_500),
        Fault(kind="502-after", effect=True, answer=_page(502, "Bad Gateway")),
        Fault(kind="503-after", effect=True, answer=_503),
        Fault(kind="504-after", effect=True, answer=_page(504, "Gateway Time-out")),
        Fault(kind="close-before", effect=False, manner=Manner.CLOSED),
        Fault(kind="close-after", effect=True, manner=Manner.CLOSED),
        Fault(kind="late", effect=False, late=True, manner=Manner.CLOSED),
        Fault(kind="reset-before", effect=False, manner=Manner.RESET),
        Fault(kind="reset-after", effect=True, manner=Manner.RESET),
        Fault(kind="hang-before", effect=False, manner=Manner.SILENT),
        Fault(kind="hang-after", effect=True, manner=Manner.SILENT),
        Fault(kind="cut", effect=True, manner=Manner.CUT),
        Fault(kind="slow", effect=True, manner=Manner.DRIBBLED),
    )
}


class Faults:
    """Decides which fault, if any, strikes each request.

    The same seed and the same sequence of requests result in the same faults.

    Args:
        chances: method (and PING for ``GET /ping``) → the faults and their probabilities, which
            add up to at most 1.
        seed: determines every draw.
        spells: the periods, which are checked before a fault is drawn.
    """

    def __init__(
        self,
        chances: dict[str, list[tuple[Fault, float]]],
        seed: int,
        spells: tuple[Spell, ...] = (),
    ) -> None:
        self._chances = chances
        self._seed = seed
        self._spells = spells
        self._draws = 0
        self._first: float | None = None

    @classmethod
    def parse(cls, spec: str, seed: int) -> Faults:
        """Parse a text such as ``503=2%,POST:close-after=1%,503=20s..45s``.

        Each part is ``KIND=PROBABILITY`` or ``METHOD:KIND=PROBABILITY``. A probability is a
        percentage or a number from 0 to 1. Without a method, the fault can strike every request
        under /api/v2 except ``GET /ping``, which needs ``PING:``. In place of a probability, a
        part can have a period since the first request, ``FROM..TO``, in which the fault strikes
        every request, including ``GET /ping``.

        Raises:
            BadFaults: the text is invalid.
        """
        chances: dict[str, list[tuple[Fault, float]]] = {method: [] for method in _METHODS}
        spells: list[Spell] = []
        for part in filter(None, (part.strip() for part in spec.split(","))):
            methods, fault, chance = _parse_part(part)
            if spell := _spell(part, methods, fault, chance):
                spells.append(spell)
                continue
            methods, probability = methods or _METHODS[:-1], _probability(chance)
            if probability is None:
                raise BadFaults(
                    f"{part!r}: a fault needs a probability such as {fault.kind}=2% or "
                    f"{fault.kind}=0.02, between 0 and 100%, or a time such as "
                    f"{fault.kind}=20s..45s"
                )
            for method in methods:
                chances[method].append((fault, probability))
        for method, listed in chances.items():
            total = sum(probability for _, probability in listed)
            if total > 1 + 1e-9:
                raise BadFaults(f"faults for {method} add up to {total:.0%}, more than 100%")
        return cls(chances, seed, tuple(spells))

    def draw(self, request: Request, now: float) -> Fault | None:
        """Return the fault that strikes this request; None outside /api/v2.

        Args:
            now: monotonic seconds, never less than in the previous call.
        """
        if not request.path.startswith(PREFIX):
            return None
        method = "PING" if request.path == _PING else request.method
        self._first = now if self._first is None else self._first
        for spell in self._spells:
            struck = not spell.methods or method in spell.methods
            if struck and spell.start <= now - self._first < spell.end:
                return spell.fault
        point = self._point()
        for fault, probability in self._chances.get(method, ()):
            if point < probability:
                return fault
            point -= probability
        return None

    def _point(self) -> float:
        """Return the next random number, from 0 up to 1.

        A hash of seed and count is random enough, and the same in every version of Python.
        """
        self._draws += 1
        drawn = blake2b(f"{self._seed}/{self._draws}".encode(), digest_size=4).digest()
        return int.from_bytes(drawn) / 2**32


def _parse_part(part: str) -> tuple[tuple[str, ...], Fault, str]:
    """Return a part's methods, its fault, and its probability or period as text."""
    name, _, chance = part.partition("=")
    method, colon, kind = name.rpartition(":")
    methods = (method.strip().upper(),) if colon else ()
    if methods and methods[0] not in _METHODS:
        raise BadFaults(f"{part!r}: unknown method {method!r}; one of {', '.join(_METHODS)}")
    fault = FAULTS.get(kind.strip())
    if fault is None:
        raise BadFaults(f"{part!r}: unknown fault {kind!r}; one of {', '.join(FAULTS)}")
    return methods, fault, chance.strip()


def _spell(part: str, methods: tuple[str, ...], fault: Fault, time: str) -> Spell | None:
    period = _TIME.fullmatch(time)
    if period is None:
        return None
    start, end = (float(period[at]) * _UNITS[period[at + 1]] for at in (1, 3))
    if start >= end:
        raise BadFaults(f"{part!r}: the time ends before it begins")
    return Spell(methods, fault, start, end)


def _probability(text: str) -> float | None:
    number = text.removesuffix("%")
    try:
        probability = float(number) / (100 if number != text else 1)
    except ValueError:
        return None
    return probability if 0 <= probability <= 1 else None
