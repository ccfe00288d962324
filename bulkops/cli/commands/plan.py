"""``bulkops plan JOB``: what an apply would change."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click
from click.exceptions import Exit

from bulkops.cli.meant.check import Command
from bulkops.cli.options import (
    JOB,
    JSON,
    MAX_OPERATIONS,
    NARROWING,
    SERVER,
    Narrowing,
    Server,
    command,
)
from bulkops.cli.output.plan_objects import print_objects
from bulkops.cli.output.plan_text import lines, painter, width_of
from bulkops.cli.output.printing import fail, print_text
from bulkops.cli.output.step_summary import append_plan, check_summary
from bulkops.cli.session import connect, narrowed_job, only_reading, run
from bulkops.cli.value_types import PATH
from bulkops.errors import BulkopsError, ExitCode
from bulkops.job.file import check_gate
from bulkops.job.job import organization_in
from bulkops.journal.process import holder
from bulkops.library import plan_job
from bulkops.plan.saved import check_plan_output, save_plan
from bulkops.plan.unfinished_jobs import unfinished_jobs, with_unfinished_noted
from bulkops.text import as_argument


class DetailedExit(Command):
    """With ``--detailed-exitcode``, a wrong command line is exit 1."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; with the option, an error exits with 1 instead of 2."""
        detailed = "--detailed-exitcode" in args
        try:
            return super().parse_args(ctx, args)
        except click.ClickException as error:
            if not detailed:
                raise
            error.show()
            raise Exit(ExitCode.ERROR) from error


OUT = click.Option(
    ["--out"],
    type=PATH,
    metavar="PLAN",
    help="Save the plan to this file. apply PLAN carries out exactly that.",
)
DETAILED_EXITCODE = click.Option(
    ["--detailed-exitcode"],
    is_flag=True,
    help="Exit 0 if there is nothing to do, 2 if there are changes, 1 on any error.",
)


@command(*(JOB, NARROWING, OUT, JSON, DETAILED_EXITCODE, MAX_OPERATIONS, SERVER), cls=DetailedExit)
def plan(
    *,
    job_file: Path,
    narrowing: Narrowing,
    out: Path | None,
    json: bool,
    detailed_exitcode: bool,
    max_operations: int | None,
    server: Server,
) -> None:
    """Show what an apply would change.

    Changes nothing. Takes about 2·N/100 requests for N workspaces. If GITHUB_STEP_SUMMARY is set,
    the plan is appended to that file as Markdown.

    \b
    Examples:
      bulkops plan jobs/canary.toml
      bulkops plan jobs/canary.toml --json | jq 'select(.type == "skip")'
      bulkops plan jobs/canary.toml --detailed-exitcode
      bulkops plan jobs/canary.toml --select 'canary-*' --limit 10
      bulkops plan jobs/canary.toml --out canary.plan
    """
    sha256: str | None = None

    try:
        check_summary()
        job = narrowed_job(job_file, narrowing).allowing(max_operations)
        check_gate(job, str(job_file))
        if out:
            check_plan_output(out)
        client = connect(server)
        with only_reading():
            shown = run(client, lambda c: plan_job(c, job, str(job_file)))
        shown = with_unfinished_noted(shown, unfinished_jobs(shown, client.address))
        if out:
            by, default = holder(client.clock), organization_in(os.environ)
            sha256 = save_plan(out, shown, client, by, default)
    except BulkopsError as error:
        if not detailed_exitcode:
            raise
        # With this option, 2 means that there are changes.
        fail(error)
        raise Exit(ExitCode.ERROR) from error
    applies = _apply(job_file, out, narrowing, server.address)
    append_plan(shown, [f"`{applies}` carries it out."] if shown.operations else [])
    if json:
        print_objects(shown, str(out) if out else None, sha256)
    else:
        print_text(*lines(shown, width_of(sys.stdout)), paint=painter(sys.stdout))
        if out:
            print_text(f"Saved to {out}. `{applies}` carries out exactly this plan.")
    if detailed_exitcode and shown.operations:
        raise Exit(2)


def _apply(job_file: Path, out: Path | None, narrowing: Narrowing, address: str | None) -> str:
    """Return the command that carries out exactly what was planned."""
    server = ("--address", address) if address else ()
    if out:
        return " ".join(("bulkops apply", as_argument(out), *map(shlex.quote, server)))
    narrowed = [option for name in narrowing.select for option in ("--select", name)]
    narrowed += ("--limit", str(narrowing.limit)) if narrowing.limit else ()
    options = map(shlex.quote, (*narrowed, *server))
    return " ".join(("bulkops apply", as_argument(job_file), *options))
