"""The commands by name."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bulkops import __version__
from bulkops.cli import DEBUG
from bulkops.cli.commands import (
    apply,
    coverage,
    demo,
    job_file,
    journal,
    plan,
    report,
    simulate,
    undo,
    workspaces,
)
from bulkops.cli.on_demand import OnDemand
from bulkops.cli.output.printing import print_text

app = typer.Typer(
    name="bulkops",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain: drawing --help with rich takes longer than all the rest of it (measured).
    rich_markup_mode=None,
    help="Roll one run-task change out over a whole HCP Terraform or Terraform Enterprise "
    "organization: planned, paced, journaled, resumable.",
)
app.command()(workspaces.workspaces)
app.command(cls=plan.DetailedExit)(plan.plan)
app.command()(apply.apply)
app.command()(apply.resume)
app.command()(undo.undo)
app.command()(journal.verify)
app.command()(journal.status)
app.command()(report.report)
app.command()(coverage.coverage)
app.command()(job_file.check)
app.command()(job_file.schema)
app.add_typer(journal.app, name="journal")
app.add_typer(
    typer.Typer(cls=OnDemand, no_args_is_help=True),
    name="task",
    help="List, show, create, update and delete run tasks.",
)
app.add_typer(
    typer.Typer(cls=OnDemand, no_args_is_help=True),
    name="workspace-task",
    help="List and change the run tasks of one workspace.",
)
app.command()(simulate.simulate)
app.command()(demo.demo)


def _version(*, asked: bool) -> None:
    if asked:
        print_text(f"bulkops {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log every request and show tracebacks.")
    ] = False,
    log_file: Annotated[
        Path | None,
        typer.Option(
            "--log-file",
            metavar="FILE",
            help="Append every event to FILE, one JSON object a line.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback has printed and left
        bool,
        typer.Option(
            "--version",
            callback=lambda value: _version(asked=value),
            is_eager=True,
            help="Print the version.",
        ),
    ] = False,
) -> None:
    if debug:
        os.environ[DEBUG] = "1"
    from bulkops.cli.logs import configure, log

    # Whoever asked for JSON reads with a program, whichever command it was.
    configure(debug=debug or bool(os.environ.get(DEBUG)), json="--json" in sys.argv, file=log_file)
    log.debug("command_started", extra={"command": ctx.invoked_subcommand, "bulkops": __version__})
