"""The journal on disk: created atomically, appended in synced groups, its torn tail cut.

Concurrent operations share a sync: records that arrive while one group is being written form the
next group. A failed write or sync is never retried on the same file (after a failed fsync, a
second one may succeed without having written anything): from then on every call raises. The next
process writes the last group again, over itself, before it appends, since it can't know whether
the bytes that it reads are on the disk.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path

import anyio
import anyio.to_thread

from bulkops.errors import JournalError, JournalWriteFailed, unwritable
from bulkops.files import A_JOURNAL, what_is
from bulkops.journal.formats import FORMATS
from bulkops.journal.lines import CHUNK, Scanner, frame
from bulkops.journal.local.disk import GONE, FileCalls, SystemFiles, create_free, sync_folder
from bulkops.journal.local.lock import take
from bulkops.journal.reader import Contents
from bulkops.journal.records import Record, encode
from bulkops.log import Log
from bulkops.text import as_argument

Executor = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs a blocking call: in a thread in production, inline in simulation."""

CREATE_CHUNK = 4096
"""Lines per write while a journal is created."""

log = Log(__name__)


async def in_thread(call: Callable[[], None]) -> None:
    """Run a blocking call in a worker thread; a cancellation waits until it ends."""
    await anyio.to_thread.run_sync(call)


def create(path: Path, records: Iterable[Record], files: FileCalls | None = None) -> None:
    """Create a journal with its header, operations and skips, atomically.

    Raises:
        JournalError: the file exists already.
        JournalWriteFailed: it can't be written.
    """
    files = files or SystemFiles()
    if files.exists(path):
        raise _exists(path, files)
    try:
        write_whole(path, _framed(records), files, replacing=False)
    except FileExistsError as error:
        raise _exists(path, files) from error
    except OSError as error:
        raise write_failed(path, error) from error


def write_whole(
    path: Path, parts: Iterable[bytes], files: FileCalls, *, replacing: bool
) -> OSError | None:
    """Write a file that gets its name once all of it is on the disk; raises ``OSError``.

    Args:
        replacing: replace an older file of that name. If not, the file is a journal, and locked
            from the beginning.

    Returns:
        The error of a file system that can't sync folders; ``None`` if it can.
    """
    descriptor, new = create_free(files, path.with_name(path.name + ".new"))
    try:
        try:
            if not replacing:
                files.lock(descriptor)
            for part in parts:
                _write_all(files, descriptor, part)
            files.sync(descriptor)
        finally:
            files.close(descriptor)
        files.rename(new, path, replacing=replacing)
    except BaseException:
        with suppress(OSError):
            files.remove(new)
        raise
    return sync_folder(files, path.parent)


class Journal:
    """A journal that is open for appending, by the runner that holds its lock."""

    def __init__(
        self,
        path: Path,
        contents: Contents,
        files: FileCalls | None = None,
        executor: Executor = in_thread,
    ) -> None:
        self.path = path
        self.replay = contents.replay
        self._encode = FORMATS[contents.replay.header.format].encode
        self._files = files or SystemFiles()
        self._executor = executor
        self._seq, self._crc = contents.scanner.seq, contents.scanner.crc
        self._descriptor = -1
        self._waiting: list[bytes] = []
        self._group = _Group()
        self._more = anyio.Event()
        self._closing = False
        self._broken: JournalWriteFailed | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        contents: Contents,
        files: FileCalls | None = None,
        executor: Executor = in_thread,
    ) -> AsyncIterator[Journal]:
        """Cut a torn tail, make the read part durable, and append until the block ends.

        Raises:
            JournalWriteFailed: something can't be written; raised in the block or at its end.
        """
        journal = cls(path, contents, files, executor)
        error: Exception | None = None
        try:
            await executor(partial(journal._prepare, contents.scanner))
            async with anyio.create_task_group() as writer:
                writer.start_soon(journal._write_groups, writer.cancel_scope)
                try:
                    yield journal
                except Exception as raised:  # noqa: BLE001 - raised below: the group would wrap it
                    error = raised
                finally:
                    journal._closing = True
                    journal._more.set()
        finally:
            if journal._descriptor >= 0:
                journal._files.close(journal._descriptor)
        if failed := journal._broken or error:
            raise failed

    def post(self, record: Record) -> _Group:
        """Queue a record; it becomes durable with the group that is returned.

        Raises:
            JournalWriteFailed: an earlier write failed.
        """
        if self._broken:
            raise self._broken
        self.replay.take(record)
        if not self._waiting:
            self._more.set()
        self._waiting.append(self._encode(record))
        return self._group

    async def append(self, record: Record) -> None:
        """Write a record and return once it is durable.

        Raises:
            JournalWriteFailed: it can't be written.
        """
        await self.post(record).durable.wait()
        if self._broken:
            raise self._broken

    def _prepare(self, scanner: Scanner) -> None:
        try:
            self._descriptor = self._files.append(self.path)
            take(self._files, self._descriptor, self.path, scanner.offset + scanner.rest)
            if scanner.rest:
                kept = cut_tail(self._files, self._descriptor, self.path, scanner, "torn")
                facts = {"journal": str(self.path), "bytes": scanner.rest, "kept": str(kept)}
                log.warning("journal_tail_cut", extra=facts)
            self._rewrite(scanner.offset, bytes(scanner.last_group))
            # A killed process may have left lines, and the file's name, unsynced.
            self._files.sync(self._descriptor)
            if unsynced := sync_folder(self._files, self.path.parent):
                # Logged only here: a journal that is created or cut is opened too.
                log_unsynced(self.path.parent, unsynced)
        except OSError as error:
            raise write_failed(self.path, error) from error

    def _rewrite(self, end: int, group: bytes) -> None:
        # After a failed sync the page cache still shows the data, but later syncs write it only if
        # its pages are written to again. Everything before the last group was synced.
        while group:
            written = self._files.overwrite(self._descriptor, self.path, end - len(group), group)
            group = group[written:]

    async def _write_groups(self, block: anyio.CancelScope) -> None:
        while True:
            if not self._waiting:
                if self._closing:
                    return
                self._more = anyio.Event()
                await self._more.wait()
                continue
            payloads, self._waiting = self._waiting, []
            group, self._group = self._group, _Group()
            data, crc = frame(payloads, self._seq, self._seq, self._crc)
            try:
                await self._executor(partial(self._write_group, data))
            except OSError as error:
                self._broken = write_failed(self.path, error)
                group.durable.set()
                self._group.durable.set()
                # An operation with a durable intent may be about to be sent: stop it, since its
                # result could not be recorded.
                block.cancel()
                return
            self._seq += len(payloads)
            self._crc = crc
            group.durable.set()

    def _write_group(self, data: bytes) -> None:
        if not self._files.is_at(self._descriptor, self.path):
            # Deleted or replaced: a write would succeed, and the data would be lost.
            raise FileNotFoundError(errno.ENOENT, GONE)
        _write_all(self._files, self._descriptor, data)
        self._files.sync(self._descriptor)


class _Group:
    """A group of records that become durable together."""

    def __init__(self) -> None:
        self.durable = anyio.Event()


def log_unsynced(folder: Path, error: OSError) -> None:
    """Log that a power cut may lose a new file's name, since folders can't be synced."""
    log.warning("folder_not_synced", extra={"folder": str(folder), "reason": error.strerror})


def cut_tail(files: FileCalls, descriptor: int, path: Path, scanner: Scanner, why: str) -> Path:
    """Copy what follows the sound lines to ``PATH.WHY-OFFSET``, sync the copy, then cut.

    If that name is taken, ``-2``, ``-3``, … is appended. Returns the copy's path.
    """
    kept, aside = create_free(files, path.with_name(f"{path.name}.{why}-{scanner.offset}"))
    try:
        with files.read(path) as stream:
            stream.seek(scanner.offset)
            while part := stream.read(CHUNK):
                _write_all(files, kept, part)
        files.sync(kept)
    finally:
        files.close(kept)
    sync_folder(files, path.parent)
    files.truncate(descriptor, scanner.offset)
    files.sync(descriptor)
    return aside


def _framed(records: Iterable[Record]) -> Iterator[bytes]:
    payloads, seq, crc = map(encode, records), 1, 0
    while chunk := list(islice(payloads, CREATE_CHUNK)):
        data, crc = frame(chunk, seq, 1, crc)
        seq += len(chunk)
        yield data


def _write_all(files: FileCalls, descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        # A write may be partial, as on a nearly full disk.
        view = view[files.write(descriptor, bytes(view)) :]


def _exists(path: Path, files: FileCalls) -> JournalError:
    what = ""
    with suppress(OSError), files.read(path) as stream:
        what = what_is(stream)
    if what != A_JOURNAL:
        other = f"{path}: exists already, and is {what or 'not a journal'}"
        return JournalError(f"{other}: choose another path for a new journal")
    return JournalError(
        f"{path}: exists already. Resume it with `resume_journal` (`bulkops resume "
        f"{as_argument(path)}`), or choose another path for a new journal"
    )


def write_failed(path: Path, error: OSError) -> JournalWriteFailed:
    """Return the error for a journal that can't be written."""
    return JournalWriteFailed(
        f"{unwritable(path, error)}. Sending has stopped, and nothing is lost. Free some space or "
        "fix the folder, then run the same command again"
    )
