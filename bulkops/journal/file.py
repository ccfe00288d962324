"""The journal on disk: created whole, appended in synced groups, read back, its torn tail cut.

Concurrent operations share a sync: while one group is being written in the executor, everything
recorded meanwhile becomes the next group. A write or sync that failed is never tried again on
the same file (after a failed fsync a second one may succeed and lie): the journal is broken from
then on and says so to everybody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import anyio
import anyio.to_thread
import msgspec
import structlog

from bulkops.errors import JournalDamaged, JournalError, JournalWriteFailed
from bulkops.journal.files import FileCalls, SystemFiles
from bulkops.journal.lines import Scanner, frame
from bulkops.journal.records import FORMAT, Header, Record, decode, encode
from bulkops.journal.replay import Replay, replay

Executor = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs a blocking call: in a thread in production, inline in simulation."""

CREATE_CHUNK = 4096
"""Lines written at once while a journal is created."""

log = structlog.get_logger()


async def in_thread(call: Callable[[], None]) -> None:
    """Run a blocking call in a worker thread, to its end even when cancelled."""
    await anyio.to_thread.run_sync(call)


def create(path: Path, records: Iterable[Record], files: FileCalls | None = None) -> None:
    """Create a journal with its header, operations and skips: wholly or not at all.

    Raises:
        JournalError: there is a file already.
        JournalWriteFailed: it can't be written.
    """
    files = files or SystemFiles()
    if path.exists():
        raise JournalError(f"{path}: exists already")
    new = path.with_name(path.name + ".new")
    try:
        descriptor = files.create(new)
        try:
            seq, crc = 1, 0
            for payloads in _chunks(map(encode, records)):
                data, crc = frame(payloads, seq, 1, crc)
                seq += len(payloads)
                _write_all(files, descriptor, data)
            files.sync(descriptor)
        finally:
            files.close(descriptor)
        files.rename(new, path)
        files.sync_folder(path.parent)
    except OSError as error:
        raise _write_failed(path, error) from error


class Contents(msgspec.Struct):
    """A journal as read: where the job stands, and what follows the sound lines."""

    replay: Replay
    scanner: Scanner

    @property
    def torn(self) -> int:
        """Bytes of a torn tail, 0 for none."""
        return len(self.scanner.tail)


def read(path: Path, files: FileCalls | None = None) -> Contents:
    """Read and check a whole journal; a torn tail is left in place and reported.

    Raises:
        JournalDamaged: a synced line is no longer what was written.
        JournalError: there is no such file, or it is no journal of this version.
    """
    scanner = Scanner()
    try:
        with (files or SystemFiles()).read(path) as stream:
            state = replay(_records(path, scanner, stream))
    except OSError as error:
        raise JournalError(f"{path}: can't be read: {error.strerror or error}") from error
    except ValueError as error:
        if scanner.damaged:
            raise _damaged(path, scanner) from error
        raise JournalError(f"{path}: is no bulkops journal: {error}") from error
    # A journal is created whole (see ``create``): no power cut tears its plan, only damage does.
    created = 1 + state.header.operations + state.header.skips
    if scanner.damaged or scanner.seq <= created:
        raise _damaged(path, scanner)
    return Contents(state, scanner)


class Journal:
    """A journal open for appending, by one runner under its lock."""

    def __init__(
        self,
        path: Path,
        contents: Contents,
        files: FileCalls | None = None,
        executor: Executor = in_thread,
    ) -> None:
        self.path = path
        self.replay = contents.replay
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
        """Cut the torn tail, if any, and append until the block ends; then all is durable.

        Raises:
            JournalWriteFailed: from the block or at its end, when something can't be written.
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
        """Take a record over; it becomes durable with the group that is returned.

        Raises:
            JournalWriteFailed: an earlier write failed.
        """
        if self._broken:
            raise self._broken
        self.replay.take(record)
        self._waiting.append(encode(record))
        self._more.set()
        return self._group

    async def append(self, record: Record) -> None:
        """Return when the record is durable.

        Raises:
            JournalWriteFailed: it isn't.
        """
        await self.post(record).durable.wait()
        if self._broken:
            raise self._broken

    def _prepare(self, scanner: Scanner) -> None:
        try:
            self._descriptor = self._files.append(self.path)
            if scanner.tail:
                self._cut(scanner)
        except OSError as error:
            raise _write_failed(self.path, error) from error

    def _cut(self, scanner: Scanner) -> None:
        aside = self.path.with_name(f"{self.path.name}.torn-{scanner.offset}")
        kept = self._files.create(aside)
        try:
            _write_all(self._files, kept, scanner.tail)
            self._files.sync(kept)
        finally:
            self._files.close(kept)
        self._files.sync_folder(self.path.parent)
        self._files.truncate(self._descriptor, scanner.offset)
        self._files.sync(self._descriptor)
        log.warning(
            "journal_tail_cut", journal=str(self.path), bytes=len(scanner.tail), kept=str(aside)
        )

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
                self._broken = _write_failed(self.path, error)
                group.durable.set()
                self._group.durable.set()
                # What is durable already may be about to be sent: its result could not be.
                block.cancel()
                return
            self._seq += len(payloads)
            self._crc = crc
            group.durable.set()

    def _write_group(self, data: bytes) -> None:
        _write_all(self._files, self._descriptor, data)
        self._files.sync(self._descriptor)


class _Group:
    """Records that become durable together."""

    def __init__(self) -> None:
        self.durable = anyio.Event()


def _records(path: Path, scanner: Scanner, stream: BinaryIO) -> Iterator[Record]:
    for line in scanner.lines(stream):
        try:
            record = decode(line)
        except msgspec.DecodeError as error:
            # Its CRC is right, so it was written so: by another version of bulkops.
            raise JournalError(
                f"{path}: line {scanner.seq - 1} is of a kind this version does not know: {error}"
            ) from error
        if isinstance(record, Header) and record.format != FORMAT:
            raise JournalError(
                f"{path}: has journal format {record.format}, this version reads {FORMAT}; "
                f"it was written by bulkops {record.bulkops}"
            )
        yield record


def _chunks(payloads: Iterator[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for payload in payloads:
        chunk.append(payload)
        if len(chunk) == CREATE_CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _write_all(files: FileCalls, descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        # A write may be short: on a nearly full disk it is.
        view = view[files.write(descriptor, bytes(view)) :]


def _write_failed(path: Path, error: OSError) -> JournalWriteFailed:
    return JournalWriteFailed(
        f"{path}: can't be written: {error.strerror or error}. Sending has stopped and nothing is "
        "lost; make room or mend the folder, then run the same command again"
    )


def _damaged(path: Path, scanner: Scanner) -> JournalDamaged:
    return JournalDamaged(
        f"{path}: damaged at byte {scanner.offset} (line {scanner.seq}), in a part that was safely "
        "on disk before. Nothing was sent and the file is left as it is; restore it from a backup",
        scanner.offset,
    )
