"""The library's events: on stderr for people or, with ``--json``, programs; all of them in a file.

The library tells them by the standard library's loggers below ``bulkops``, ``noun_past_participle``
with fields as ``extra``: silent until somebody sets a level. structlog says them.
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
    """Show warnings on stderr, and with ``debug`` every event; write every event into ``file``.

    Raises:
        BulkopsError: the file can't be opened.
    """
    logger = logging.getLogger("bulkops")
    level = logging.DEBUG if debug else logging.WARNING
    # The file first: where it can't be opened nothing else has changed.
    handlers: list[logging.Handler] = [_FileHandler(file)] if file else []
    handlers.append(_Handler(level, json=json))
    for handler in logger.handlers:
        handler.close()
    logger.handlers = handlers
    logger.propagate = False
    logger.setLevel(logging.DEBUG if file else level)


class _Handler(logging.Handler):
    """Says events on stderr."""

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
    """Appends events to a file, one JSON object a line; a file that fails must stop no rollout.

    A thread writes it: a FIFO without a reader, or a share that hangs, blocks the thread alone.
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
            # By itself: a line is whole beside another process's.
            self._outlet.write(self._structured.format(record) + "\n")
        except OSError as error:
            self._end(error)

    def end(self) -> None:
        """Wait until all is written, but not for a reader that reads nothing."""
        if self._file.closed:
            return
        self._outlet.tell_dropped()
        written = self._outlet.queue.wait(0, still=STILL_SECONDS)
        try:
            self._outlet.flush()
        except OSError as error:
            self._end(error)
        if not written:
            note(f"--log-file {self._path}: is not read; its last events are not in it.")

    def close(self) -> None:
        self._outlet.queue.close(self._outlet)
        self._file.close()
        super().close()

    def _end(self, error: OSError) -> None:
        self.close()
        note(f"{_unwritable(self._path, error)}; the log ends here, the command goes on.")

    def _lost(self, lines: int) -> str:
        facts = {"msg": "events_dropped", "levelname": "WARNING", "events": lines}
        return self._structured.format(logging.makeLogRecord(facts)) + "\n"


def end_log_file() -> None:
    """Wait until the file of ``--log-file`` has all events, but not for a reader of it."""
    for handler in logging.getLogger("bulkops").handlers:
        if isinstance(handler, _FileHandler):
            handler.end()


def _opened(path: Path) -> TextIO:
    if not path.is_fifo():
        number = open_output(path, append=True)
    else:
        try:
            # A FIFO that nobody reads can't be opened so, and any other way waits for a reader.
            number = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            number = os.open(path, os.O_RDWR)
    os.set_blocking(number, True)
    return os.fdopen(number, "w", encoding="utf-8", newline="")


def _unwritable(path: Path, error: OSError) -> BulkopsError:
    return BulkopsError(unwritable(f"--log-file {path}", error))
