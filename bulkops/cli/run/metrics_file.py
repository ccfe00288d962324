"""``--metrics-file``: how an execution stands, for the textfile collector of node-exporter."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from click.exceptions import Exit

from bulkops import __version__
from bulkops.cli.output.printing import note
from bulkops.errors import BulkopsError, ExitCode, unwritable
from bulkops.files import check_output, followed, is_special
from bulkops.job.job import Job
from bulkops.journal.replay import Replay
from bulkops.operations import wording
from bulkops.report.metrics import Snapshot, counts_so_far, text
from bulkops.report.model import report
from bulkops.runner.activity import Activity
from bulkops.runner.execution import JobExecution

EVERY_SECONDS = 15.0
"""Between two writings: as often as Prometheus is usually told to look."""


class MetricsFile:
    """The metrics of one command, from where it holds the journal's lock to its end.

    ::

        with MetricsFile(path, job) as metrics:
            async with metrics.watching(execution, replay):
                await execution.run()

    Written at the beginning, every now and then while the execution runs, and at the end,
    whatever the end, with the exit code. A reader never sees half of it.

    Args:
        path: ``None`` where nobody asked for one; then nothing is done.
        undo: the job is taken back.

    Raises:
        BulkopsError: on entering, it can't be written. Later that is a note: the journal counts.
        JobError: on entering, it is a journal, a plan or a job.
    """

    def __init__(self, path: Path | None, job: Job, *, undo: bool = False) -> None:
        self._path = path
        self._job = job
        self._undo = undo
        self._started = time.time()
        self._activity: Activity | None = None
        self._replay: Replay | None = None
        self._failed = False

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        if is_special(self._path):
            raise BulkopsError(f"--metrics-file {self._path}: is no file")
        check_output(self._path)
        try:
            # The file itself is replaced, not a link to it.
            self._path = followed(self._path)
            unreadable = _replace(self._path, self._text())
        except OSError as error:
            raise BulkopsError(_unwritable(self._path, error)) from error
        if unreadable:
            note(
                f"--metrics-file {self._path}: other users may not be able to read it: its mode "
                f"can't be set ({unreadable.strerror})"
            )
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._write(code=_exit_code(error))

    def stands(self, replay: Replay) -> None:
        """Take note of where a job stands that is not executed."""
        self._replay = replay

    @asynccontextmanager
    async def watching(self, execution: JobExecution, replay: Replay) -> AsyncIterator[None]:
        """Write every now and then while the block runs an execution.

        Args:
            replay: that the execution brings forward.
        """
        self._replay = replay
        if self._path is None:
            yield
            return
        ended = asyncio.Event()
        writing = asyncio.create_task(self._keep_writing(execution, ended))
        try:
            yield
        finally:
            # Not cancelled: a thread that still writes would come after the last word.
            ended.set()
            await writing
            self._activity = execution.activity()

    async def _keep_writing(self, execution: JobExecution, ended: asyncio.Event) -> None:
        while not ended.is_set():
            self._activity = execution.activity()
            await asyncio.to_thread(self._write)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await ended.wait()

    def _write(self, code: int | None = None) -> None:
        if self._path is None:
            return
        try:
            _replace(self._path, self._text(code))
        except OSError as error:
            if not self._failed:
                note(f"{_unwritable(self._path, error)}; the job goes on without it")
            self._failed = True

    def _text(self, code: int | None = None) -> bytes:
        job, replay = self._job, self._replay
        kind = wording.kind_in_words(job.operation_kind, undo=self._undo)
        info = {"version": __version__}
        counts = None
        if replay is not None:
            info |= {"run_id": replay.header.run_id, "address": replay.header.address}
            counts = counts_so_far(replay) if code is None else report(replay).counts
        return text(
            Snapshot(
                job=job.name,
                organization=job.organization,
                kind=kind,
                info=info,
                started=self._started,
                ended=None if code is None else time.time(),
                exit_code=code,
                counts=counts,
                activity=self._activity,
            )
        )


def _replace(path: Path, data: bytes) -> OSError | None:
    """Write a file so that whoever reads it sees the one before or this one, and may read it.

    Returns:
        Why the file system sets no mode; ``None`` if it does.
    """
    failed = None
    # Hidden, and without the ending that the collector looks for.
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            try:
                os.fchmod(file.fileno(), 0o644)
            except OSError as error:
                # CIFS and FAT keep modes of their own.
                failed = error
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    return failed


def _unwritable(path: Path, error: OSError) -> str:
    return unwritable(f"--metrics-file {path}", error)


def _exit_code(error: BaseException | None) -> int:
    """Return what the process ends with, as ``bulkops.cli.ending`` makes it of an error."""
    match error:
        case None:
            return ExitCode.DONE
        case BulkopsError() | Exit():
            return error.exit_code
        case SystemExit(code=int(code)):
            return code
        case KeyboardInterrupt():
            return ExitCode.INTERRUPTED
        case _:
            return ExitCode.ERROR
