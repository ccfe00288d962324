"""Ends a command that is started outside the job's windows with ``--exit-outside-window``."""

from __future__ import annotations

from click.exceptions import Exit

from bulkops import events
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import heard_or_not, note
from bulkops.clock import Clock
from bulkops.errors import ExitCode
from bulkops.job.job import Job
from bulkops.job.windows.window import is_open
from bulkops.job.windows.zones import windows_of
from bulkops.report.words import until_in_words
from bulkops.runner.starts.rest import rest_until


def end_if_closed(job: Job, *, json: bool) -> None:
    """End the command if no window of the job is open.

    A scheduler may start it every few minutes, so that it looks only at the clock.

    Raises:
        Exit: none is open; no request was sent, and no journal is changed.
        JobError: this machine doesn't know a time zone.
    """
    windows, clock = windows_of(job), Clock()
    if is_open(windows, clock.wall()):
        return
    rest = rest_until(windows, clock)
    if json:
        with heard_or_not():
            print_json(events.Rest.of(rest))
    note(
        f"{job.name}: outside its windows until {until_in_words(rest)}. Nothing was sent or "
        "recorded: start the same command again then."
    )
    raise Exit(ExitCode.PAUSED)
