"""Options that several commands share, spelled and explained once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import typer

from bulkops.exit_codes import WORDS

Command = TypeVar("Command", bound=Callable[..., Any])

JobFile = Annotated[
    Path, typer.Argument(metavar="JOB", help="The job file (TOML).", show_default=False)
]
JournalArgument = Annotated[
    Path, typer.Argument(metavar="JOURNAL", help="A journal.", show_default=False)
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="URL",
        help="The server. [default: TFE_ADDRESS, else https://app.terraform.io]",
        show_default=False,
    ),
]
Organization = Annotated[
    str | None,
    typer.Option(
        "--organization",
        metavar="NAME",
        help="The organization. [default: TFE_ORGANIZATION]",
        show_default=False,
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        metavar="FILE",
        help="Certificate authorities (PEM) to trust beside the system's.",
        show_default=False,
    ),
]
InsecureHttp = Annotated[
    bool,
    typer.Option(
        "--insecure-http",
        help="Allow plain http to a host that is not this machine: the token is readable there.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", help="Write there, not to stdout."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SelectNames = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        metavar="NAME",
        help="Of the workspaces the job selects, only those of this name (globs, too). Repeatable.",
        show_default=False,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=1,
        help="Of the workspaces selected, only the first N by name.",
        show_default=False,
    ),
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Don't ask; needed where there is no terminal.")
]
Confirm = Annotated[
    str | None,
    typer.Option(
        "--confirm",
        metavar="TASK",
        help="Yes, for the run task of this name: a job that detaches needs it where there is no "
        "terminal.",
        show_default=False,
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option("--retry-failed", help="Decide failed and conflicting operations anew, too."),
]
Continue = Annotated[
    bool,
    typer.Option(
        "--continue",
        help="Past the manual pause, or the inconclusive gate, at which the job stands.",
    ),
]
MaxOperations = Annotated[
    int | None,
    typer.Option(
        "--max-operations",
        metavar="N",
        min=1,
        help="Refuse a plan with more operations. [default: the job's max_operations]",
        show_default=False,
    ),
]
DrainTimeout = Annotated[
    float,
    typer.Option(
        "--drain-timeout",
        metavar="SECONDS",
        min=0,
        help="After Ctrl-C or SIGTERM, how long what is in flight may take to finish.",
    ),
]
MetricsFileOption = Annotated[
    Path | None,
    typer.Option(
        "--metrics-file",
        metavar="FILE",
        help="Keep Prometheus metrics there, as the textfile collector of node-exporter reads them "
        "(*.prom).",
        show_default=False,
    ),
]
DRAIN_SECONDS = 5.0
"""CI systems kill 7.5 to 10 seconds after they asked."""


class Asked(NamedTuple):
    """How a job is to be carried out, as the command line says it.

    Attributes:
        drain: seconds.
        confirm: of ``--confirm``.
        metrics_file: of ``--metrics-file``.
    """

    yes: bool
    json: bool
    retry_failed: bool
    drain: float
    confirm: str | None = None
    go_on: bool = False
    metrics_file: Path | None = None


def with_exit_codes(command: Command) -> Command:
    """Put every exit code with its meaning where the command's docstring says EXIT_CODES."""
    rows = (f"{code:<5}{words.meaning}" for code, words in WORDS.items())
    command.__doc__ = (command.__doc__ or "").replace("EXIT_CODES", "\n      ".join(rows))
    return command
