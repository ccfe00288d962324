"""What to run next, when a command ends or is interrupted."""

from __future__ import annotations

import shlex
from contextlib import suppress

import click

from bulkops.cli.output.progress_text import draining
from bulkops.cli.output.waves import stop_line
from bulkops.errors import JobError
from bulkops.journal.states import How
from bulkops.operations import kind_named
from bulkops.report.model import Report
from bulkops.report.words import too_many, until_in_words
from bulkops.text import as_argument, counted


def end_lines(report: Report, journal: object) -> list[str]:
    """Return the lines that name the journal and the commands to run next."""
    return ["", f"Journal: {journal}", *(next_step(report, journal) or _done(report, journal))]


def next_step(report: Report, journal: object) -> list[str]:
    """Return sentences that say what to run next; none if everything is done."""
    if report.running is not None and report.ended:
        return ["In use: another command is about to resume it, or is undoing it."]
    if report.running is not None:
        return [f"Running: `{_command('watch', journal)}` shows it live."]
    resume = _command("resume", journal)
    wave = report.wave
    unfinished = report.counts.get("pending") or report.counts.get("in_doubt") or wave is not None
    failed, conflict = report.counts.get("failed", 0), report.counts.get("conflict", 0)
    if report.ended == How.GONE:
        # Nothing is left to do in this journal; the error says what to do instead.
        return [_again(journal)]
    steps = [_unfinished(report, resume)] if unfinished else []
    if report.stopped is not None:
        steps = [
            f"Stopped by the failure tolerance: {too_many(report.stopped, report.steps)}.",
            f"Check the failures. `{resume} --continue` continues past the tolerance and counts "
            "failures from zero.",
        ]
        resume += " --continue"
    decides = not report.saved_plan and not report.undo_of
    if report.drifted:
        them = "it" if report.drifted == 1 else "them"
        again = f"`{resume} --retry-failed` applies {them} again"
        steps.append(
            f"{counted(report.drifted, 'operation')} drifted: "
            f"{again if decides else f'make a new plan for {them} with `bulkops plan JOB`'}."
        )
    retried = {"failed": failed, "conflicting": conflict if decides else 0}
    if any(retried.values()):
        also = " also" if unfinished else ""
        what = " and ".join(outcome for outcome, number in retried.items() if number)
        steps.append(f"`{resume} --retry-failed`{also} retries {what} operations.")
    if conflict and not decides:
        instead = (
            "are left as they are" if report.undo_of else "need a new plan: `bulkops plan JOB`"
        )
        steps.append(f"Conflicting targets were changed outside this job and {instead}.")
    if failed or conflict or report.drifted:
        steps.append(f"`{_command('report', journal)} --only failed` lists the details.")
    return steps


def _unfinished(report: Report, resume: str) -> str:
    """Return why a job is not finished, if it says so, and the command that resumes it."""
    if report.wave is not None and report.wave.held:
        return stop_line(report.wave, resume)
    if report.ended == How.WINDOW and report.rest is not None:
        until = until_in_words(report.rest)
        until_then = "resumes it then; started earlier, it rests until then"
        return f"Outside its windows until {until}. `{resume}` {until_then}."
    return f"Not finished. `{resume}` resumes it."


def stopping(in_flight: int, drain: float, journal: object) -> str:
    """Return the message printed when a signal stops a job.

    Args:
        drain: seconds that operations in flight have to finish.
    """
    again = " (Ctrl-C again stops immediately)" if in_flight else ""
    return f"{draining(in_flight, drain)}{again}. `{_command('resume', journal)}` resumes the job."


def _done(report: Report, journal: object) -> list[str]:
    steps = [
        _again(journal),
        f"`{_command('verify', journal)}` checks for drift.",
    ]
    if report.counts.get("succeeded") and not report.undo_of and _is_reversible(report):
        steps.append(f"`{_command('undo', journal)}` reverts it.")
    return steps


def _is_reversible(report: Report) -> bool:
    # A job may be watched where the package of its kind is not installed.
    with suppress(JobError):
        return all(kind_named(step.kind).reversible for step in report.steps)
    return False


def _again(journal: object) -> str:
    return f"`{_command('report', journal)}` prints this summary again."


def _command(name: str, journal: object) -> str:
    """Return a command for a journal, with ``--address`` if this command was given one."""
    context = click.get_current_context(silent=True)
    address = context.params.get("address") if context and name not in ("report", "watch") else None
    server = f" --address {shlex.quote(address)}" if address else ""
    return f"bulkops {name} {as_argument(journal)}{server}"
