"""The two objects that the processes of a rollout have in common, and how they are replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple

from bulkops.fleet.processes import record, stop
from bulkops.fleet.processes.record import Entry, RolloutRecord
from bulkops.fleet.processes.stop import Stop
from bulkops.journal.place import Journals, SharedObject

DIGITS = 12
"""Of the digest of the servers, in the names of the objects."""


class Objects(NamedTuple):
    """The record and the stop. Each call blocks.

    Each may raise

    - ``NotAJournal``: an object is something else, or a newer version's;
    - ``JournalError``, ``JobError``: see ``SharedObject``.
    """

    record: SharedObject
    stop: SharedObject

    @classmethod
    def at(cls, journals: Journals, servers: Iterable[str], *, trusted: bool) -> Objects:
        """Return those beside a fleet's journals, for these servers.

        A rehearsal, which is at another server, neither opens waves nor stops them.

        Args:
            servers: the addresses of all its shards.
            trusted: read them even if others may have written them.
        """
        which = sha256("\n".join(sorted({*servers})).encode()).hexdigest()[:DIGITS]
        names = (f"{kind}-{which}.json" for kind in (record.KIND, stop.KIND))
        return cls(*(journals.shared(name, trusted=trusted) for name in names))

    def read(self) -> tuple[RolloutRecord | None, Stop | None]:
        """Return what they say, ``None`` for one that is missing."""
        found, stopped = self.record.read(), self.stop.read()
        return (
            found and record.decoded(found.data, self.record),
            stopped and stop.decoded(stopped.data, self.stop),
        )

    def read_rollout(self, job: str, targets: Mapping[str, str]) -> tuple[Mapping[str, Entry], str]:
        """Return the entries of a job's rollout by shard, and why it is stopped, if it is.

        Both are empty if none has begun, or a rollout of another job has followed.

        Args:
            job: see ``RolloutRecord``.
            targets: name → target, of all shards of the fleet.
        """
        found, stopped = self.read()
        if found is None or found.job != job:
            return {}, ""
        holds = stopped is not None and stopped.holds(found.number)
        return found.among(targets).shards, self.in_words(stopped) if stopped and holds else ""

    def in_words(self, stopped: Stop) -> str:
        """Return why a rollout is stopped, and which object says so."""
        return f"{stopped.reason} ({self.stop}, by {stopped.stopped_by})"

    def replace_record(
        self, change: Callable[[RolloutRecord | None], RolloutRecord]
    ) -> RolloutRecord | None:
        """Replace the record by what ``change`` makes of it, and return that.

        It is not written if it stays as it is. ``None``: another process replaced it first.
        """
        found = self.record.read()
        old = found and record.decoded(found.data, self.record)
        new = change(old)
        if new == old or self.record.swap(new.encoded(), found and found.version):
            return new
        return None

    def replace_stop(self, new: Stop) -> bool:
        """Replace the stop; return False if another process replaced it first.

        It stays as it is if it is a later rollout's, or says the same in other words.
        """
        found = self.stop.read()
        old = found and stop.decoded(found.data, self.stop)
        if old is not None and old.makes_needless(new):
            return True
        return self.stop.swap(new.encoded(), found and found.version)
