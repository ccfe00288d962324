"""Where the library's events go: warnings to stderr, every event to ``--log-file``.

The library logs events with the standard library's loggers below ``bulkops``: the message is
``noun_past_participle``, the facts are ``extra`` fields. On stderr, people get a warning as a
sentence, programs (``--json``) as JSON; ``--debug`` prints every event, as ``key=value`` or JSON.
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
    """Print warnings on stderr, or every event with ``debug``; append every event to ``file``.

    Args:
        json: print events as JSON on stderr.

    Raises:
        BulkopsError: the file can't be opened.
    """
    logger = logging.getLogger("bulkops")
    level = logging.DEBUG if debug else logging.WARNING
    # The file first: if it can't be opened, nothing else has changed.
    handlers: list[logging.Handler] = [_FileHandler(file)] if file else []
    handlers.append(_Handler(level, json=json) if debug or json else _Sentences())
    for handler in logger.handlers:
        handler.close()
    logger.handlers = handlers
    logger.propagate = False
    logger.setLevel(logging.DEBUG if file else level)


class _Sentences(logging.Handler):
    """Prints warnings on stderr, as sentences."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        note(sentence(record), passing=True)


class _Handler(logging.Handler):
    """Prints events on stderr, structured."""

    def __init__(self, level: int, *, json: bool) -> None:
        super().__init__(level)
        self._json = json

    def emit(self, record: logging.LogRecord) -> None:
        note(self._structured.format(record), passing=True)

    @cached_property
    def _structured(self) -> logging.Formatter:
        # At the first event: few commands have one.
        from bulkops.cli.log_lines import formatter  # noqa: PLC0415 - imports asyncio and rich

        return formatter(json=self._json)


class _FileHandler(_Handler):
    """Appends events to a file, one JSON object per line; if it fails, the rollout continues.

    A thread writes it, so that a FIFO without a reader or a hanging share blocks only that thread.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(logging.DEBUG, json=True)
        self._path = path
        # Imported now, unlike for stderr: every command logs an event to the file.
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
            # One write per line, so that lines of several processes don't mix.
            self._outlet.write(self._structured.format(record) + "\n")
        except OSError as error:
            self._end(error)

    def end(self) -> None:
        """Wait until everything is written, unless a reader has stopped reading."""
        if self._file.closed:
            return
        self._outlet.report_dropped()
        written = self._outlet.queue.wait(0, still=STILL_SECONDS)
        try:
            self._outlet.flush()
        except OSError as error:
            self._end(error)
        if not written:
            note(f"--log-file {self._path}: nothing reads it; its last events are missing.")

    def close(self) -> None:
        self._outlet.queue.close(self._outlet)
        self._file.close()
        super().close()

    def _end(self, error: OSError) -> None:
        self.close()
        note(f"{_unwritable(self._path, error)}; the log ends here; the command continues.")

    def _lost(self, lines: int) -> str:
        facts = {"msg": "events_dropped", "levelname": "WARNING", "events": lines}
        return self._structured.format(logging.makeLogRecord(facts)) + "\n"


SENTENCES = {
    "client_slowed": "the server answers 503 above a limit of its own: slowed down to {rate:g} "
    "requests per second",
    "client_paused": "the server asked for a pause ({reason}): nothing is sent for {seconds:g} s",
    "server_unreachable": "no answer from the server ({error}): trying again",
    "few_descriptors": "few file descriptors: at most {at_once} requests at a time instead of "
    "{needed} (see `ulimit -n`)",
    "gate_not_run": "the gate could not be started: {reason}",
    "folder_not_synced": "{folder}: the folder could not be synced ({reason}): after a power cut, "
    "a file created in it may be missing",
    "lease_not_released": "{journal}: its lease could not be released ({reason}): another process "
    "can take the journal over after {ttl:g} s, with --wait",
    "receiver_unavailable": "{reason}: nothing is sent to {receiver}. {remedy} to be notified; the "
    "job continues",
    "notifications_failed": "some notifications were not sent because of an error ({error}); the "
    "job continues",
    "telemetry_not_installed": "{variable} is set, but no telemetry is sent, because OpenTelemetry "
    "is not installed. Install bulkops[otel], or set OTEL_SDK_DISABLED=true",
    "telemetry_unusable": "{variable}: this telemetry is not sent, because bulkops sends only otlp "
    "by http/protobuf",
    "telemetry_failed": "some telemetry was not sent because of an error ({error}); the command "
    "continues. Check the OTEL_… variables",
    "spans_lost": "{lost} of {spans} spans did not reach the OpenTelemetry collector ({reason}); "
    "the command is not affected",
    "metrics_lost": "the last metrics did not reach the OpenTelemetry collector ({reason}); "
    "the command is not affected",
    "journal_tail_cut": "{journal}: its last write was cut off: {bytes} bytes removed, kept in "
    "{kept}",
}
"""Event → the sentence for people, with the event's fields."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "run_id", "operation"}


def sentence(record: logging.LogRecord) -> str:
    """Return an event as a sentence for people, with its facts."""
    # The event's name alone: its message may show the fields as well.
    event = str.__str__(record.msg) if isinstance(record.msg, str) else record.getMessage()
    text = SENTENCES.get(event)
    facts = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    if text is not None:
        return f"Warning: {text.format_map(facts)}."
    listed = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
    return f"Warning: {event.replace('_', ' ')}{f' ({listed})' if listed else ''}."


def end_log_file() -> None:
    """Wait until ``--log-file`` has every event, unless its reader has stopped reading."""
    for handler in logging.getLogger("bulkops").handlers:
        if isinstance(handler, _FileHandler):
            handler.end()


def _opened(path: Path) -> TextIO:
    if not path.is_fifo():
        number = open_output(path, append=True)
    else:
        try:
            # Without a reader this fails, and opening it write-only would block.
            number = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            number = os.open(path, os.O_RDWR)
    os.set_blocking(number, True)
    return os.fdopen(number, "w", encoding="utf-8", newline="")


def _unwritable(path: Path, error: OSError) -> BulkopsError:
    return BulkopsError(unwritable(f"--log-file {path}", error))
