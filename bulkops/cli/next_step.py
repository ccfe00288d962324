"""What to run next, once a command has ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkops.report.model import Report


def end_lines(report: Report, path: Path) -> list[str]:
    """Return where the journal is and, where there is one, the next command to run."""
    return ["", f"Journal: {path}", *next_step(report, path)]


def next_step(report: Report, path: Path) -> list[str]:
    """Return what to run next, nothing where all is done."""
    from bulkops.cli.waves import held_line

    resume = _resume(path)
    wave = report.wave
    unfinished = report.counts.get("pending") or report.counts.get("in_doubt") or wave is not None
    failed = report.counts.get("failed") or report.counts.get("conflict")
    steps = [f"Not finished: `{resume}` goes on."] if unfinished else []
    if wave is not None and wave.held:
        steps = [held_line(wave, resume)]
    if failed:
        too = ", too" if unfinished else ""
        steps.append(f"`{resume} --retry-failed` tries again what failed{too}.")
    return steps


def stopping(in_flight: int, drain: float, path: Path) -> str:
    """Return what is said when somebody stops a job.

    Args:
        drain: seconds that what is in flight may take to finish.
    """
    from bulkops.cli.session import counted

    waits = f": waiting for {counted(in_flight, 'operation')} in flight, {drain:g} s at most"
    again = f"{waits} (Ctrl-C again: at once)" if in_flight else ""
    return f"Stopping{again}. `{_resume(path)}` goes on."


def _resume(path: Path) -> str:
    import shlex

    return f"bulkops resume {shlex.quote(str(path))}"
