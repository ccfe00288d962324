"""The library's events: on stderr for people or, with ``--json``, programs; all of them in a file.

The library tells them by the standard library's loggers below ``bulkops``, ``noun_past_participle``
with fields as ``extra``: silent until somebody sets a level. structlog says them.
"""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path

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
        note(self._structured.format(record))

    @cached_property
    def _structured(self) -> logging.Formatter:
        # With the first event, which few commands have.
        from bulkops.cli.log_lines import formatter  # noqa: PLC0415 - brings asyncio and rich

        return formatter(json=self._json)


class _FileHandler(_Handler):
    """Appends events to a file, one JSON object a line; a file that fails must stop no rollout."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.DEBUG, json=True)
        self._path = path
        # Imported now, unlike on stderr: every command has an event for the file.
        _ = self._structured
        try:
            # Unbuffered: a line is there when its event was, and whole beside another process's.
            self._file = open(open_output(path, append=True), "ab", buffering=0)  # noqa: PTH123, SIM115 - a descriptor, and kept
        except OSError as error:
            raise _unwritable(path, error) from error

    def emit(self, record: logging.LogRecord) -> None:
        if self._file.closed:
            return
        line = self._structured.format(record).encode() + b"\n"
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            self.close()
            note(f"{_unwritable(self._path, error)}; the log ends here, the command goes on.")

    def close(self) -> None:
        self._file.close()
        super().close()


def _unwritable(path: Path, error: OSError) -> BulkopsError:
    return BulkopsError(unwritable(f"--log-file {path}", error))
