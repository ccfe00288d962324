"""The command line: each module parses, calls the library, prints, and ends with an exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from types import FrameType

from bulkops.cli.output.printing import NOWHERE, fail, note, open_streams, silence, stdout_failed
from bulkops.errors import BulkopsError, ExitCode

DEBUG = "BULKOPS_DEBUG"
"""Set by ``--debug``: show tracebacks and log every request."""

# At a level that no stderr shows unasked: a person is told of it in words.
log = logging.getLogger(__name__)


def main() -> None:
    """Run the command line; no traceback reaches a user who didn't ask for one."""
    open_streams()
    # Set explicitly: a process that is PID 1 of its container ignores SIGTERM by default.
    signal.signal(signal.SIGTERM, terminate)
    try:
        from bulkops.cli.app import run  # noqa: PLC0415 - what is not installed is said in words

        sys.exit(run())
    except BulkopsError as error:
        _show_traceback()
        log.info("command_failed", extra={"error": str(error), "exit_code": error.exit_code})
        fail(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last resort before the user
        _show_traceback()
        facts = {
            "error": str(error),
            "exit_code": ExitCode.ERROR,
            "traceback": traceback.format_exc(),
        }
        log.info("command_failed", extra=facts)
        fail(_explained(error))
        sys.exit(ExitCode.ERROR)


def terminate(_number: int, _frame: FrameType | None) -> None:
    """End the process as SIGTERM should: what is open is closed on the way."""
    raise SystemExit(ExitCode.TERMINATED)


def _show_traceback() -> None:
    if os.environ.get(DEBUG):
        note(*traceback.format_exc().splitlines())


def _explained(error: Exception) -> BulkopsError:
    if isinstance(error, ImportError):
        return BulkopsError(f"bulkops is not completely installed: {error}\nInstall it again.")
    if isinstance(error, OSError) and error.errno in NOWHERE:
        # Only --help and usage are printed by others than us.
        silence(sys.stdout)
        return stdout_failed(error)
    return BulkopsError(
        f"{type(error).__name__} inside bulkops: {error}\nThis is a bug: please report "
        "it with what `bulkops --debug …` prints. A journal, if there is one, is safe."
    )
