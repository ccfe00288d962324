"""Log events: warnings on stderr, as text or with ``--json`` as JSON, and all of them in a file.

The library logs to standard loggers below ``bulkops``. An event's name has the form
``noun_past_participle``, its fields are ``extra``. structlog formats it.
"""

from __future__ import annotations

import errno
import logging
import math
import os
from functools import cached_property
from pathlib import Path
from typing import TextIO

from bulkops.cli.outlet import STILL_SECONDS, Outlet, Queue
from bulkops.cli.output.printing import note
from bulkops.errors import BulkopsError, unwritable
from bulkops.files import open_output

log = logging.getLogger(__name__)


def configure(*, debug: bool, json: bool, file: Path | None = None) -> None:
    """Log warnings to stderr, with ``debug`` every event, and every event to ``file``.

    Raises:
        BulkopsError: the file can't be opened.
    """
    logger = logging.getLogger("bulkops")
    level = logging.DEBUG if debug else logging.WARNING
    # The file first: if it can't be opened, nothing else has changed.
    handlers: list[logging.Handler] = [_FileHandler(file)] if file else []
    handlers.append(_Handler(level, json=json))
    for handler in logger.handlers:
        handler.close()
    logger.handlers = handlers
    logger.propagate = False
    logger.setLevel(logging.DEBUG if file else level)


class _Handler(logging.Handler):
    """Writes events to stderr."""

    def __init__(self, level: int, *, json: bool) -> None:
        super().__init__(level)
        self._json = json

    def emit(self, record: logging.LogRecord) -> None:
        note(self._structured.format(record), passing=True)

    @cached_property
    def _structured(self) -> logging.Formatter:
        # With the first event, which few commands have.
        from bulkops.cli.log_lines import formatter  # noqa: PLC0415 - brings asyncio and rich

        return formatter(json=self._json)


class _FileHandler(_Handler):
    """Appends events to a file, one JSON object per line; a failing file stops no rollout.

    A thread writes the file: a FIFO without a reader, or a share that hangs, blocks only that
    thread.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(logging.DEBUG, json=True)
        self._path = path
        # Imported now, unlike on stderr: every command has an event for the file.
        _ = self._structured
        try:
            self._file = _opened(path)
        except OSError as error:
            raise _unwritable(path, error) from error
        self._outlet = Outlet(self._file, Queue(), self._lost)
        self._outlet.left = math.inf

    def emit(self, record: logging.LogRecord) -> None:
        if self._file.closed:
            return
        try:
            # One write per line: other processes may append to the file as well.
            self._outlet.write(self._structured.format(record) + "\n")
        except OSError as error:
            self._end(error)

    def end(self) -> None:
        """Wait until all events are written, unless the reader reads nothing."""
        if self._file.closed:
            return
        self._outlet.report_dropped()
        written = self._outlet.queue.wait(0, still=STILL_SECONDS)
        try:
            self._outlet.flush()
        except OSError as error:
            self._end(error)
        if not written:
            note(f"--log-file {self._path}: nothing reads it, so the last events are missing.")

    def close(self) -> None:
        self._outlet.queue.close(self._outlet)
        self._file.close()
        super().close()

    def _end(self, error: OSError) -> None:
        self.close()
        note(f"{_unwritable(self._path, error)}; the log ends here, the command continues.")

    def _lost(self, lines: int) -> str:
        facts = {"msg": "events_dropped", "levelname": "WARNING", "events": lines}
        return self._structured.format(logging.makeLogRecord(facts)) + "\n"


def end_log_file() -> None:
    """Wait until all events are in the log file, unless its reader reads nothing."""
    for handler in logging.getLogger("bulkops").handlers:
        if isinstance(handler, _FileHandler):
            handler.end()


def _opened(path: Path) -> TextIO:
    if not path.is_fifo():
        number = open_output(path, append=True)
    else:
        try:
            # Without O_NONBLOCK, opening a FIFO would wait for a reader.
            number = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            number = os.open(path, os.O_RDWR)
    os.set_blocking(number, True)
    return os.fdopen(number, "w", encoding="utf-8", newline="")


def _unwritable(path: Path, error: OSError) -> BulkopsError:
    return BulkopsError(unwritable(f"--log-file {path}", error))
