"""``bulkops plan JOB``: what an apply would do; changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulkops.cli.options import Address, CaFile, InsecureHttp, Json

if TYPE_CHECKING:
    from bulkops.client.api import Client
    from bulkops.job import Job
    from bulkops.plan import Plan

SHOWN = 20
"""Operations listed one by one for people; --json lists all."""

_SIGNS = {"attach": "+", "update": "~", "detach": "-"}

JobFile = Annotated[
    Path, typer.Argument(metavar="JOB", help="The job file (TOML).", show_default=False)
]


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
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
) -> None:
    """Show what a job would change, and change nothing.

    Reads the organization in about 2·N/100 requests.

    **Examples**

    `bulkops plan jobs/security-scan.toml`

    `bulkops plan jobs/security-scan.toml --json | jq -r 'select(.type == "operation").workspace'`
    """
    from bulkops.cli.session import connect, fail, run
    from bulkops.errors import BulkopsError
    from bulkops.library import load_job

    try:
        job = load_job(job_file)
        client = connect(address, ca_file, insecure_http=insecure_http, rate=job.pace.rate)
        made = run(lambda: read_plan(client, job, job_file))
    except BulkopsError as error:
        if not detailed_exitcode:
            raise
        # With this option 2 means changes and nothing else.
        fail(error)
        raise typer.Exit(1) from error
    show(made, json=json)
    if detailed_exitcode and made.operations:
        raise typer.Exit(2)


async def read_plan(client: Client, job: Job, source: Path) -> Plan:
    """Return the plan of a job; raises ``JobError``, ``ApiError``."""
    from bulkops.library import plan_job

    async with client:
        return await plan_job(client, job, str(source))


def show(plan: Plan, *, json: bool) -> None:
    """Print a plan on stdout: for people, long lists folded, or one JSON object a line."""
    if json:
        _show_json(plan)
    else:
        typer.echo("\n".join(_text(plan)))


def _text(plan: Plan) -> list[str]:
    from collections import Counter

    from bulkops.operations import wording

    job = plan.job
    lines = [f"{job.operation_kind} {plan.task.name} ({plan.task.id}) in {job.organization}", ""]
    for operation in plan.operations[:SHOWN]:
        sign = _SIGNS[wording.verb(operation)]
        lines.append(f"  {sign} {operation.target.name}  {wording.change(operation)}")
    if len(plan.operations) > SHOWN:
        lines.append(f"    … and {len(plan.operations) - SHOWN} more (--json lists all)")
    for reason, count in sorted(Counter(s.reason for s in plan.skips if not s.blocked).items()):
        lines.append(f"    {count} skipped: {reason}")
    lines += [f"  ! {s.target.name}  blocked: {s.reason}" for s in plan.blocked[:SHOWN]]
    if len(plan.blocked) > SHOWN:
        lines.append(f"    … and {len(plan.blocked) - SHOWN} more blocked")
    return [*lines, "", _summary(plan)]


def _summary(plan: Plan) -> str:
    from bulkops.plan import counts

    counted = ", ".join(f"{n} to {verb}" for verb, n in counts(plan.operations).items())
    blocked = f", {len(plan.blocked)} blocked" if plan.blocked else ""
    return f"Plan: {counted}; {len(plan.skips) - len(plan.blocked)} skipped{blocked}."


def _show_json(plan: Plan) -> None:
    from bulkops.cli.session import print_json
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
        }
    )
