"""``bulkops workspaces JOB``: which workspaces a job selects."""

from __future__ import annotations

from pathlib import Path

import click

from bulkops import events
from bulkops.cli.options import JOB, JSON, NARROWING, SERVER, Narrowing, Server, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import print_text
from bulkops.cli.session import connect, narrowed_job, only_reading, run
from bulkops.inventory.model import Selected
from bulkops.inventory.workspaces import select_workspaces
from bulkops.report.columns import filled, widest
from bulkops.text import counted

WHY = click.Option(
    ["--why"], is_flag=True, help="Also list the other workspaces, each with the reason."
)


@command(JOB, WHY, NARROWING, JSON, SERVER)
def workspaces(
    *, job_file: Path, why: bool, narrowing: Narrowing, json: bool, server: Server
) -> None:
    """Show which workspaces a job selects.

    Changes nothing. A job file can name a file with the output of --json as its select.file.

    \b
    Examples:
      bulkops workspaces jobs/canary.toml
      bulkops workspaces jobs/canary.toml --why
      bulkops workspaces jobs/canary.toml --limit 5 --json > first.jsonl
    """
    job = narrowed_job(job_file, narrowing)
    client = connect(server)
    with only_reading():
        selected = run(client, lambda c: select_workspaces(c, job, str(job_file), why=why))
    if json:
        _print_objects(selected)
    else:
        print_text(*_lines(selected, why=why))


def _lines(selected: Selected, *, why: bool) -> list[str]:
    every = [*selected.targets, *(other.target for other in selected.others)]
    width = widest(target.name for target in every)
    shown = [
        f"  + {filled(t.name, width)}  {t.id}  {filled(t.project, 0)}".rstrip()
        for t in selected.targets
    ]
    shown += [f"  - {filled(o.target.name, width)}  {o.reason}" for o in selected.others]
    shown += [f"    Note: {note}" for note in selected.notes]
    number = len(selected.targets)
    total = f"{number:,} of {len(every):,} workspaces" if why else counted(number, "workspace")
    return [*shown, *([""] if shown else []), f"{total} selected."]


def _print_objects(selected: Selected) -> None:
    for target in selected.targets:
        print_json(events.Workspace.of(target))
    for other in selected.others:
        print_json(events.Workspace.of(other.target, other.reason))
    print_json(events.Selection(selected=len(selected.targets), notes=tuple(selected.notes)))
