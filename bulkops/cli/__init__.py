"""The command line: each module parses, calls the library, prints, and ends with an exit code."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from types import FrameType

DEBUG = "BULKOPS_DEBUG"
"""Set by ``--debug``: show tracebacks and log every request."""


def main() -> None:
    """Run the command line; no traceback reaches a user who didn't ask for one."""
    from bulkops.cli.app import app
    from bulkops.cli.session import fail
    from bulkops.errors import BulkopsError

    _print_what_can_be_printed()
    # Set explicitly: a process that is PID 1 of its container ignores SIGTERM by default.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except BulkopsError as error:
        _show_traceback()
        fail(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Somebody closed the pipe we print to (`| head`): nothing left to say, nor to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last resort before the user
        _show_traceback()
        fail(
            BulkopsError(
                f"{type(error).__name__} inside bulkops: {error}\nThis is a bug: please report "
                "it with what `bulkops --debug …` prints. A journal, if there is one, is safe."
            )
        )
        sys.exit(1)


def _print_what_can_be_printed() -> None:
    # A terminal that knows no "→" must not end a job in the middle.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _show_traceback() -> None:
    if os.environ.get(DEBUG):
        traceback.print_exc()
