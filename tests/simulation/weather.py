"""The troubles of one execution, drawn from the seed: faults, other changes, stops, disk errors."""

from __future__ import annotations

import errno
from random import Random

import msgspec

from bulkops.api.messages import Request
from tests.engine.wire import NEVER_LEFT, Trouble

LOSING = (
    *("500", "502-html", "502-empty", "503", "500-after", "502-after", "503-after", "504-after"),
    *("close-before", "close-after", "reset-before", "reset-after", "hang-before", "hang-after"),
    *("cut", "html-200", "html-200-after"),
)
"""Faults that lose an answer. Named one by one: a seed stays the same when there are more."""

INCONCLUSIVE = 75
"""Exit statuses of an inconclusive gate."""

HARMLESS = ("429", NEVER_LEFT, "slow")


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """The troubles of one execution; by default there are none.

    Attributes:
        struck: share of requests struck by a fault; ``kinds``: the faults.
        strangers: share of requests at which something changes outside the job.
        jumps: share of requests at which the wall clock jumps.
        die_request, die_call: number of the request or file call at which the machine stops, 0 for
            none; just after it if ``dies_after``.
        power: whether the power is cut with the process, or after its end, so that unsynced pages
            may be lost.
        denied: share of reads that start a brief denial (403 or 404).
        lags: whether reads may lag, or still be denied.
        behind: whether lagging reads lag as much as they may.
        fails: number of a file call that fails → ``errno``; if ``lasting``, later ones fail too.
        short: maximum number of bytes per write.
        fail_sync, forgets: see ``Disk``.
        drops_cache: whether files show what is on the disk after the process's end.
        interrupts: seconds after which SIGINT comes, and the maximum time of draining.
        again: seconds after which SIGINT comes a second time.
        dies_at: seconds after which the machine stops.
        continue_paused: whether ``--continue`` is given.
        gate, gate_seconds: exit status of the job's gate, and its duration.
        retry_failed: whether ``--retry-failed`` is given.
        rival: seconds after which another runner of the same journal starts.
        exit_outside_window: whether ``--exit-outside-window`` is given.
    """

    struck: float = 0.0
    kinds: tuple[str, ...] = ()
    strangers: float = 0.0
    jumps: float = 0.0
    die_request: int = 0
    die_call: int = 0
    dies_after: bool = False
    power: bool = False
    denied: float = 0.0
    lags: bool = False
    behind: bool = False
    fails: dict[int, int] = {}
    lasting: bool = False
    short: int = 0
    fail_sync: int = 0
    forgets: bool = False
    drops_cache: bool = False
    interrupts: tuple[float, float] | None = None
    again: float | None = None
    retry_failed: bool = False
    rival: float | None = None
    dies_at: float | None = None
    continue_paused: bool = False
    gate: int = 0
    gate_seconds: float = 0.0
    exit_outside_window: bool = False

    def trouble(self, request: Request, random: Random, lands: float) -> Trouble | None:
        """Return the trouble that strikes a request."""
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
        size: approximate number of operations.
        torn: whether its journal has a torn tail: being stopped while it is cut is rare.
    """
    stops, call, short = random.random(), _call(random, size), random.choice((0, 0, 7, 40))
    fails, fails_sync = random.random() < 0.2, random.random() < 0.12
    failing = _call(random, size)
    if torn and random.random() < 0.9:
        # The sixth call is the cut itself, if no write is partial.
        call = failing = random.choice((1, 2, 3, 4, 5, *[6] * 12, 7, 8))
        fails, short = random.random() < 0.4, 0
        stops = 1.0 if fails else 0.5
    forgets = fails_sync and random.random() < 0.7
    return Weather(
        struck=random.choice((0.0, 0.03, 0.1, 0.35)),
        kinds=tuple(random.sample(LOSING + HARMLESS, random.choice((1, 3, 8)))),
        strangers=random.choice((0.0, 0.0, 0.02, 0.1)),
        jumps=random.choice((0.0, 0.0, 0.2)),
        die_request=random.randint(1, 2 * size + 8) if stops < 0.35 else 0,
        die_call=call if 0.35 <= stops < 0.7 else 0,
        dies_after=random.random() < 0.5,
        # Bytes that a failed sync lost are missed only after a later power cut.
        power=random.random() < 0.75 and not forgets,
        denied=random.choice((0.0, 0.0, 0.03, 0.15)),
        lags=True,
        fails={failing: random.choice((errno.ENOSPC, errno.EIO))} if fails else {},
        lasting=random.random() < 0.3,
        short=short,
        fail_sync=random.randint(1, 4 + size // 3) if fails_sync else 0,
        forgets=forgets,
        drops_cache=random.random() < 0.25,
        interrupts=(
            (random.uniform(0, 1.0 + size / 20), random.choice((0.0, 0.3, 5.0)))
            if random.random() < 0.2
            else None
        ),
        again=random.choice((0.0, 0.02, 0.5)) if random.random() < 0.6 else None,
        retry_failed=random.random() < 0.3,
        rival=random.uniform(0, 3.0) if random.random() < 0.08 else None,
        dies_at=random.uniform(0, 60.0) if random.random() < 0.1 else None,
        continue_paused=random.random() < 0.5,
        gate=random.choice((0, 1, INCONCLUSIVE)),
        gate_seconds=random.choice((0.0, 2.0, 30.0)),
    )


def _call(random: Random, size: int) -> int:
    """Return the number of a file call, often one of creating or opening."""
    if random.random() < 0.35:
        # The fourth call of a new journal is its rename.
        return random.choice((1, 2, 3, 4, 4, 4, 5, 5, 6, 7, 8, 9))
    return random.randint(1, 2 * size + 12)
