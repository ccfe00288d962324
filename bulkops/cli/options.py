"""Arguments and options that several commands share, each declared once, and how one is made.

A command is a function below ``@command(JOB, SELECT, …)``: its arguments and options in the order
in which ``--help`` lists them. Options that travel together reach it as one value: ``Together``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import getdoc
from pathlib import Path
from typing import Any, NamedTuple

import click

from bulkops.cli.meant import Command
from bulkops.cli.signals import DRAIN_SECONDS
from bulkops.errors import WORDS, JobError
from bulkops.files import check_output

PATH = click.Path(path_type=Path, readable=False)
"""Of a file that may not be there: whoever reads it says what is wrong with it."""


class Target(click.Path):
    """A file that is written: never one that is a journal, a plan or a job by its content."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """Return the path; fails where bulkops needs the file that is there."""
        path = Path(os.fsdecode(value))
        try:
            check_output(path)
        except JobError as problem:
            self.fail(str(problem), param, ctx)
        return path


TARGET = Target(path_type=Path, readable=False)


class WholeNumber(click.IntRange):
    """A whole number in some range."""

    name = "whole number"


class Seconds(click.FloatRange):
    """A time, which must be one: of ``nan`` every comparison is false, and ``inf`` never ends."""

    name = "number of seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; fails for what is none, or not finite."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a {self.name}.", param, ctx)
        return number


AT_LEAST_1 = WholeNumber(min=1)

JOB = click.Argument(["job_file"], type=PATH, metavar="JOB", help="The job file (TOML).")
JOURNAL = click.Argument(["journal"], type=PATH, help="A journal.")
ADDRESS = click.Option(
    ["--address"],
    metavar="URL",
    help="The server. [default: TFE_ADDRESS, TF_CLOUD_HOSTNAME or TFE_HOSTNAME, else "
    "https://app.terraform.io]",
)
ORGANIZATION = click.Option(
    ["--organization"],
    metavar="NAME",
    help="The organization. [default: TFE_ORGANIZATION]",
)
CA_FILE = click.Option(
    ["--ca-file"],
    type=PATH,
    metavar="FILE",
    help="Certificate authorities (PEM) to trust beside the system's.",
)
INSECURE_HTTP = click.Option(
    ["--insecure-http"],
    is_flag=True,
    help="Allow plain http to a host that is not this machine: the token is readable there.",
)
OUTPUT = click.Option(["--output"], type=TARGET, metavar="FILE", help="Write there, not to stdout.")
JSON = click.Option(["--json"], is_flag=True, help="Print JSON for machines.")
SELECT = click.Option(
    ["--select"],
    multiple=True,
    metavar="NAME",
    help="Of the workspaces the job selects, only those of this name (globs, too). Repeatable.",
)
LIMIT = click.Option(
    ["--limit"],
    type=AT_LEAST_1,
    metavar="N",
    help="Of the workspaces selected, only the first N by name.",
)
YES = click.Option(
    ["--yes", "-y"], is_flag=True, help="Don't ask; needed where there is no terminal."
)
CONFIRM = click.Option(
    ["--confirm"],
    metavar="TASK",
    help="Yes, for the run task of this name: a job that detaches needs it where there is no "
    "terminal.",
)
TRUST_FILES = click.Option(
    ["--trust-files"],
    is_flag=True,
    envvar="BULKOPS_TRUST_FILES",
    help="Believe a journal or plan that belongs to another user, or that everybody may write. "
    "[env: BULKOPS_TRUST_FILES=1]",
)
RETRY_FAILED = click.Option(
    ["--retry-failed"], is_flag=True, help="Decide failed and conflicting operations anew, too."
)
CONTINUE = click.Option(
    ["--continue", "continue_paused"],
    is_flag=True,
    help="Continue past the manual pause, the inconclusive gate or the stop by the failure "
    "tolerance at which the job stands.",
)
DESPITE_UNFINISHED = click.Option(
    ["--despite-unfinished"],
    is_flag=True,
    help="Start, although the plan contradicts another job that is not finished.",
)
MAX_OPERATIONS = click.Option(
    ["--max-operations"],
    type=AT_LEAST_1,
    metavar="N",
    help="Refuse a plan with more operations. [default: the job's max_operations]",
)
DRAIN_TIMEOUT = click.Option(
    ["--drain-timeout", "drain"],
    type=Seconds(min=0),
    default=DRAIN_SECONDS,
    metavar="SECONDS",
    help="After Ctrl-C or SIGTERM, how long what is in flight may take to finish.",
)
METRICS_FILE = click.Option(
    ["--metrics-file"],
    type=TARGET,
    metavar="FILE",
    help="Keep Prometheus metrics there, as the textfile collector of node-exporter reads them "
    "(*.prom).",
)


class Server(NamedTuple):
    """Where requests go to, as the command line says it.

    Attributes:
        address: ``None`` where it is Terraform's own environment that says so.
    """

    address: str | None = None
    ca_file: Path | None = None
    insecure_http: bool = False


class Narrowing(NamedTuple):
    """Which of a job's workspaces are meant: of these names, and so many at most."""

    select: tuple[str, ...] = ()
    limit: int | None = None


class Asked(NamedTuple):
    """How a job is to be carried out, as the command line says it.

    Attributes:
        drain: seconds.
        confirm: of ``--confirm``.
        continue_paused: of ``--continue``.
        metrics_file: of ``--metrics-file``.
        trust_files: of ``--trust-files``.
        despite_unfinished: of ``--despite-unfinished``.
    """

    yes: bool
    json: bool
    retry_failed: bool
    drain: float
    confirm: str | None = None
    continue_paused: bool = False
    metrics_file: Path | None = None
    trust_files: bool = False
    despite_unfinished: bool = False


class Together(NamedTuple):
    """Options that a command gets as one value.

    Attributes:
        name: of the command's parameter.
        made: makes its value of theirs, by their names.
    """

    name: str
    made: Callable[..., object]
    options: Sequence[click.Option]

    def taken_from(self, given: dict[str, Any]) -> None:
        """Replace the options' values by the one they make."""
        values = {option.name: given.pop(option.name) for option in self.options}
        given[self.name] = self.made(**values)


SERVER = Together("server", Server, (ADDRESS, CA_FILE, INSECURE_HTTP))

IN_ORGANIZATION = (ORGANIZATION, SERVER, JSON)
"""Of commands that are about one run task, or one workspace."""

NARROWING = Together("narrowing", Narrowing, (SELECT, LIMIT))
_LEFT = (JSON, CONTINUE, RETRY_FAILED)
_HOW = (DRAIN_TIMEOUT, METRICS_FILE, TRUST_FILES)
RESUMING = Together("asked", Asked, (YES, CONFIRM, *_LEFT, *_HOW))
UNDOING = Together("asked", Asked, (YES, *_LEFT, DESPITE_UNFINISHED, *_HOW))
APPLYING = Together("asked", Asked, (YES, CONFIRM, *_LEFT, DESPITE_UNFINISHED, *_HOW))

Function = Callable[..., None]


def command(
    *params: click.Parameter | Together, cls: type[Command] = Command
) -> Callable[[Function], click.Command]:
    """Return what makes a function a command, whose help is its docstring.

    Where that says EXIT_CODES, each has a line with its meaning.
    """
    together = [one for one in params if isinstance(one, Together)]
    flat = [p for one in params for p in (one.options if isinstance(one, Together) else (one,))]

    def made(function: Function) -> click.Command:
        @wraps(function)
        def called(**given: Any) -> None:
            for one in together:
                one.taken_from(given)
            function(**given)

        codes = "\n  ".join(f"{code:<5}{words.meaning}" for code, words in WORDS.items())
        text = (getdoc(function) or "").replace("EXIT_CODES", codes)
        return click.command(cls=cls, params=flat, help=text)(called)

    return made
