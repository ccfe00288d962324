"""The command line: each module parses, calls the library, prints, and ends with an exit code."""

from __future__ import annotations

import os
import sys
import traceback

DEBUG = "BULKOPS_DEBUG"
"""Set by ``--debug``: show tracebacks and log every request."""


def main() -> None:
    """Run the command line; no traceback reaches a user who didn't ask for one."""
    from bulkops.cli.app import app
    from bulkops.cli.session import fail
    from bulkops.errors import BulkopsError

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


def _show_traceback() -> None:
    if os.environ.get(DEBUG):
        traceback.print_exc()
