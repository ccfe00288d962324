"""The command line: each module parses, calls the library, prints, and ends with an exit code."""

from __future__ import annotations

from bulkops.cli.signals import received

DEBUG = "BULKOPS_DEBUG"
"""Set by ``--debug``: show tracebacks and log every request."""


def main() -> None:
    """Run the command line; no traceback reaches a user who didn't ask for one."""
    received.take()
    from bulkops.cli.ending import run_to_end  # noqa: PLC0415 - no signal must come before `take`

    run_to_end()
