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
    import shlex

    from bulkops.cli.waves import held_line

    resume = f"bulkops resume {shlex.quote(str(path))}"
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
