"""``bulkops workspaces JOB``: which workspaces a job is for; changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bulkops.cli.options import (
    Address,
    CaFile,
    InsecureHttp,
    JobFile,
    Json,
    Limit,
    SelectNames,
)
from bulkops.cli.output.printing import print_json, print_text

if TYPE_CHECKING:
    from bulkops.inventory.model import Selected
    from bulkops.job.job import Job


def workspaces(
    job_file: JobFile,
    *,
    why: Annotated[
        bool, typer.Option("--why", help="List the others, too, and for each one why it is not.")
    ] = False,
    select: SelectNames = None,
    limit: Limit = None,
    json: Json = False,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
) -> None:
    """Show which workspaces a job selects, and change nothing.

    What --json prints is a manifest: a job file's [select] may name it as its file.

    \b
    Examples:
      bulkops workspaces jobs/canary.toml
      bulkops workspaces jobs/canary.toml --why
      bulkops workspaces jobs/canary.toml --limit 5 --json > first.jsonl
    """
    from bulkops.cli.session import connect, narrowed_job, only_reading, run
    from bulkops.library import select_workspaces

    job = narrowed_job(job_file, select, limit)
    client = connect(address, ca_file, insecure_http=insecure_http)
    with only_reading():
        selected = run(client, lambda c: select_workspaces(c, job, str(job_file), why=why))
    if json:
        _print_objects(selected, _notes(job, selected))
    else:
        print_text(*_lines(selected, _notes(job, selected), why=why))


def _notes(job: Job, selected: Selected) -> list[str]:
    from bulkops.checking import shown
    from bulkops.inventory.selection import unmatched

    entries = unmatched(job.select, selected.targets)
    return [f"select: {shown(entry)} selects no workspace" for entry in entries]


def _lines(selected: Selected, notes: list[str], *, why: bool) -> list[str]:
    from bulkops.cli.session import counted
    from bulkops.report.columns import filled, widest

    everybody = [*selected.targets, *(other.target for other in selected.others)]
    width = widest(target.name for target in everybody)
    made = [f"  + {filled(target.name, width)}  {target.id}" for target in selected.targets]
    made += [f"  - {filled(o.target.name, width)}  {o.reason}" for o in selected.others]
    made += [f"    Note: {note}" for note in notes]
    number = len(selected.targets)
    total = f"{number} of {len(everybody)} workspaces" if why else counted(number, "workspace")
    return [*made, *([""] if made else []), f"{total} selected."]


def _print_objects(selected: Selected, notes: list[str]) -> None:
    from bulkops import events

    for target in selected.targets:
        print_json(events.Workspace.of(target))
    for other in selected.others:
        print_json(events.Workspace.of(other.target, other.reason))
    print_json(events.Selection(selected=len(selected.targets), notes=tuple(notes)))
