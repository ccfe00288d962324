"""The metrics of an execution: a file for node-exporter's textfile collector, and telemetry."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
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
from bulkops.telemetry.command import telemetry

EVERY_SECONDS = 15.0
"""Between two writes: Prometheus's usual scrape interval."""


class WrittenMetrics(ABC):
    """The metrics of one command, while it runs and after its end: in a file, and as telemetry.

    The file is written on entering, every ``EVERY_SECONDS`` while ``_keep_writing`` runs, and at
    the end with the exit code, however the command ends. It is replaced as a whole.

    Args:
        path: of ``--metrics-file``; ``None`` if it is not given: no file is written.

    Raises:
        BulkopsError: on entering, the file can't be written. Later, a note reports it and the job
            continues.
        JobError: on entering, the file is a journal, a saved plan or a job file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._started = time.time()
        self._failed = False

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        if is_special(self._path):
            raise BulkopsError(f"--metrics-file {self._path}: is not a regular file")
        check_output(self._path)
        try:
            # The file is replaced, not the link that may lead to it.
            self._path = followed(self._path)
            unreadable = _replace(self._path, text(*self._snapshots(None)))
        except OSError as error:
            raise BulkopsError(_unwritable(self._path, error)) from error
        if unreadable:
            note(
                f"--metrics-file {self._path}: its mode can't be set ({unreadable.strerror}), so "
                "other users may be unable to read it"
            )
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._write(code=_exit_code(error))

    @abstractmethod
    def _snapshots(self, code: int | None) -> Sequence[Snapshot]:
        """Return each job's metrics; ``code``: the command's exit code, once it ends."""

    @asynccontextmanager
    async def _written(self, look: Callable[[], object] = lambda: None) -> AsyncIterator[None]:
        """Write every ``EVERY_SECONDS`` while the block runs, after a look at what runs."""
        if self._path is None and not telemetry.measures:
            yield
            return
        ended = asyncio.Event()
        writing = asyncio.create_task(self._keep_writing(look, ended))
        try:
            yield
        finally:
            # Not cancelled: its thread would write after the last write.
            ended.set()
            await writing
            look()

    async def _keep_writing(self, look: Callable[[], object], ended: asyncio.Event) -> None:
        while not ended.is_set():
            look()
            await asyncio.to_thread(self._write)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await ended.wait()

    def _write(self, code: int | None = None) -> None:
        if self._path is None and not telemetry.measures:
            return
        snapshots = self._snapshots(code)
        telemetry.publish(snapshots)
        if self._path is None:
            return
        try:
            _replace(self._path, text(*snapshots))
        except OSError as error:
            if not self._failed:
                note(f"{_unwritable(self._path, error)}; the job continues without it")
            self._failed = True


class MetricsFile(WrittenMetrics):
    """The metrics of one job, from the moment its journal is held to the end of the command.

    ::

        with MetricsFile(path, job) as metrics:
            async with metrics.watching(execution, replay):
                await execution.run()

    Args:
        path: see ``WrittenMetrics``.
        undo: the command undoes the job.
    """

    def __init__(self, path: Path | None, job: Job, *, undo: bool = False) -> None:
        super().__init__(path)
        self._job = job
        self._undo = undo
        self._activity: Activity | None = None
        self._replay: Replay | None = None

    def show(self, replay: Replay) -> None:
        """Show the progress of a job that is not executed."""
        self._replay = replay

    @asynccontextmanager
    async def watching(self, execution: JobExecution, replay: Replay) -> AsyncIterator[None]:
        """Write every ``EVERY_SECONDS`` while the block runs an execution.

        Args:
            replay: what the execution adds its results to.
        """
        self._replay = replay

        def look() -> None:
            self._activity = execution.activity()

        async with self._written(look):
            yield

    def _snapshots(self, code: int | None) -> Sequence[Snapshot]:
        kind = wording.kind_in_words(self._job.kind, undo=self._undo)
        about = (self._job, kind, self._replay, self._activity)
        return [snapshot(*about, started=self._started, code=code)]


def snapshot(
    job: Job,
    kind: str,
    replay: Replay | None,
    activity: Activity | None,
    *,
    started: float,
    code: int | None,
    shard: str = "",
) -> Snapshot:
    """Return a job's metrics at this moment.

    Args:
        kind, started, shard: see ``Snapshot``.
        replay: its journal's; ``None`` before there is one.
        activity: ``None`` before its execution begins.
        code: its exit code; ``None`` while it runs.
    """
    info = {"version": __version__}
    counts = None
    if replay is not None:
        info |= {"run_id": replay.header.run_id, "address": replay.header.address}
        counts = counts_so_far(replay) if code is None else report(replay).counts
    return Snapshot(
        job=job.name,
        organization=job.organization,
        kind=kind,
        shard=shard,
        info=info,
        started=started,
        ended=None if code is None else time.time(),
        exit_code=code,
        counts=counts,
        activity=activity,
    )


def _replace(path: Path, data: bytes) -> OSError | None:
    """Replace a file as a whole, readable by every user.

    Returns:
        Why the file system can't set the mode; ``None`` if it can.
    """
    failed = None
    # Hidden, and without the suffix that the collector looks for.
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            try:
                os.fchmod(file.fileno(), 0o644)
            except OSError as error:
                # CIFS and FAT have no modes.
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
    """Return the exit code that ``bulkops.cli.ending`` gives the process for an error."""
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
