"""What goes wrong with a store and the processes that use it, drawn from the seed."""

from __future__ import annotations

from enum import Enum
from random import Random

import msgspec

from tests.journal.remote.misbehaving import MisbehavingStore, Odds, Trouble

FIRST_TTL = 30.0
"""Seconds: a lease has this ttl until it is renewed for the first time."""


FAST = 0.1
"""Seconds that a call takes at most in each direction, with which any lease can be kept."""


class Point(Enum):
    """Where a process may be frozen."""

    MOMENT = "at a moment"
    CALL_LEAVES = "before a call to the store leaves"
    INTENT_WRITTEN = "before it hears that an intent is written"
    RENEWAL_LEAVES = "before a call to the lease leaves"
    RENEWED = "before it hears that its lease is renewed"
    BEFORE_CHECK = "between the intent and the check"
    AFTER_CHECK = "between the check and the send"


class Freeze(msgspec.Struct, frozen=True):
    """A process is frozen.

    Attributes:
        number: how often it gets to the point until then; after so many tenths of a second if the
            point is a moment.
        seconds: how long it is frozen.
    """

    point: Point
    number: int
    seconds: float


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One process of an execution.

    Attributes:
        after: seconds after which it starts.
        waits: whether ``--wait`` is given.
        freezes: when it is frozen.
        die_call: number of its call to the store at which it is killed, 0 for none.
        rate: the seconds of its clock per second.
    """

    after: float = 0.0
    waits: bool = True
    freezes: tuple[Freeze, ...] = ()
    die_call: int = 0
    rate: float = 1.0


class StoreWeather(msgspec.Struct, frozen=True, kw_only=True):
    """The troubles of a store during an execution; by default there are none.

    Attributes:
        odds, latest, lag: see ``MisbehavingStore``.
        away: seconds from the start, from when to when the store is away.
        slow: seconds that a call takes at most in each direction.
    """

    odds: Odds = Odds()
    latest: float = 0.0
    lag: float = 0.0
    away: tuple[float, float] = (0.0, 0.0)
    slow: float = 0.02

    def apply(self, store: MisbehavingStore, now: float) -> None:
        """Let a store misbehave so."""
        store.odds, store.latest, store.lag = self.odds, self.latest, self.lag
        store.away = now + self.away[0], now + self.away[1]

    @property
    def is_calm(self) -> bool:
        """Whether the store can always be reached, and answers correctly and fast."""
        return self.odds == Odds() and self.away == (0.0, 0.0) and self.slow <= FAST


CALM = StoreWeather()


def draw(random: Random, ttl: float) -> StoreWeather:
    """Return the troubles of a store."""
    since = random.uniform(0, 40.0)
    away = since, since + random.uniform(0, 2 * max(ttl, 10.0))
    writes = [random.choice((0.0, 0.0, 0.03, 0.12)) for _ in Trouble]
    return StoreWeather(
        odds=Odds(*writes)._replace(unread=random.choice((0.0, 0.0, 0.02))),
        latest=random.choice((0.1, 5.0, ttl, 3 * ttl)),
        lag=random.choice((0.0, 0.0, 2.0, 60.0)),
        away=away if random.random() < 0.25 else (0.0, 0.0),
        # A store that takes longer than a lease is valid can't be used.
        slow=random.choice((0.01, 0.01, 0.1, ttl / 8)),
    )


def cast(random: Random, size: int, ttl: float) -> list[Part]:
    """Return the processes of an execution, the first one first.

    Args:
        size: approximate number of operations.
    """
    if random.random() < 0.2:
        return _duel(random, size, ttl)
    first = _part(random, size, ttl, after=0.0)
    count = random.choice((0, 1, 1, 2))
    others = [_part(random, size, ttl, after=random.uniform(0, 15.0)) for _ in range(count)]
    return [first, *others]


def _duel(random: Random, size: int, ttl: float) -> list[Part]:
    """Return a process that is frozen as it is about to send, and one that waits to take over."""
    points = Point.INTENT_WRITTEN, Point.BEFORE_CHECK, Point.AFTER_CHECK, Point.CALL_LEAVES
    number = random.randint(1, 1 + size // 4)
    seconds = random.uniform(1.2, 3) * max(ttl, FIRST_TTL)
    freeze = Freeze(random.choice(points), number, seconds)
    return [Part(freezes=(freeze,)), Part(after=random.uniform(0, 2.0))]


def _part(random: Random, size: int, ttl: float, after: float) -> Part:
    count = random.choice((0, 0, 1, 1, 2))
    return Part(
        after=after,
        waits=random.random() < 0.85,
        freezes=tuple(_freeze(random, size, ttl) for _ in range(count)),
        die_call=random.randint(1, 3 * size + 10) if random.random() < 0.15 else 0,
        rate=random.uniform(0.9, 1.1),
    )


def _freeze(random: Random, size: int, ttl: float) -> Freeze:
    point = random.choice(list(Point))
    number = {
        Point.MOMENT: random.randint(0, 300),
        # The first ones create the journal and begin the execution.
        Point.CALL_LEAVES: random.randint(1, random.choice((3, 2 * size + 10))),
        Point.RENEWAL_LEAVES: random.randint(1, 4),
        Point.RENEWED: random.randint(1, 3),
    }.get(point, random.randint(1, max(1, size // 2)))
    # Until it is renewed for the first time, a lease has ``FIRST_TTL``.
    ttls = random.choice((random.uniform(0, 1), random.uniform(1, 4)))
    return Freeze(point, number, ttls * random.choice((ttl, max(ttl, FIRST_TTL))))
