"""``bulkops plan JOB``: what an apply would do; changes nothing."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from bulkops.cli.options import (
    Address,
    CaFile,
    InsecureHttp,
    JobFile,
    Json,
    Limit,
    MaxOperations,
    SelectNames,
)
from bulkops.cli.output.printing import fail, print_text

if TYPE_CHECKING:
    from bulkops.client.api import Client
    from bulkops.plan.model import Plan


class DetailedExit(TyperCommand):
    """With ``--detailed-exitcode`` a wrong command line is exit 1 as well."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; typer's own usage errors carry their exit code with them."""
        asked = "--detailed-exitcode" in args
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if asked and hasattr(error, "exit_code"):
                error.exit_code = 1
            raise


def plan(
    job_file: JobFile,
    *,
    select: SelectNames = None,
    limit: Limit = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PLAN",
            help="Save the plan in this file, for apply PLAN to carry out exactly.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    detailed_exitcode: Annotated[
        bool,
        typer.Option(
            "--detailed-exitcode",
            help="Exit 0 when there is nothing to do, 2 when there is, 1 on any error.",
        ),
    ] = False,
    max_operations: MaxOperations = None,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
) -> None:
    """Show what a job would change, and change nothing.

    Reads the organization in about 2·N/100 requests. Where GITHUB_STEP_SUMMARY is set, the plan
    is appended there as Markdown.

    \b
    Examples:
      bulkops plan jobs/canary.toml
      bulkops plan jobs/canary.toml --json | jq 'select(.type == "skip")'
      bulkops plan jobs/canary.toml --detailed-exitcode
      bulkops plan jobs/canary.toml --select 'canary-*' --limit 10
      bulkops plan jobs/canary.toml --out canary.plan
    """
    from bulkops.cli.output.plan_objects import print_objects
    from bulkops.cli.output.plan_text import lines, painter, width_of
    from bulkops.cli.output.step_summary import append_plan
    from bulkops.cli.session import connect, narrowed_job, only_reading, run
    from bulkops.errors import BulkopsError
    from bulkops.journal.lock import holder
    from bulkops.library import plan_job
    from bulkops.plan.projects import with_project_names
    from bulkops.plan.saved import check_place, save_plan
    from bulkops.plan.unfinished_jobs import with_unfinished_noted

    sha256: str | None = None

    async def planned(client: Client) -> Plan:
        return await with_project_names(client, await plan_job(client, job, str(job_file)))

    try:
        job = narrowed_job(job_file, select, limit).allowing(max_operations)
        if out:
            check_place(out)
        client = connect(address, ca_file, insecure_http=insecure_http)
        with only_reading():
            made = run(client, planned)
        made = with_unfinished_noted(made, client.address)
        if out:
            by, default = holder(client.clock), os.environ.get("TFE_ORGANIZATION", "")
            sha256 = save_plan(out, made, client, by, default)
    except BulkopsError as error:
        if not detailed_exitcode:
            raise
        # With this option 2 means changes and nothing else.
        fail(error)
        raise typer.Exit(1) from error
    applies = _apply(job_file, out, select, limit)
    append_plan(made, [f"`{applies}` does this."] if made.operations else [])
    if json:
        print_objects(made, str(out) if out else None, sha256)
    else:
        print_text(*lines(made, width_of(sys.stdout)), paint=painter(sys.stdout))
        if out:
            print_text(f"Saved: {out}; `bulkops apply {shlex.quote(str(out))}` does exactly this.")
    if detailed_exitcode and made.operations:
        raise typer.Exit(2)


def _apply(job_file: Path, out: Path | None, select: list[str] | None, limit: int | None) -> str:
    """Return the command that carries out what was planned, and no more."""
    if out:
        return shlex.join(("bulkops", "apply", str(out)))
    narrowed = [option for name in select or () for option in ("--select", name)]
    narrowed += ("--limit", str(limit)) if limit else ()
    return shlex.join(("bulkops", "apply", str(job_file), *narrowed))
