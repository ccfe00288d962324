"""``bulkops plan JOB``: what an apply would do; changes nothing."""

from __future__ import annotations

import os
import shlex
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
from bulkops.cli.printing import fail, print_json, print_text

if TYPE_CHECKING:
    from bulkops.plan import Plan

SHOWN = 20
"""Operations listed one by one for people; --json lists all."""

_SIGNS = {"attach": "+", "create": "+", "detach": "-", "delete": "-"}


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

    Reads the organization in about 2·N/100 requests.

    Examples:

    - `bulkops plan jobs/security-scan.toml`

    - `bulkops plan jobs/security-scan.toml --json | jq 'select(.type == "skip")'`

    - `bulkops plan jobs/security-scan.toml --detailed-exitcode`

    - `bulkops plan jobs/security-scan.toml --select 'prod-*' --limit 10`

    - `bulkops plan jobs/security-scan.toml --out scan.plan`
    """
    from bulkops.cli.session import connect, narrowed_job, only_reading, run
    from bulkops.errors import BulkopsError
    from bulkops.holder import holder
    from bulkops.public import plan_job
    from bulkops.saved_plan import check_place, save_plan
    from bulkops.unfinished import with_unfinished_noted

    saved: dict[str, str] = {}

    try:
        job = narrowed_job(job_file, select, limit).allowing(max_operations)
        if out:
            check_place(out)
        client = connect(address, ca_file, insecure_http=insecure_http)
        with only_reading():
            made = run(client, lambda c: plan_job(c, job, str(job_file)))
        made = with_unfinished_noted(made, client.address)
        if out:
            by, default = holder(client.clock), os.environ.get("TFE_ORGANIZATION", "")
            saved = {"saved": str(out), "sha256": save_plan(out, made, client, by, default)}
    except BulkopsError as error:
        if not detailed_exitcode:
            raise
        # With this option 2 means changes and nothing else.
        fail(error)
        raise typer.Exit(1) from error
    if json:
        print_objects(made, saved)
    else:
        print_text(*lines(made))
        if out:
            print_text(f"Saved: {out}; `bulkops apply {shlex.quote(str(out))}` does exactly this.")
    if detailed_exitcode and made.operations:
        raise typer.Exit(2)


def lines(plan: Plan) -> list[str]:
    """Return a plan for people, long lists folded."""
    from collections import Counter

    from bulkops.cli.waves import plan_lines
    from bulkops.columns import filled, widest
    from bulkops.operations import wording

    operations = plan.operations[:SHOWN]
    width = widest(o.target.name for o in operations)
    made = [headline(plan), ""]
    for operation in operations:
        sign = _SIGNS.get(wording.verb(operation), "~")
        made.append(f"  {sign} {filled(operation.target.name, width)}  {wording.change(operation)}")
    if len(plan.operations) > SHOWN:
        made.append(f"    … and {len(plan.operations) - SHOWN} more (--json lists all)")
    for reason, count in sorted(Counter(s.reason for s in plan.skips if not s.blocked).items()):
        made.append(f"    {count} skipped: {reason}")
    made += blocked_lines(plan)
    made += plan_lines(plan)
    made += note_lines(plan)
    return [*made, *([""] if len(made) > 2 else []), summary(plan)]


def headline(plan: Plan) -> str:
    """Return what is planned, and where."""
    from bulkops.operations import wording

    kind = f"undo of {plan.job.operation_kind}" if plan.undo_of else plan.job.operation_kind
    task, replaces = (
        f"{ref.name} ({ref.id})" if ref else ""
        for ref in (plan.binding.task, plan.binding.replaces)
    )
    named = wording.subject(task, replaces)
    return f"{kind}{named and ' '}{named} in {plan.job.organization}"


def blocked_lines(plan: Plan) -> list[str]:
    """Return the workspaces that can't be brought to the job's wish, and why, folded."""
    from bulkops.columns import filled, widest

    shown = plan.blocked[:SHOWN]
    width = widest(s.target.name for s in shown)
    made = [f"  ! {filled(s.target.name, width)}  blocked: {s.reason}" for s in shown]
    if len(plan.blocked) > SHOWN:
        made.append(f"    … and {len(plan.blocked) - SHOWN} more blocked (--json lists all)")
    return made


def note_lines(plan: Plan) -> list[str]:
    """Return what a careful reader should know before saying yes."""
    return [f"    Note: {note}" for note in plan.notes]


def summary(plan: Plan) -> str:
    """Return one line: ``Plan: 3 to attach, 0 to update, 0 to detach; 12 skipped.``"""
    todo = ", ".join(f"{n} to {verb}" for verb, n in plan.counts.items()) or "nothing to do"
    blocked = f", {len(plan.blocked)} blocked" if plan.blocked else ""
    return f"Plan: {todo}; {len(plan.skips) - len(plan.blocked)} skipped{blocked}."


def print_objects(plan: Plan, saved: dict[str, str] | None = None) -> None:
    """Print a plan on stdout, one JSON object a line; ``saved``: where, and its SHA-256."""
    from bulkops.cli.waves import plan_facts
    from bulkops.operations import wording

    for o in plan.operations:
        print_json(
            {
                "type": "operation",
                "key": o.key,
                **o.target.said,
                "aspect": o.aspect,
                "action": wording.verb(o),
                "before": o.before.attributes if o.before else None,
                "wanted": o.wanted,
            }
        )
    for s in plan.skips:
        print_json(
            {
                "type": "skip",
                **s.target.said,
                "reason": s.reason,
                "blocked": s.blocked,
            }
        )
    print_json(
        {
            "type": "plan",
            "job": plan.job.name,
            "kind": plan.job.operation_kind,
            "organization": plan.job.organization,
            "task": plan.binding.task.name if plan.binding.task else None,
            "task_id": plan.binding.task.id if plan.binding.task else None,
            "replaces": plan.binding.replaces.name if plan.binding.replaces else None,
            "replaces_id": plan.binding.replaces.id if plan.binding.replaces else None,
            **plan.counts,
            "skipped": len(plan.skips) - len(plan.blocked),
            "blocked": len(plan.blocked),
            **plan_facts(plan),
            "notes": plan.notes,
            **(saved or {}),
        }
    )
