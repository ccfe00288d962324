"""The command line: it parses, calls the library, prints and exits with a code."""

from __future__ import annotations

import signal

DEBUG = "BULKOPS_DEBUG"
"""Set by ``--debug``: show tracebacks and log every request."""


def main() -> None:
    """Run the command line; only ``--debug`` shows a traceback."""
    early = _remember_signals()
    from bulkops.cli.ending import run_to_end  # noqa: PLC0415 - a signal may arrive during the import

    run_to_end(early)


def _remember_signals() -> list[int]:
    """Install handlers that add a signal's number to the list that is returned.

    If the process is PID 1 of a container, the kernel drops signals without a handler. These are
    the handlers until the rest is imported.
    """
    early = list[int]()
    for name in ("SIGHUP", "SIGINT", "SIGTERM"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # What nohup ignores stays ignored (see ``signals.handled``).
        nohup = name == "SIGHUP" and number and signal.getsignal(number) is signal.SIG_IGN
        if number is not None and not nohup:
            signal.signal(number, lambda number, _frame: early.append(number))
    return early
