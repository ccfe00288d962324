"""The only functions of the command line that write to stdout and stderr.

Lines are escaped, whatever a server put into them; escaped JSON decodes to the same value. Output
to stderr is best effort: a reader that left, or a full disk, must not stop a rollout.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from bulkops.cli.outlet import dropped
from bulkops.errors import BulkopsError, ListMoved, NoResponse, ServerBroken, unwritable
from bulkops.files import open_output
from bulkops.text import escaped

NOWHERE = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors of a stream that can no longer be written."""

_NAMED_BY = "TFE_ADDRESS, TF_CLOUD_HOSTNAME, TFE_HOSTNAME, --address or the fleet file"


def print_text(*lines: str, paint: Callable[[str], str] = str) -> None:
    """Print lines for people on stdout; raises like ``print_raw``.

    Args:
        paint: adds colors to an escaped line.
    """
    print_raw(f"{paint(escaped(line).rstrip())}\n" for line in lines)


def print_raw(pieces: Iterable[str]) -> None:
    """Print text on stdout unchanged, piece by piece.

    Raises:
        SystemExit: the reader of stdout has left (``| head``): exit 1, without a message.
        BulkopsError: stdout can't be written, for example because its disk is full.
    """
    try:
        sys.stdout.writelines(pieces)
        sys.stdout.flush()
    except OSError as error:
        silence(sys.stdout)
        if error.errno == errno.EPIPE:
            raise SystemExit(1) from error
        raise stdout_failed(error) from error


def print_to(output: Path | None, pieces: Iterable[str]) -> None:
    """Print text unchanged into a file, or on stdout if there is none.

    Raises:
        BulkopsError: the file or stdout can't be written; see ``print_raw``.
        JobError: the file is a journal, a plan or a job.
    """
    if output is None:
        print_raw(pieces)
        return
    try:
        with os.fdopen(open_output(output), "w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
    except OSError as error:
        raise BulkopsError(unwritable(output, error)) from error


@contextmanager
def heard_or_not() -> Iterator[None]:
    """Ignore a closed or full stdout while the block runs: the journal has every result."""
    try:
        yield
    except (BulkopsError, SystemExit):
        note("stdout can no longer be written to; the journal has every result.")


def note(
    *lines: str, end: str = "\n", paint: Callable[[str], str] = str, passing: bool = False
) -> None:
    """Print lines on stderr, the last one followed by ``end``; never raises.

    On a terminal, lines are wrapped between words.

    Args:
        paint: see ``print_text``.
        passing: of interest only now: if stderr is not read, they are counted and dropped.
    """
    if not lines:
        return
    if passing and dropped(sys.stderr, len(lines)):
        return
    shown = _wrapped_for(sys.stderr, map(escaped, lines))
    try:
        sys.stderr.write("\n".join(map(paint, shown)) + end)
        sys.stderr.flush()
    except OSError:
        silence(sys.stderr)


def _wrapped_for(stream: TextIO, lines: Iterable[str]) -> Iterator[str]:
    columns = 0
    with suppress(OSError, ValueError):
        columns = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    if not columns:
        yield from lines
        return
    from bulkops.report.columns import wrapped  # noqa: PLC0415 - --help needs no rich

    for line in lines:
        yield from wrapped(line, columns)


def fail(error: BulkopsError) -> None:
    """Print an error on stderr, as the last output of a command."""
    note(*f"Error: {error}".split("\n"))
    if isinstance(error, NoResponse) and not error.lasting:
        note(
            f"Is the address right ({_NAMED_BY})? Is a proxy needed, or another one (HTTPS_PROXY)?"
        )
    elif isinstance(error, ServerBroken) and not isinstance(error, ListMoved):
        note(f"Is this the API's address ({_NAMED_BY})? If it is, run this again later.")


def obeys_escapes(stream: TextIO) -> bool:
    """Return whether a stream is a terminal with cursor movement and colors, and not a CI log."""
    dumb = os.environ.get("TERM", "") in ("", "dumb", "unknown")
    in_ci = os.environ.get("CI", "") not in ("", "0", "false")
    return stream.isatty() and not dumb and not in_ci


def stdout_failed(error: OSError) -> BulkopsError:
    """Return the error for a stdout that can't be written."""
    return BulkopsError(unwritable("stdout", error))


def silence(stream: TextIO) -> None:
    """Redirect a stream to nowhere, so that flushing it at exit does not fail again."""
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def open_streams() -> None:
    """Make the standard streams usable if the caller closed them or their encoding is limited."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Takes the free descriptor. The journal would get it otherwise, and what a library
            # prints on "stderr" would damage it.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - kept
    for stream in (sys.stdout, sys.stderr):
        # An encoding without "→" must not end a job half-way.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
