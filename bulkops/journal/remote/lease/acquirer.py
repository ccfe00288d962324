"""Gets the lease of a journal (``candidate`` decides)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from bulkops.clock import Clock
from bulkops.errors import JournalLocked, JournalWriteFailed
from bulkops.journal.records import Holder
from bulkops.journal.remote.bucket.store import Denied, NoAnswer
from bulkops.journal.remote.lease.calls import Calls, LeaseObject, made, run_at_once
from bulkops.journal.remote.lease.candidate import Candidate, Seeking
from bulkops.journal.remote.lease.content import Lease, pause
from bulkops.journal.remote.lease.holding import Holding

MOST_BETWEEN_LOOKS = 5.0
"""Seconds: a lease that was released is noticed by then."""

PATIENCE = 10.0
"""Seconds for which a store may leave everything undecided."""


class Busy(NamedTuple):
    """Another process holds the lease.

    Attributes:
        modified: when it was renewed, by the store's clock; ``None`` if the store doesn't say.
        seconds: when to look again.
    """

    lease: Lease
    modified: datetime | None
    seconds: float


class Undecided(NamedTuple):
    """The store gave no answer, or another process was faster: look again after ``seconds``."""

    seconds: float


Look = Holding | Busy | Undecided


class Acquirer:
    """A process that wants the lease of a journal.

    Args:
        at: where it is.
        nonce: random; a new one for each acquirer.
        ttl: seconds of the lease, once it is this process's.
    """

    def __init__(
        self, at: LeaseObject, holder: Holder, nonce: str, ttl: float, clock: Clock
    ) -> None:
        self.at = at
        self.clock = clock
        self._candidate = Candidate(holder, nonce, ttl)
        self._undecided_since: float | None = None

    def look(self) -> Look:
        """Look once, and take the lease if it is free or has expired: at most three calls.

        Raises:
            JournalWriteFailed: the store denies access, or nothing was decided for ``PATIENCE``.
        """
        return run_at_once(self.looking())

    def looking(self) -> Calls[Look]:
        """Yield the calls of ``look``; return and raise as it does."""
        candidate, at, now = self._candidate, self.at, self.clock.boot
        found = None
        try:
            if candidate.state is not Seeking.TRYING:
                found = yield from made(at.read)
                candidate.found(found, now())
            if candidate.state is Seeking.TRYING:
                sent = now()
                version = yield from made(lambda: at.write(candidate.attempt()))
                if version is not None:
                    return candidate.written(version, sent)
                found = yield from made(at.read)
                if holding := candidate.refused(found, now()):
                    return holding
        except NoAnswer as error:
            candidate.unanswered()
            return self._undecided(f"no answer from the store: {error.strerror}")
        except Denied as error:
            raise self._failed(str(error.strerror)) from error
        if candidate.state is Seeking.TRYING or not candidate.watched:
            return self._undecided("the store refuses to write it, though no other process did")
        self._undecided_since = None
        lease = candidate.watched.lease
        seconds = min(candidate.left(now()), lease.ttl / 6, MOST_BETWEEN_LOOKS)
        return Busy(lease, found and found.modified, max(0.0, seconds))

    def _undecided(self, reason: str) -> Undecided:
        now = self.clock.boot()
        if self._undecided_since is None:
            self._undecided_since = now
        elif now - self._undecided_since >= PATIENCE:
            raise self._failed(reason)
        return Undecided(pause(self._candidate.ttl))

    def _failed(self, reason: str) -> JournalWriteFailed:
        return JournalWriteFailed(
            f"{self.at.journal}: its lease can't be written: {reason}; nothing was sent. Run the "
            "same command again once the store can be reached and written"
        )


def acquire(acquirer: Acquirer, sleep: Callable[[float], object]) -> Holding:
    """Return the lease; call it again with the same acquirer to see whether another's expires.

    Raises:
        JournalLocked: another process holds it.
        JournalWriteFailed: see ``Acquirer.look``.
    """
    while not isinstance(seen := acquirer.look(), Holding):
        if isinstance(seen, Busy):
            raise _in_use(acquirer, seen)
        sleep(seen.seconds)
    return seen


def _in_use(acquirer: Acquirer, busy: Busy) -> JournalLocked:
    lease, age = busy.lease, ""
    if busy.modified:
        seconds = (acquirer.clock.wall() - busy.modified).total_seconds()
        age = f"renewed {max(0.0, seconds):.0f} s ago; "
    return JournalLocked(
        f"{acquirer.at.journal} is held by {lease.described()} ({age}lease of {lease.ttl:g} s)",
        "Wait until it ends, or stop it and run the same command again. If that process was "
        f"killed, add --wait: it takes over after {lease.ttl:g} s without a renewal",
        look_again=busy.seconds,
    )
