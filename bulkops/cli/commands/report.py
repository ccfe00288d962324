"""``bulkops report JOURNAL``: what a job did, in one of several formats."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
from msgspec.structs import replace

from bulkops.cli.commands.journal import replay_of
from bulkops.cli.options import JOURNAL, OUTPUT, command
from bulkops.cli.output.next_step import next_step
from bulkops.cli.output.printing import print_to
from bulkops.journal.local.holder import was_killed
from bulkops.journal.place import Place
from bulkops.report.model import Report
from bulkops.report.model import report as summarize
from bulkops.report.timeline import Timeline

MODULES = {
    "text": "text",
    "json": "json_document",
    "csv": "csv_table",
    "junit": "junit",
    "markdown": "markdown",
    "html": "html",
}
"""Format → its module in ``bulkops.report``, whose ``document`` yields the text in pieces."""

FORMAT = click.Option(
    ["--format", "output_format"],
    type=click.Choice(list(MODULES)),
    default="text",
    help="Output format.",
)
ONLY = click.Option(
    ["--only"],
    type=click.Choice(["failed"]),
    help="failed: only operations that failed, are in conflict or in doubt, or have drifted.",
)


@command(JOURNAL, FORMAT, OUTPUT, ONLY)
def report(*, journal: Place, output_format: str, output: Path | None, only: str | None) -> None:
    """Report what a job did, from its journal.

    The job need not be finished. Sends no request.

    csv: one line per operation, then one per skipped target. With --only failed it can be the
    select.file of another job. Every cell is quoted, and an apostrophe precedes what
    a spreadsheet would run as a formula: after blanks, after a ; and with full-width signs, too.

    junit: one testcase per operation and one testsuite per wave, for CI systems.

    markdown: for a GitHub step summary or comment, at most 1 MiB.

    html: a single file that needs no network.

    \b
    Examples:
      bulkops report canary.jsonl
      bulkops report canary.jsonl --format html --output report.html
      bulkops report canary.jsonl --format csv --only failed --output failed.csv
    """
    timeline = Timeline()
    replay, holder = journal.read_with_holder(lambda: replay_of(journal, timeline.restarted()))
    summary = summarize(replay, timeline, holder, killed=was_killed(journal, replay))
    summary = replace(summary, next_steps=next_step(summary, journal))
    print_to(output, _pieces(output_format, summary, only_failed=only == "failed"))


def _pieces(output_format: str, summary: Report, *, only_failed: bool) -> Iterator[str]:
    module = import_module(f"bulkops.report.{MODULES[output_format]}")
    pieces: Iterator[str] = module.document(summary, only_failed=only_failed)
    return pieces
