"""``bulkops report JOURNAL``: what a journal knows, in one of several formats."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bulkops.cli.options import JournalArgument, Output
from bulkops.cli.output.printing import print_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulkops.report.model import Report

Format = Literal["text", "json", "csv", "junit", "markdown", "html"]
MODULES: dict[Format, str] = {
    "text": "text",
    "json": "json_document",
    "csv": "csv_table",
    "junit": "junit",
    "markdown": "markdown",
    "html": "html",
}
"""Format → its module in ``bulkops.report``, whose ``document`` yields the text in pieces."""


def report(
    journal: JournalArgument,
    *,
    output_format: Annotated[Format, typer.Option("--format", help="How to say it.")] = "text",
    output: Output = None,
    only: Annotated[
        Literal["failed"] | None,
        typer.Option("--only", help="failed: what failed, is in conflict or in doubt."),
    ] = None,
) -> None:
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
    from msgspec.structs import replace

    from bulkops.cli.commands.journal import replay_of
    from bulkops.cli.output.next_step import next_step
    from bulkops.report.model import report as make
    from bulkops.report.timeline import Timeline

    timeline = Timeline()
    made = make(replay_of(journal, timeline.take), timeline)
    made = replace(made, next_steps=next_step(made, journal))
    print_to(output, _pieces(output_format, made, only_failed=only == "failed"))


def _pieces(output_format: Format, made: Report, *, only_failed: bool) -> Iterator[str]:
    module = import_module(f"bulkops.report.{MODULES[output_format]}")
    pieces: Iterator[str] = module.document(made, only_failed=only_failed)
    return pieces
