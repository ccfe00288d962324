"""A file that several processes replace, each in the state that it has read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bulkops.errors import JournalError, JournalLocked, JournalWriteFailed, unreadable, unwritable
from bulkops.journal.local.disk import SystemFiles, lock_now, open_or_create, sync_folder
from bulkops.journal.local.failures import in_use, lock_failures
from bulkops.journal.local.folder import created
from bulkops.journal.local.holder import lock_of
from bulkops.journal.local.ownership import OwnFiles, check_folder
from bulkops.journal.place import Shared

MOST = 16 << 20
"""The most bytes that such a file may have; enough for 10,000 shards with a problem each."""


class SharedFile:
    """See ``SharedObject``: a version is the content itself.

    Args:
        trusted: read it even if others may have written it.
    """

    def __init__(self, path: Path, *, trusted: bool) -> None:
        self._path = path
        self._trusted = trusted

    def __str__(self) -> str:
        """Return the path."""
        return str(self._path)

    def read(self) -> Shared | None:
        """See ``SharedObject``."""
        check_folder(self._path, trusted=self._trusted)
        try:
            with OwnFiles(trusted=self._trusted).read(self._path) as stream:
                data = stream.read(MOST + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise JournalError(unreadable(self, error)) from error
        if len(data) > MOST:
            raise JournalError(f"{self}: can't be read: it has more than {MOST:,} bytes")
        return Shared(data, data)

    def swap(self, data: bytes, version: object | None) -> bool:
        """See ``SharedObject``; False also if another process replaces it at this moment."""
        try:
            with created(self._path.parent), self._locked():
                found = self.read()
                if (found and found.version) != version:
                    return False
                self._replace(data)
                return True
        except JournalLocked:
            return False
        except OSError as error:
            raise JournalWriteFailed(
                f"{unwritable(self, error)}. Run the same command again once it can be written"
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock the file beside it while the block runs; ``JournalLocked`` if it is locked."""
        descriptor, _ = open_or_create(lock_of(self._path))
        try:
            with lock_failures(self._path, lambda: in_use(self._path, "another process")):
                lock_now(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _replace(self, data: bytes) -> None:
        """Write another file, and give it the name: a reader sees the one or the other."""
        calls, draft = SystemFiles(), self._path.with_name(f"{self._path.name}.new")
        # A process that was killed here left it. Whoever has the lock may write it.
        with suppress(FileNotFoundError):
            calls.remove(draft)
        descriptor = calls.create(draft)
        try:
            left = memoryview(data)
            while left:
                left = left[calls.write(descriptor, bytes(left)) :]
            calls.sync(descriptor)
        finally:
            calls.close(descriptor)
        calls.rename(draft, self._path, replacing=True)
        sync_folder(calls, self._path.parent)
