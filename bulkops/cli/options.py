"""Arguments and options that several commands share, and the decorator that makes a command.

A command is a function below ``@command(JOB, SELECT, …)``, which names its arguments and options in
the order in which ``--help`` lists them. ``Together`` passes several options as one value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import getdoc
from pathlib import Path
from typing import Any, NamedTuple

import click

from bulkops.cli.meant.check import Command
from bulkops.cli.signals import DRAIN_SECONDS
from bulkops.cli.value_types import AT_LEAST_1, PATH, PLACE, TARGET, Seconds
from bulkops.errors import WORDS

JOB = click.Argument(["job_file"], type=PATH, metavar="JOB", help="The job file (TOML).")
JOB_OR_FLEET = click.Argument(
    ["file"], type=PATH, metavar="JOB|FLEET", help="The job file, or the fleet file (TOML)."
)
JOURNAL = click.Argument(
    ["journal"],
    type=PLACE,
    help="A job's journal: a file, or an address such as s3://bucket/path.",
)
ADDRESS = click.Option(
    ["--address"],
    metavar="URL",
    help="Address of the server. [default: TFE_ADDRESS, TF_CLOUD_HOSTNAME or TFE_HOSTNAME, else "
    "https://app.terraform.io]",
)
ORGANIZATION = click.Option(
    ["--organization"],
    metavar="NAME",
    help="Name of the organization. [default: TFE_ORGANIZATION or TF_CLOUD_ORGANIZATION]",
)


def _flag(name: str, text: str) -> click.Option:
    return click.Option([name], is_flag=True, help=text)


def _pem(name: str, text: str) -> click.Option:
    return click.Option([name], type=PATH, metavar="FILE", help=f"{text} (PEM).")


CERTIFICATES = (
    _pem("--ca-file", "Also trust the certificate authorities in this file"),
    _pem("--client-cert", "Show this certificate to a server that wants one"),
    _pem("--client-key", "The key of --client-cert, if that file lacks it"),
)
INSECURE_HTTP = _flag(
    "--insecure-http", "Allow http to another machine. The network can then read the token."
)
OUTPUT = click.Option(
    ["--output"], type=TARGET, metavar="FILE", help="Write to this file, not to stdout."
)
JSON = _flag("--json", "Print JSON.")
SELECT = click.Option(
    ["--select"],
    multiple=True,
    metavar="NAME",
    help="Only workspaces with this name, of those the job selects. Globs work. Repeatable.",
)
LIMIT = click.Option(
    ["--limit"], type=AT_LEAST_1, metavar="N", help="Only the first N workspaces, by name."
)
YES = click.Option(["--yes", "-y"], is_flag=True, help="Answer yes. Required without a terminal.")
CONFIRM = click.Option(
    ["--confirm"],
    metavar="TASK",
    help="Confirm a destructive job by naming its run task. Required without a terminal.",
)
TRUST_FILES = click.Option(
    ["--trust-files"],
    is_flag=True,
    envvar="BULKOPS_TRUST_FILES",
    help="Trust a journal, plan or fleet file that another user owns or that everyone can write. "
    "[env: BULKOPS_TRUST_FILES=1]",
)
WAIT = _flag("--wait", "Wait while another process uses the journal.")
RETRY_FAILED = _flag("--retry-failed", "Also re-plan and retry failed and conflicting operations.")
CONTINUE = click.Option(
    ["--continue", "continue_paused"],
    is_flag=True,
    help="Continue past the pause, gate or tolerance at which the job stopped.",
)
EXIT_OUTSIDE_WINDOW = _flag(
    "--exit-outside-window", "Exit with code 6 outside the job's windows, instead of resting."
)
DESPITE_UNFINISHED = _flag(
    "--despite-unfinished", "Start although the plan contradicts an unfinished job."
)
MAX_OPERATIONS = click.Option(
    ["--max-operations"],
    type=AT_LEAST_1,
    metavar="N",
    help="Refuse a plan with more than N operations. [default: the job's max_operations]",
)
DRAIN_TIMEOUT = click.Option(
    ["--drain-timeout", "drain"],
    type=Seconds(min=0),
    default=DRAIN_SECONDS,
    metavar="SECONDS",
    help="How long operations in flight may take to finish after Ctrl-C or SIGTERM.",
)
METRICS_FILE = click.Option(
    ["--metrics-file"],
    type=TARGET,
    metavar="FILE",
    help="Write Prometheus metrics to this file, for node-exporter's textfile collector (*.prom).",
)


class Server(NamedTuple):
    """The options that say where requests go.

    Attributes:
        address: ``None`` if it comes from Terraform's environment variables.
    """

    address: str | None = None
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    insecure_http: bool = False


class Narrowing(NamedTuple):
    """The options that narrow a job: to these names, and to at most ``limit`` workspaces."""

    select: tuple[str, ...] = ()
    limit: int | None = None


class RunOptions(NamedTuple):
    """The options that say how a job is run; each has the name of its option.

    ``drain`` is ``--drain-timeout``, in seconds, and ``continue_paused`` is ``--continue``.
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
    wait: bool = False
    exit_outside_window: bool = False


class Together(NamedTuple):
    """Options that a command receives as one value.

    Attributes:
        name: the command's parameter.
        combined: returns the value, given the options' values by name.
    """

    name: str
    combined: Callable[..., object]
    options: Sequence[click.Option]

    def taken_from(self, given: dict[str, Any]) -> None:
        """Replace the options' values with the combined one."""
        values = {option.name: given.pop(option.name) for option in self.options}
        given[self.name] = self.combined(**values)


SERVER = Together("server", Server, (ADDRESS, *CERTIFICATES, INSECURE_HTTP))

IN_ORGANIZATION = (ORGANIZATION, SERVER, JSON)
"""Options of commands that read or change one run task or one workspace."""

NARROWING = Together("narrowing", Narrowing, (SELECT, LIMIT))
_HOW = (WAIT, DRAIN_TIMEOUT, METRICS_FILE, TRUST_FILES)
_FORWARD = (YES, CONFIRM, JSON, CONTINUE, RETRY_FAILED, EXIT_OUTSIDE_WINDOW)
RESUMING = Together("options", RunOptions, (*_FORWARD, *_HOW))
UNDOING = Together(
    "options", RunOptions, (YES, JSON, CONTINUE, RETRY_FAILED, DESPITE_UNFINISHED, *_HOW)
)
APPLYING = Together("options", RunOptions, (*_FORWARD, DESPITE_UNFINISHED, *_HOW))

Function = Callable[..., None]


def command(
    *params: click.Parameter | Together, cls: type[Command] = Command
) -> Callable[[Function], click.Command]:
    """Return a decorator that makes a function a command, with its docstring as the help.

    ``EXIT_CODES`` in the docstring becomes a table of the exit codes.
    """
    together = [one for one in params if isinstance(one, Together)]
    flat = [p for one in params for p in (one.options if isinstance(one, Together) else (one,))]

    def decorated(function: Function) -> click.Command:
        @wraps(function)
        def called(**given: Any) -> None:
            for one in together:
                one.taken_from(given)
            function(**given)

        codes = "\n  ".join(f"{code:<5}{words.meaning}" for code, words in WORDS.items())
        text = (getdoc(function) or "").replace("EXIT_CODES", codes)
        return click.command(cls=cls, params=flat, help=text)(called)

    return decorated
