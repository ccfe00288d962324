"""How a command ends: error messages, exit code, and output written to the end."""

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
from bulkops.telemetry.command import telemetry

# Logged at INFO, which stderr shows only with --debug: the user gets the message.
log = logging.getLogger(__name__)


def run_to_end(early: Sequence[int]) -> None:
    """Run the command line, and exit once all of its output is written.

    Args:
        early: numbers of the signals received so far; the list may still grow.

    Raises:
        SystemExit: always.
    """
    received.take()
    open_streams()
    let_out()
    try:
        for number in early[:1]:
            received.stop(number, None)
        with telemetry:
            _run()
    finally:
        try:
            end_log_file()
        finally:
            finish()


def _run() -> None:
    try:
        from bulkops.cli.app import run  # noqa: PLC0415 - an ImportError gets a message

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
        return BulkopsError(f"bulkops is not completely installed: {error}\nReinstall it.")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return BulkopsError(f"{error.strerror}: {TOO_FEW_FILES}")
    if isinstance(error, OSError) and error.errno in NOWHERE:
        # click printed --help or a usage error.
        silence(sys.stdout)
        return stdout_failed(error)
    return BulkopsError(
        f"{type(error).__name__} inside bulkops: {error}\nThis is a bug: please report "
        "it with the output of `bulkops --debug …`. The journal, if there is one, is safe."
    )
