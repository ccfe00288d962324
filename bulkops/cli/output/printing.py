"""The one way to stdout, and the one to stderr: nothing else in the command line prints.

A line is escaped on its way, whatever a server put into it; JSON stays the same JSON. What goes to
stderr is said to whoever is there: a reader that left, or a full disk, must not stop a rollout.
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
"""What a write to a stream ends with that can't be written any more."""

_NAMED_BY = "--address, TFE_ADDRESS, TF_CLOUD_HOSTNAME or TFE_HOSTNAME"


def print_text(*lines: str, paint: Callable[[str], str] = str) -> None:
    """Print lines for people on stdout; raises as ``print_raw``.

    Args:
        paint: colours a line, whose own characters can't by now.
    """
    print_raw(f"{paint(escaped(line).rstrip())}\n" for line in lines)


def print_raw(pieces: Iterable[str]) -> None:
    """Print on stdout as it is, piece by piece.

    Raises:
        SystemExit: whoever read stdout has left (``| head``): exit 1, nothing to say.
        BulkopsError: it can't be written, its disk is full for instance.
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
    """Print into a file as it is, or on stdout where none is named.

    Raises:
        BulkopsError: it can't be written; and as ``print_raw``.
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
    """Go on where stdout is closed or full: the journal has every result."""
    try:
        yield
    except (BulkopsError, SystemExit):
        note("stdout can't be written any more; a journal, if there is one, has all of it.")


def note(
    *lines: str, end: str = "\n", paint: Callable[[str], str] = str, passing: bool = False
) -> None:
    """Print lines on stderr, the last one followed by ``end``; never raises.

    Args:
        paint: as of ``print_text``.
        passing: they are of a moment: where nobody reads stderr they are counted, not kept.
    """
    if not lines:
        return
    if passing and dropped(sys.stderr, len(lines)):
        return
    try:
        sys.stderr.write("\n".join(paint(escaped(line)) for line in lines) + end)
        sys.stderr.flush()
    except OSError:
        silence(sys.stderr)


def fail(error: BulkopsError) -> None:
    """Print the error on stderr, as the last thing a command says."""
    note(*f"Error: {error}".split("\n"))
    if isinstance(error, NoResponse):
        note(f"Is the address right ({_NAMED_BY})? Is a proxy needed (HTTPS_PROXY)?")
    elif isinstance(error, ServerBroken) and not isinstance(error, ListMoved):
        note(f"Is that the API ({_NAMED_BY})? If it is, wait, and run this again.")


def obeys_escapes(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can move its cursor and show colours, and no log."""
    dumb = os.environ.get("TERM", "") in ("", "dumb", "unknown")
    in_ci = os.environ.get("CI", "") not in ("", "0", "false")
    return stream.isatty() and not dumb and not in_ci


def stdout_failed(error: OSError) -> BulkopsError:
    """Return what is said where stdout can't be written."""
    return BulkopsError(unwritable("stdout", error))


def silence(stream: TextIO) -> None:
    """Let a stream write to nowhere: what it still holds must not fail once more at the end."""
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def open_streams() -> None:
    """Make the three streams usable: those closed by the caller, and those of few characters."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Takes the free number, which would be the journal's otherwise: whatever a library
            # printed on "stderr" would damage it.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - kept
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no "→" must not end a job in the middle.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
