"""Where the journals of a run are: on the machine's disk, or in a store."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from bulkops.journal.local.file import JournalFile
from bulkops.journal.place import Hold
from bulkops.journal.storage import Storage
from tests.engine.world import World


class Shelf(Protocol):
    """The journals of a run, by their paths."""

    def has(self, path: Path) -> bool:
        """Return whether there is a journal."""
        ...

    def durable(self, path: Path) -> bytes:
        """Return the part of a journal that outlives its writer."""
        ...

    def truth(self, path: Path) -> Storage:
        """Return a journal, as a reader sees it who has no troubles."""
        ...

    def hold(self, path: Path) -> Hold:
        """Return a journal as the running process holds it."""
        ...


class OnDisk:
    """See ``Shelf``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def has(self, path: Path) -> bool:
        """See ``Shelf``."""
        return path.name in self._world.disk.names()

    def durable(self, path: Path) -> bytes:
        """See ``Shelf``."""
        return self._world.disk.synced(path)

    def truth(self, path: Path) -> JournalFile:
        """See ``Shelf``."""
        return JournalFile(path, self._world.disk)

    def hold(self, path: Path) -> Hold:
        """See ``Shelf``."""
        return self._world.hold_of(path)
