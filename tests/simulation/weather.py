"""What happens to one execution, drawn from the seed: faults, other people, stops, a bad disk."""

from __future__ import annotations

import errno
from random import Random

import msgspec

from bulkops.exchange import Request
from tests.engine.wire import NEVER_LEFT, Trouble

LOSING = (
    *("500", "502-html", "502-empty", "503", "500-after", "502-after", "503-after", "504-after"),
    *("close-before", "close-after", "reset-before", "reset-after", "hang-before", "hang-after"),
    "cut",
)
"""Faults that lose an answer. Named one by one: a seed stays the same when there are more."""

HARMLESS = ("429", NEVER_LEFT, "slow", "html-200")


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """One execution's share of chance; by default there is none.

    Attributes:
        struck: of all requests, by a fault; ``kinds`` of fault.
        strangers: of all requests, how many somebody else changes something at.
        jumps: of all requests, how many the wall clock jumps at.
        die_request, die_call: number of the request or file call at which the machine stops,
            0 for none; just after it where ``dies_after``.
        power: the machine stops, and all unsynced pages are at stake; else only the process.
        fails: number of a file call that fails → ``errno``; ``lasting`` and every later one.
        short: a write takes at most so many bytes.
        forgets: see ``Disk``.
        interrupts: seconds after which SIGINT comes, and how long draining may last.
        again: seconds after which it comes a second time.
        retry_failed: the execution was asked to.
        rival: another runner tries to run the same journal.
    """

    struck: float = 0.0
    kinds: tuple[str, ...] = ()
    strangers: float = 0.0
    jumps: float = 0.0
    die_request: int = 0
    die_call: int = 0
    dies_after: bool = False
    power: bool = False
    fails: dict[int, int] = {}
    lasting: bool = False
    short: int = 0
    forgets: bool = False
    interrupts: tuple[float, float] | None = None
    again: float | None = None
    retry_failed: bool = False
    rival: bool = False

    def trouble(self, request: Request, random: Random, lands: float) -> Trouble | None:
        """Return what strikes a request."""
        if not self.struck or random.random() >= self.struck:
            return None
        kind = random.choice(self.kinds)
        if request.writes and lands and kind in LOSING and random.random() < 0.5:
            return Trouble(kind, lands_after=random.uniform(0, lands))
        return Trouble(kind)


CALM = Weather()


def draw(random: Random, size: int, *, torn: bool) -> Weather:
    """Return the weather of an execution.

    Args:
        size: about how many operations it has.
        torn: its journal has a torn tail; cutting it is a rare moment to be stopped in.
    """
    stops, call = random.random(), random.randint(1, 2 * size + 12)
    if torn and random.random() < 0.6:
        # The sixth call is the cut itself, where no write is short.
        stops, call = 0.5, random.choice((1, 2, 3, 4, 5, 6, 6, 6, 7, 8))
    fails = random.random() < 0.15
    return Weather(
        struck=random.choice((0.0, 0.03, 0.1, 0.35)),
        kinds=tuple(random.sample(LOSING + HARMLESS, random.choice((1, 3, 8)))),
        strangers=random.choice((0.0, 0.0, 0.02, 0.1)),
        jumps=random.choice((0.0, 0.0, 0.2)),
        die_request=random.randint(1, 2 * size + 8) if stops < 0.35 else 0,
        die_call=call if 0.35 <= stops < 0.7 else 0,
        dies_after=random.random() < 0.5,
        power=random.random() < 0.6,
        fails=_failing(random, size) if fails else {},
        lasting=random.random() < 0.3,
        short=random.choice((0, 0, 0, 7, 40)),
        interrupts=(
            (random.uniform(0, 1.0 + size / 20), random.choice((0.0, 0.3, 5.0)))
            if random.random() < 0.15
            else None
        ),
        again=random.uniform(0, 2.0) if random.random() < 0.3 else None,
        retry_failed=random.random() < 0.3,
        rival=random.random() < 0.05,
    )


def _failing(random: Random, size: int) -> dict[int, int]:
    return {random.randint(1, 2 * size + 12): random.choice((errno.ENOSPC, errno.EIO))}
