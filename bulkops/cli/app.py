"""The root command: options before a command, and what a command exits with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from bulkops import __version__
from bulkops.cli import DEBUG
from bulkops.cli.command_table import COMMANDS, Group
from bulkops.cli.logs import configure, log
from bulkops.cli.output.printing import print_text
from bulkops.cli.value_types import TARGET
from bulkops.errors import ExitCode


def _version(ctx: click.Context, _option: click.Parameter, given: bool) -> None:  # noqa: FBT001 - click's signature
    if given and not ctx.resilient_parsing:
        print_text(f"bulkops {__version__}")
        ctx.exit()


def _completion(ctx: click.Context, option: click.Parameter, given: bool) -> None:  # noqa: FBT001 - click's signature
    if not given or ctx.resilient_parsing:
        return
    from bulkops.cli import completion  # noqa: PLC0415 - needed by no command

    if option.name == "install_completion":
        completion.install(ctx)
    else:
        completion.show(ctx)
    ctx.exit()


@click.group(
    cls=Group,
    commands=COMMANDS,
    # Commands inherit these.
    context_settings={"show_default": True, "help_option_names": ["-h", "--help"]},
    help="Roll out one run-task change across an HCP Terraform or Terraform Enterprise "
    "organization: planned, paced, journaled and resumable.",
)
@click.option("--debug", is_flag=True, help="Log every request, and show tracebacks.")
@click.option(
    "--log-file",
    type=TARGET,
    metavar="FILE",
    help="Append every log event to FILE, one JSON object per line.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Print the version.",
)
@click.option(
    "--install-completion",
    is_flag=True,
    expose_value=False,
    callback=_completion,
    help="Install completion for the current shell.",
)
@click.option(
    "--show-completion",
    is_flag=True,
    expose_value=False,
    callback=_completion,
    help="Print the completion script for the current shell.",
)
@click.pass_context
def app(ctx: click.Context, *, debug: bool, log_file: Path | None) -> None:
    """Configure logging; click calls the command next."""
    if debug:
        os.environ[DEBUG] = "1"
    # With --json, of whichever command, a program reads stderr as well.
    configure(debug=debug or bool(os.environ.get(DEBUG)), json="--json" in sys.argv, file=log_file)
    log.debug("command_started", extra={"command": ctx.invoked_subcommand, "bulkops": __version__})


@app.command(
    "version",
    help="Print the version.\n\n\b\nExamples:\n  bulkops version",
)
def version() -> None:
    """Print the version, as ``--version`` does."""
    print_text(f"bulkops {__version__}")


def run() -> int:
    """Run the command in ``sys.argv`` and return its exit code."""
    try:
        code: int | None = app.main(standalone_mode=False)
    except click.ClickException as error:
        # The command line is wrong; nothing was done yet.
        error.show()
        return error.exit_code
    except click.Abort:
        return ExitCode.INTERRUPTED
    return code or ExitCode.DONE
