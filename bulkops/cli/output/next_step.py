"""What to run next, once a command has ended or was told to."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

import click

from bulkops.cli.output.progress_text import draining
from bulkops.cli.output.waves import held_line
from bulkops.errors import JobError
from bulkops.journal.states import How
from bulkops.operations import kind_named
from bulkops.report.model import Report
from bulkops.report.words import too_many
from bulkops.text import counted


def end_lines(report: Report, path: Path) -> list[str]:
    """Return where the journal is, and the next commands to run."""
    return ["", f"Journal: {path}", *(next_step(report, path) or _done(report, path))]


def next_step(report: Report, path: Path) -> list[str]:
    """Return what to run next, nothing where all is done."""
    if report.running is not None and report.ended:
        return ["In use: another command is about to resume it, or undoes it."]
    if report.running is not None:
        return [f"Running: `{_command('watch', path)}` shows how it goes on."]
    resume = _command("resume", path)
    wave = report.wave
    unfinished = report.counts.get("pending") or report.counts.get("in_doubt") or wave is not None
    failed, conflict = report.counts.get("failed", 0), report.counts.get("conflict", 0)
    if report.ended == How.GONE:
        # Nothing of it is left to do; the error says what is.
        return [f"`{_command('report', path)}` tells it once more."]
    steps = [f"Not finished: `{resume}` goes on."] if unfinished else []
    if wave is not None and wave.held:
        steps = [held_line(wave, resume)]
    if report.stopped is not None:
        steps = [
            f"Stopped by the failure tolerance: {too_many(report.stopped)}.",
            f"Look at what failed. `{resume} --continue` goes on and counts failures from zero.",
        ]
        resume += " --continue"
    decides = not report.saved_plan and not report.undo_of
    if report.drifted:
        again = f"`{resume} --retry-failed` makes them as wanted again"
        steps.append(
            f"{counted(report.drifted, 'operation')} drifted since: "
            f"{again if decides else 'plan the job again for them'}."
        )
    if failed or (conflict and decides):
        too = ", too" if unfinished else ""
        steps.append(f"`{resume} --retry-failed` tries again what failed{too}.")
    if conflict and not decides:
        instead = "is left so" if report.undo_of else "wants a new plan: `bulkops plan JOB`"
        steps.append(f"What is in conflict was changed by somebody, and {instead}.")
    if failed or conflict or report.drifted:
        steps.append(f"`{_command('report', path)} --only failed` lists it.")
    return steps


def stopping(in_flight: int, drain: float, path: Path) -> str:
    """Return what is said when somebody stops a job.

    Args:
        drain: seconds that what is in flight may take to finish.
    """
    again = " (Ctrl-C again: at once)" if in_flight else ""
    return f"{draining(in_flight, drain)}{again}. `{_command('resume', path)}` goes on."


def _done(report: Report, path: Path) -> list[str]:
    steps = [
        f"`{_command('report', path)}` tells it once more.",
        f"`{_command('verify', path)}` looks whether it still stands.",
    ]
    if report.counts.get("succeeded") and not report.undo_of and _is_reversible(report.kind):
        steps.append(f"`{_command('undo', path)}` takes it back.")
    return steps


def _is_reversible(kind: str) -> bool:
    # The package of a kind need not be installed where a job is only watched.
    with suppress(JobError):
        return kind_named(kind).reversible
    return False


def _command(name: str, path: Path) -> str:
    """Return a command about a journal, with the server if an option of this command named it."""
    context = click.get_current_context(silent=True)
    address = context.params.get("address") if context and name not in ("report", "watch") else None
    return shlex.join(("bulkops", name, str(path), *(("--address", address) if address else ())))
