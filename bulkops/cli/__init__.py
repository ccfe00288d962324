"""The command line: each module parses, calls the library, prints, and ends with an exit code."""

from __future__ import annotations

import signal

DEBUG = "BULKOPS_DEBUG"
"""Set by ``--debug``: show tracebacks and log every request."""


def main() -> None:
    """Run the command line; no traceback reaches a user who didn't ask for one."""
    early = _remembered()
    from bulkops.cli.ending import run_to_end  # noqa: PLC0415 - a signal may come meanwhile

    run_to_end(early)


def _remembered() -> list[int]:
    """Return a list to which each signal is added that should end the command.

    The kernel drops a signal that PID 1 of a container has no handler for: until the rest is
    imported, these are its handlers.
    """
    early = list[int]()
    for name in ("SIGHUP", "SIGINT", "SIGTERM"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # As ``signals.handled`` has it: what nohup ignores stays ignored.
        nohup = name == "SIGHUP" and number and signal.getsignal(number) is signal.SIG_IGN
        if number is not None and not nohup:
            signal.signal(number, lambda number, _frame: early.append(number))
    return early
