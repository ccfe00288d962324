"""``bulkops plan JOB``: what an apply would do; changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from bulkops.cli.options import Address, CaFile, InsecureHttp, JobFile, Json, MaxOperations
from bulkops.cli.printing import fail, print_json, print_text

if TYPE_CHECKING:
    from bulkops.plan import Plan

SHOWN = 20
"""Operations listed one by one for people; --json lists all."""

_SIGNS = {"attach": "+", "update": "~", "detach": "-"}


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
    """
    from bulkops.cli.session import connect, only_reading, run
    from bulkops.errors import BulkopsError
    from bulkops.public import load_job, plan_job

    try:
        job = load_job(job_file).allowing(max_operations)
        client = connect(address, ca_file, insecure_http=insecure_http)
        with only_reading():
            made = run(client, lambda c: plan_job(c, job, str(job_file)))
    except BulkopsError as error:
        if not detailed_exitcode:
            raise
        # With this option 2 means changes and nothing else.
        fail(error)
        raise typer.Exit(1) from error
    if json:
        print_objects(made)
    else:
        print_text(*lines(made))
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
        sign = _SIGNS[wording.verb(operation)]
        made.append(f"  {sign} {filled(operation.target.name, width)}  {wording.change(operation)}")
    if len(plan.operations) > SHOWN:
        made.append(f"    … and {len(plan.operations) - SHOWN} more (--json lists all)")
    for reason, count in sorted(Counter(s.reason for s in plan.skips if not s.blocked).items()):
        made.append(f"    {count} skipped: {reason}")
    made += blocked_lines(plan)
    made += plan_lines(plan)
    made += [f"    Note: {note}" for note in plan.notes]
    return [*made, *([""] if len(made) > 2 else []), summary(plan)]


def headline(plan: Plan) -> str:
    """Return what is planned, and where."""
    kind = f"undo of {plan.job.operation_kind}" if plan.undo_of else plan.job.operation_kind
    return f"{kind} {plan.task.name} ({plan.task.id}) in {plan.job.organization}"


def blocked_lines(plan: Plan) -> list[str]:
    """Return the workspaces that can't be brought to the job's wish, and why, folded."""
    from bulkops.columns import filled, widest

    shown = plan.blocked[:SHOWN]
    width = widest(s.target.name for s in shown)
    made = [f"  ! {filled(s.target.name, width)}  blocked: {s.reason}" for s in shown]
    if len(plan.blocked) > SHOWN:
        made.append(f"    … and {len(plan.blocked) - SHOWN} more blocked (--json lists all)")
    return made


def summary(plan: Plan) -> str:
    """Return one line: ``Plan: 3 to attach, 0 to update, 0 to detach; 12 skipped.``"""
    from bulkops.plan import counts

    todo = ", ".join(f"{n} to {verb}" for verb, n in counts(plan.operations).items())
    blocked = f", {len(plan.blocked)} blocked" if plan.blocked else ""
    return f"Plan: {todo}; {len(plan.skips) - len(plan.blocked)} skipped{blocked}."


def print_objects(plan: Plan) -> None:
    """Print a plan on stdout, one JSON object a line."""
    from bulkops.cli.waves import plan_facts
    from bulkops.operations import wording
    from bulkops.plan import counts

    for o in plan.operations:
        print_json(
            {
                "type": "operation",
                "key": o.key,
                "workspace": o.target.name,
                "workspace_id": o.target.id,
                "action": wording.verb(o),
                "before": o.before.attributes if o.before else None,
                "wanted": o.wanted,
            }
        )
    for s in plan.skips:
        print_json(
            {
                "type": "skip",
                "workspace": s.target.name,
                "workspace_id": s.target.id,
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
            "task": plan.task.name,
            "task_id": plan.task.id,
            **counts(plan.operations),
            "skipped": len(plan.skips) - len(plan.blocked),
            "blocked": len(plan.blocked),
            **plan_facts(plan),
            "notes": plan.notes,
        }
    )
