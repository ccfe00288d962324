"""How a command ends: its errors in words, its exit code, and what it said on its way out."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
from collections.abc import Sequence

from bulkops.cli import DEBUG
from bulkops.cli.logs import end_log_file
from bulkops.cli.outlet import finish, let_out
from bulkops.cli.output.printing import (
    NOWHERE,
    fail,
    note,
    open_streams,
    silence,
    stdout_failed,
)
from bulkops.cli.signals import received
from bulkops.errors import TOO_FEW_FILES, BulkopsError, ExitCode

# At a level that no stderr shows unasked: a person is told of it in words.
log = logging.getLogger(__name__)


def run_to_end(early: Sequence[int]) -> None:
    """Run the command line, and end with its exit code once all that it said is written.

    Args:
        early: signals that came before this could be called, and still come.

    Raises:
        SystemExit: always.
    """
    received.take()
    open_streams()
    let_out()
    try:
        for number in early[:1]:
            received.stop(number, None)
        _run()
    finally:
        try:
            end_log_file()
        finally:
            finish()


def _run() -> None:
    try:
        from bulkops.cli.app import run  # noqa: PLC0415 - what is not installed is said in words

        sys.exit(run())
    except BulkopsError as error:
        _show_traceback()
        log.info("command_failed", extra={"error": str(error), "exit_code": error.exit_code})
        fail(error)
        sys.exit(error.exit_code)
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


def _show_traceback() -> None:
    if os.environ.get(DEBUG):
        note(*traceback.format_exc().splitlines())


def _explained(error: Exception) -> BulkopsError:
    if isinstance(error, ImportError):
        return BulkopsError(f"bulkops is not completely installed: {error}\nInstall it again.")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return BulkopsError(f"{error.strerror}: {TOO_FEW_FILES}")
    if isinstance(error, OSError) and error.errno in NOWHERE:
        # Only --help and usage are printed by others than us.
        silence(sys.stdout)
        return stdout_failed(error)
    return BulkopsError(
        f"{type(error).__name__} inside bulkops: {error}\nThis is a bug: please report "
        "it with what `bulkops --debug …` prints. A journal, if there is one, is safe."
    )
