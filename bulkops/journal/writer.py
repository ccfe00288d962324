"""The journal that is being written: its records become durable in groups.

Concurrent operations share a sync: records that arrive while one group is being written form the
next group. A record that nothing waits for, such as a result, starts no group at once: it is
written with the next record that must be durable before something else happens, such as an intent.
At a paced 30 operations per second that halves the groups. If such a record is lost with its
process, the operation is in doubt, and the next execution reads it back. A write that failed is
never retried: from then on every call raises.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice

import anyio
import anyio.lowlevel
import anyio.to_thread

from bulkops.errors import JournalError, JournalTakenOver, JournalWriteFailed, unwritable
from bulkops.files import A_JOURNAL, what_is
from bulkops.journal.formats import FORMATS
from bulkops.journal.lines import frame
from bulkops.journal.reader import Contents, read_on
from bulkops.journal.records import Execution, Record, encode
from bulkops.journal.storage import Executor, Headless, Storage, Superseded
from bulkops.text import as_argument

CREATE_CHUNK = 4096
"""Lines per write while a journal is created."""

LINGER_SECONDS = 0.05
"""The most seconds that a posted record waits for one that starts a group."""

SYNC_WEIGHT = 0.1
"""The weight of one group in the running mean of the time that a sync takes."""


async def in_thread(call: Callable[[], None]) -> None:
    """Run a blocking call in a worker thread; a cancellation waits until it ends."""
    await anyio.to_thread.run_sync(call)


def create(storage: Storage, records: Iterable[Record]) -> None:
    """Create a journal with its header, operations and skips, atomically.

    Raises:
        JournalError: the journal exists already.
        JournalWriteFailed: it can't be written.
    """
    try:
        storage.create(_framed(records))
    except FileExistsError as error:
        raise _exists(storage) from error
    except OSError as error:
        raise write_failed(storage, error) from error


class Journal:
    """A journal that is open for appending, by the runner that holds its lock."""

    def __init__(
        self, storage: Storage, contents: Contents, executor: Executor | None = None
    ) -> None:
        self.replay = contents.replay
        self.sync_seconds = 0.0
        """The time until a group is durable in seconds, as a running mean."""
        self._encode = FORMATS[contents.replay.header.format].encode
        self._storage = storage
        self._executor = executor or in_thread
        self._contents = contents
        self._seq, self._crc = contents.scanner.seq, contents.scanner.crc
        self._waiting: list[bytes] = []
        self._durable = anyio.Event()
        self._posted = anyio.Event()
        self._urgent = anyio.Event()
        self._closing = False
        self._broken: JournalWriteFailed | None = None
        self._block = anyio.CancelScope()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, storage: Storage, contents: Contents, executor: Executor | None = None
    ) -> AsyncIterator[Journal]:
        """Make the part that was read durable, and append until the block ends.

        Raises:
            JournalLocked: another process holds it, or has written to it since it was read.
            JournalWriteFailed: something can't be written; raised in the block or at its end.
        """
        journal = cls(storage, contents, executor)
        error: Exception | None = None
        try:
            await journal._executor(journal._prepare)
            async with anyio.create_task_group() as writer:
                journal._block = writer.cancel_scope
                writer.start_soon(journal._write_groups)
                try:
                    yield journal
                except Exception as raised:  # noqa: BLE001 - raised below: the group would wrap it
                    error = raised
                finally:
                    journal._closing = True
                    journal._posted.set()
                    journal._urgent.set()
        finally:
            storage.close()
        if failed := journal._broken or error:
            raise failed

    def post(self, record: Record) -> None:
        """Queue a record: it is written with the next group, at most ``LINGER_SECONDS`` later.

        Raises:
            JournalWriteFailed: an earlier write failed.
        """
        if self._broken:
            raise self._broken
        self.replay.take(record)
        if not self._waiting:
            self._posted.set()
        self._waiting.append(self._encode(record))

    async def append(self, record: Record) -> None:
        """Write a record and return once it is durable.

        Raises:
            JournalWriteFailed: it can't be written.
        """
        self.post(record)
        self._urgent.set()
        await self._durable.wait()
        if self._broken:
            raise self._broken

    async def begin(self, execution: Execution, permitted: Callable[[], Awaitable[None]]) -> None:
        """Write an execution's record, after what another process has written since it was read.

        From then on, whatever a process writes that held the journal before is refused.

        Args:
            permitted: awaited before each attempt: what another process has written may be its
                own such record, if it has taken the journal over.

        Raises:
            JournalDamaged: what was written since is damaged.
            JournalWriteFailed: it can't be written.
        """
        while True:
            await permitted()
            data, crc = frame([self._encode(execution)], self._seq, self._seq, self._crc)
            if await self._is_first(data):
                break
        self.replay.take(execution)
        self._seq, self._crc = self._seq + 1, crc

    async def _is_first(self, data: bytes) -> bool:
        """Append and return True; if another process has written there, read that."""
        try:
            await self._executor(partial(self._storage.append, data))
        except Superseded:
            await self._executor(partial(read_on, self._storage, self._contents))
            scanner = self._contents.scanner
            self._seq, self._crc = scanner.seq, scanner.crc
            return False
        except OSError as error:
            self._broken = write_failed(self._storage, error)
            raise self._broken from error
        return True

    def break_off(self, error: JournalWriteFailed) -> None:
        """Stop everything at once: no result can be recorded any more."""
        self._broken = self._broken or error
        self._durable.set()
        # An operation with a durable intent may be about to be sent.
        self._block.cancel()

    def _prepare(self) -> None:
        try:
            self._storage.prepare(self._contents.scanner)
        except OSError as error:
            raise write_failed(self._storage, error) from error

    async def _write_groups(self) -> None:
        while await self._until_due():
            payloads, self._waiting = self._waiting, []
            durable, self._durable = self._durable, anyio.Event()
            data, crc = frame(payloads, self._seq, self._seq, self._crc)
            started = anyio.current_time()
            try:
                await self._executor(partial(self._storage.append, data))
            except OSError as error:
                self.break_off(write_failed(self._storage, error))
                durable.set()
                return
            seconds = anyio.current_time() - started
            weight = SYNC_WEIGHT if self.sync_seconds else 1.0
            self.sync_seconds += (seconds - self.sync_seconds) * weight
            self._seq += len(payloads)
            self._crc = crc
            durable.set()

    async def _until_due(self) -> bool:
        """Wait until a group has to be written; return False if none will be."""
        if not self._waiting and not self._closing:
            self._posted = anyio.Event()
            await self._posted.wait()
        if not (self._closing or self._urgent.is_set()):
            with anyio.move_on_after(LINGER_SECONDS):
                await self._urgent.wait()
        # What other tasks are about to append now joins the group. It also keeps the sync's thread
        # from competing for the interpreter with operations that the last group lets send.
        await anyio.lowlevel.checkpoint()
        self._urgent = anyio.Event()
        return bool(self._waiting)


def _framed(records: Iterable[Record]) -> Iterator[bytes]:
    payloads, seq, crc = map(encode, records), 1, 0
    while chunk := list(islice(payloads, CREATE_CHUNK)):
        data, crc = frame(chunk, seq, 1, crc)
        seq += len(chunk)
        yield data


def _exists(storage: Storage) -> JournalError:
    what = ""
    try:
        with storage.read() as stream:
            what = what_is(stream)
    except Headless as error:
        return JournalError(f"{storage}: {error.strerror}. Or choose another place")
    except OSError:
        pass
    if what != A_JOURNAL:
        other = f"{storage}: exists already, and is {what or 'not a journal'}"
        return JournalError(f"{other}: choose another path for a new journal")
    return JournalError(
        f"{storage}: exists already. Resume it with `resume_journal` (`bulkops resume "
        f"{as_argument(storage)}`), or choose another path for a new journal"
    )


def write_failed(storage: Storage, error: OSError) -> JournalWriteFailed:
    """Return the error for a journal that can't be written."""
    if isinstance(error, Superseded):
        return JournalTakenOver(
            f"{storage}: another process has taken it over. Nothing more was sent; what was in "
            "flight stays in doubt, and nothing is lost"
        )
    return JournalWriteFailed(
        f"{unwritable(storage, error)}. Sending has stopped, and nothing is lost. "
        f"{storage.remedy}, then run the same command again"
    )
