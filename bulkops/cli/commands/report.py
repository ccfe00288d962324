"""``bulkops report JOURNAL``: what a journal knows, in one of several formats."""

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
from bulkops.journal.following.holder import read_with_holder
from bulkops.journal.replay import Replay
from bulkops.report.model import Report
from bulkops.report.model import report as make
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
    help="How to say it.",
)
ONLY = click.Option(
    ["--only"],
    type=click.Choice(["failed"]),
    help="failed: what failed, is in conflict, in doubt or has drifted.",
)


@command(JOURNAL, FORMAT, OUTPUT, ONLY)
def report(*, journal: Path, output_format: str, output: Path | None, only: str | None) -> None:
    """Report a journal, finished or not; sends no request.

    csv has a line an operation, then one a target skipped when planned. With --only failed it is
    a select.file for a next job. A cell that begins with = + - @ tab or CR gets an apostrophe in
    front, so that no spreadsheet takes it for a formula.

    junit has a testcase an operation and a testsuite a wave, for what a CI system shows of tests.
    markdown is GitHub's, for the summary of a step or a comment: at most 1 MiB.
    html is one file for a browser that needs no other and no network.

    \b
    Examples:
      bulkops report canary.jsonl
      bulkops report canary.jsonl --format html --output report.html
      bulkops report canary.jsonl --format csv --only failed --output failed.csv
    """
    timeline = Timeline()

    def read() -> Replay:
        timeline.clear()
        return replay_of(journal, timeline.take)

    replay, holder = read_with_holder(journal, read)
    made = make(replay, timeline, holder)
    made = replace(made, next_steps=next_step(made, journal))
    print_to(output, _pieces(output_format, made, only_failed=only == "failed"))


def _pieces(output_format: str, made: Report, *, only_failed: bool) -> Iterator[str]:
    module = import_module(f"bulkops.report.{MODULES[output_format]}")
    pieces: Iterator[str] = module.document(made, only_failed=only_failed)
    return pieces
