"""The interface to what keeps the lines of one journal: a file, or segments in object storage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import BinaryIO, NamedTuple, Protocol

from bulkops.journal.lines import Scanner

Executor = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs a blocking call: in a thread in production, inline in simulation."""


class Sight(NamedTuple):
    """A journal at one moment.

    Attributes:
        identity: another value means that another journal has taken its place.
        size: in bytes, as far as it is known.
    """

    identity: object
    size: int


class Readable(Protocol):
    """A journal that can be read; ``str()`` names it in messages.

    Attributes:
        may_tear: whether a writer that dies can leave part of a group.
    """

    @property
    def may_tear(self) -> bool:
        """See above."""
        ...

    def read(self) -> BinaryIO:
        """Open it for reading, from its first line; raises ``OSError``."""
        ...

    def end(self) -> bytes:
        """Return its last bytes, which contain its last record if that is an ``end``.

        Raises:
            OSError: it can't be read.
        """
        ...

    def part_at(self, offset: int) -> str:
        """Return what keeps a byte that was read, if it isn't one file; for a message."""
        ...

    def sight(self, stream: BinaryIO) -> Sight:
        """Return what an open stream shows before it is read."""
        ...


class Storage(Readable, Protocol):
    """A journal that this process holds, and may write; each call may raise ``OSError``.

    Attributes:
        remedy: what a user can do if it can't be written.
    """

    @property
    def remedy(self) -> str:
        """See above."""
        ...

    def owned(self, *, trusted: bool) -> Readable:
        """Return it for reading, but refused with a ``JobError`` if others may have written it.

        Args:
            trusted: refuse nothing.
        """
        ...

    def create(self, parts: Iterable[bytes]) -> None:
        """Write the first lines, all or none of them; ``FileExistsError`` if there are some."""
        ...

    def create_copy(self, groups: Iterable[bytes]) -> None:
        """Write a whole journal; until all of it is there, it doesn't look like one.

        After an interruption, the same call again writes what is missing.

        Raises:
            FileExistsError: something else is there.
        """
        ...

    def prepare(self, scanner: Scanner) -> None:
        """Open for appending after what was read, and make that durable.

        Raises:
            JournalLocked: another process holds it, or has written to it since it was read.
        """
        ...

    def append(self, data: bytes) -> None:
        """Write a group of lines and return once it is durable.

        Raises:
            Superseded: another process has written there since it was read.
        """
        ...

    def cut(self, scanner: Scanner) -> str:
        """Remove what follows the sound lines, and return where a copy of it is kept."""
        ...

    def close(self) -> None:
        """Release what ``prepare`` opened."""
        ...


class Superseded(OSError):
    """Another process has written to a journal since this one read it."""

    def __init__(self) -> None:
        super().__init__(None, "another process has written to it")


class Headless(OSError):
    """The first segment of a journal is missing."""

    def __init__(self) -> None:
        super().__init__(
            None,
            "its first segment is missing. If it is a copy, run the same `bulkops journal copy` "
            "again, which completes it; if something was deleted from the bucket, restore it",
        )
