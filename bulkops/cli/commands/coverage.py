"""``bulkops coverage``: which workspaces have which run tasks; changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import click
from click.exceptions import Exit

from bulkops.cli.options import ORGANIZATION, OUTPUT, PATH, SERVER, Server, command
from bulkops.cli.output.printing import print_to
from bulkops.cli.session import connect, only_reading, organization_named, run
from bulkops.coverage.documents import csv_lines, document, lines
from bulkops.coverage.matrix import Coverage
from bulkops.coverage.reading import read_coverage
from bulkops.errors import ExitCode, JobError
from bulkops.job.file import load_job
from bulkops.job.job import Job
from bulkops.text import escaped

JOB = click.Argument(
    ["job_file"],
    type=PATH,
    required=False,
    metavar="[JOB]",
    help="A job file (TOML) that says which should have its run task.",
)
TASK = click.Option(
    ["--task"],
    multiple=True,
    metavar="NAME",
    help="Only this run task, by name or id; may be said several times.",
)
FORMAT = click.Option(
    ["--format", "output_format"],
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    help="How to say it.",
)


@command(JOB, ORGANIZATION, TASK, FORMAT, OUTPUT, SERVER)
def coverage(
    *,
    job_file: Path | None,
    organization: str | None,
    task: tuple[str, ...],
    output_format: str,
    output: Path | None,
    server: Server,
) -> None:
    """Show which workspaces have which run tasks.

    And at which level and stages; with a job file also where its task is missing, or differs from
    what the job wants: exit 3 if it does anywhere, 0 if not. Changes nothing.

    Reads the organization in about N/100 requests, and A/100 for the A attachments of each run
    task; a job file costs its plan beside.

    In CSV a cell that begins with = + - @ tab or CR gets an apostrophe in front, so that no
    spreadsheet takes it for a formula.

    \b
    Examples:
      bulkops coverage --organization acme
      bulkops coverage --organization acme --task security-scan --task pci-check
      bulkops coverage jobs/canary.toml --format csv --output coverage.csv
      bulkops coverage jobs/canary.toml --format json | jq '.counts'
    """
    job = load_job(job_file) if job_file else None
    named = _same(organization, job) if job else organization_named(organization)
    client = connect(server)
    with only_reading():
        made = run(client, lambda c: read_coverage(c, named, task, job, str(job_file)))
    print_to(output, _pieces(made, output_format, to_file=output is not None))
    if made.gaps:
        raise Exit(ExitCode.UNFULFILLED)


def _same(organization: str | None, job: Job) -> str:
    """Return the job's organization, which ``--organization`` may repeat."""
    if organization not in (None, job.organization):
        raise JobError(
            f"--organization {organization}: the job file is of {job.organization}: give one"
        )
    return job.organization


def _pieces(made: Coverage, output_format: str, *, to_file: bool) -> Iterator[str]:
    if output_format == "csv":
        return csv_lines(made)
    if output_format == "json":
        return document(made)
    # Of a pipe nobody knows the width: as wide as the table is, so that grep finds whole lines.
    columns = 0 if to_file else shutil.get_terminal_size((0, 0)).columns
    return (f"{escaped(line)}\n" for line in lines(made, columns or None))
