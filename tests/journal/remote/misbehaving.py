"""A store that misbehaves, as a script says or as chance has it.

::

    store = MisbehavingStore(MemoryStore(), now)
    store.script = [Trouble.UNHEARD, None]                  # what becomes of the next writes
    store.odds, store.random = Odds(late=0.1), Random(1)    # and then of all calls
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from random import Random
from typing import NamedTuple

from bulkops.journal.remote.bucket.store import Found, NoAnswer, Version
from tests.journal.remote.memory import MemoryStore, folders_of


class Trouble(Enum):
    """What may become of a write."""

    LOST = "it gets lost on the way: no answer"
    UNHEARD = "it takes effect, and the answer gets lost"
    LATE = "no answer, and it takes effect later, if its condition still holds"
    REPEATED = "it takes effect and is repeated on the way: the second is refused"
    CONFLICT = "it is refused for no reason that stays (409)"


class Odds(NamedTuple):
    """The probability of each trouble of a write, and of a reading without an answer."""

    lost: float = 0.0
    unheard: float = 0.0
    late: float = 0.0
    repeated: float = 0.0
    conflict: float = 0.0
    unread: float = 0.0


class MisbehavingStore:
    """See ``Store``.

    Attributes:
        script: what becomes of the next writes; ``None`` for nothing.
        odds: what becomes of the others; drawn from ``random``.
        away: from when to when nothing reaches the store, in seconds.
        latest: how many seconds later a late write takes effect, at most.
        lag: for how many seconds a listing does not show what was created.
        writes: the number of writes so far.
    """

    def __init__(
        self, store: MemoryStore, now: Callable[[], float], random: Random | None = None
    ) -> None:
        self.store = store
        self.random = random or Random(0)
        self.script: list[Trouble | None] = []
        self.odds = Odds()
        self.away: tuple[float, float] = (0.0, 0.0)
        self.latest = 20.0
        self.lag = 0.0
        self.writes = 0
        self._now = now
        self._late: list[tuple[float, Callable[[], object]]] = []
        self._created: dict[str, float] = {}

    def get(self, key: str) -> Found | None:
        """See ``Store``."""
        self._read()
        return self.store.get(key)

    def create(self, key: str, data: bytes) -> Version | None:
        """See ``Store``."""
        return self._write(lambda: self._create(key, data))

    def swap(self, key: str, data: bytes, version: Version) -> Version | None:
        """See ``Store``."""
        return self._write(lambda: self.store.swap(key, data, version))

    def put(self, key: str, data: bytes) -> None:
        """See ``Store``."""
        self._write(lambda: self._put(key, data))

    def names(self, prefix: str) -> Iterator[str]:
        """See ``Store``."""
        self._read()
        shown = self._now() - self.lag
        return (
            name for name in self.store.names(prefix) if self._created.get(name, shown) <= shown
        )

    def folders(self, prefix: str) -> Iterator[str]:
        """See ``Store``."""
        return folders_of(self.names(prefix), prefix)

    def land(self) -> None:
        """Let the late writes that are due take effect."""
        due = [effect for at, effect in self._late if at <= self._now()]
        self._late = [late for late in self._late if late[1] not in due]
        for effect in due:
            effect()

    def _create(self, key: str, data: bytes) -> Version | None:
        version = self.store.create(key, data)
        if version is not None:
            self._created[key] = self._now()
        return version

    def _put(self, key: str, data: bytes) -> Version:
        self._created.setdefault(key, self._now())
        self.store.put(key, data)
        return data

    def _read(self) -> None:
        self._reach()
        if self.random.random() < self.odds.unread:
            raise NoAnswer("timed out")

    def _reach(self) -> None:
        self.land()
        since, until = self.away
        if since <= self._now() < until:
            raise NoAnswer("connection refused")

    def _write(self, effect: Callable[[], Version | None]) -> Version | None:
        self.writes += 1
        self._reach()
        trouble = self.script.pop(0) if self.script else self._drawn()
        match trouble:
            case Trouble.LOST:
                raise NoAnswer("connection reset")
            case Trouble.UNHEARD:
                effect()
                raise NoAnswer("timed out")
            case Trouble.LATE:
                self._late.append((self._now() + self.random.uniform(0, self.latest), effect))
                raise NoAnswer("timed out")
            case Trouble.REPEATED:
                effect()
                return effect()
            case Trouble.CONFLICT:
                return None
            case None:
                return effect()

    def _drawn(self) -> Trouble | None:
        odds = self.odds
        weights = [odds.lost, odds.unheard, odds.late, odds.repeated, odds.conflict]
        troubles: list[Trouble | None] = [*Trouble, None]
        return self.random.choices(troubles, [*weights, 1 - sum(weights)])[0]
