"""``bulkops coverage``: which workspaces have which run tasks; changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import click
from click.exceptions import Exit

from bulkops.cli.options import ORGANIZATION, OUTPUT, SERVER, Server, command
from bulkops.cli.output.printing import print_to
from bulkops.cli.session import connect, only_reading, organization_named, run
from bulkops.cli.value_types import PATH
from bulkops.coverage import listing
from bulkops.coverage.documents import csv_lines, document, lines
from bulkops.coverage.matrix import Coverage
from bulkops.coverage.reading import read_coverage
from bulkops.errors import ExitCode, JobError
from bulkops.job.file import load_job
from bulkops.job.job import Job, same_organization
from bulkops.text import escaped

JOB = click.Argument(
    ["job_file"],
    type=PATH,
    required=False,
    metavar="[JOB]",
    help="A job file (TOML): report where its run task is missing or differs.",
)
TASK = click.Option(
    ["--task"],
    multiple=True,
    metavar="NAME",
    help="Only this run task, by name or id. Repeatable.",
)
FORMAT = click.Option(
    ["--format", "output_format"],
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    help="Output format.",
)
MISSING = click.Option(
    ["--missing"],
    is_flag=True,
    help="With --task NAME --format csv: also the workspaces without the run task.",
)


@command(JOB, ORGANIZATION, TASK, FORMAT, MISSING, OUTPUT, SERVER)
def coverage(
    *,
    job_file: Path | None,
    organization: str | None,
    task: tuple[str, ...],
    output_format: str,
    missing: bool,
    output: Path | None,
    server: Server,
) -> None:
    """Show which workspaces have which run tasks.

    Lists each attachment's level and stages. With a job file it also lists where the job's run task
    is missing or attached differently: exit 3 if there is such a workspace. Changes nothing.

    Takes about N/100 requests for N workspaces, A/100 for the A attachments of each run task, and,
    with a job file, as many as its plan.

    In CSV, every cell is quoted, and an apostrophe precedes what a spreadsheet would run as a
    formula. With one --task and no job file, the CSV lists the workspaces that have the run task,
    with its level and stages in columns: a job selects them with select.file, and takes the values
    with from_file.

    \b
    Examples:
      bulkops coverage --organization acme
      bulkops coverage --organization acme --task security-scan --task pci-check
      bulkops coverage --task security-scan --format csv --output now.csv
      bulkops coverage jobs/canary.toml --format csv --output coverage.csv
      bulkops coverage jobs/canary.toml --format json | jq '.counts'
    """
    as_listing = output_format == "csv" and len(task) == 1 and job_file is None
    if missing and not as_listing:
        raise JobError("--missing goes with one --task and --format csv, without a job file")
    job = load_job(job_file) if job_file else None
    named = _same(organization, job) if job else organization_named(organization)
    client = connect(server)
    with only_reading():
        found = run(client, lambda c: read_coverage(c, named, task, job, str(job_file)))
    if as_listing:
        print_to(output, listing.csv_lines(found, missing=missing))
    else:
        print_to(output, _pieces(found, output_format, to_file=output is not None))
    if found.gaps:
        raise Exit(ExitCode.UNFULFILLED)


def _same(organization: str | None, job: Job) -> str:
    """Return the job's organization; ``--organization`` may repeat it."""
    if organization is not None and not same_organization(organization, job.organization):
        raise JobError(
            f"--organization {organization}: the job file names {job.organization}. Omit one of "
            "them"
        )
    return job.organization


def _pieces(found: Coverage, output_format: str, *, to_file: bool) -> Iterator[str]:
    if output_format == "csv":
        return csv_lines(found)
    if output_format == "json":
        return document(found)
    # A pipe has no width: the table is as wide as its content, so that grep finds whole lines.
    columns = 0 if to_file else shutil.get_terminal_size((0, 0)).columns
    return (f"{escaped(line)}\n" for line in lines(found, columns or None))
