"""The options that describe a run task, and the change that they ask for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, TypeVar, cast, get_args

import click
import msgspec
from msgspec import UNSET, UnsetType

from bulkops.api import endpoints
from bulkops.api.resources import (
    STAGES,
    EnforcementLevel,
    GlobalConfiguration,
    Stage,
    WorkspaceTask,
    in_run_order,
)
from bulkops.api.server import ServerInfo
from bulkops.cli.options import PATH, Together
from bulkops.errors import BulkopsError, JobError
from bulkops.files import read_key

T = TypeVar("T")


def given(value: T | None) -> T | UnsetType:
    """Return an option's value, ``UNSET`` where it was not given."""
    return UNSET if value is None else value


def hmac_key_of(hmac_key_env: str | None, hmac_key_file: Path | None) -> str | UnsetType:
    """Return the key, from where no list of processes and no shell history shows it.

    Raises:
        JobError: both are given, or there is no key there.
    """
    if hmac_key_env and hmac_key_file:
        raise JobError("--hmac-key-env and --hmac-key-file exclude each other")
    if hmac_key_env:
        key = os.environ.get(hmac_key_env, "")
        place = f"--hmac-key-env {hmac_key_env}: that variable"
    elif hmac_key_file:
        key = read_key(hmac_key_file, f"--hmac-key-file {hmac_key_file}")
        place = f"--hmac-key-file {hmac_key_file}: that file"
    else:
        return UNSET
    if not key:
        raise JobError(f"{place} holds no key")
    return key


class Everywhere(NamedTuple):
    """Whether, and how, a run task runs in every workspace, as the command line says it."""

    global_enforcement_level: EnforcementLevel | None
    global_stage: tuple[str, ...]
    no_global: bool = False


def global_of(asked: Everywhere, before: GlobalConfiguration) -> GlobalConfiguration | None:
    """Return the global configuration asked for, ``None`` where none is; the rest as before.

    Raises:
        JobError: a stage that no server knows, or on and off at once.
    """
    level, stages, off = asked
    if off and (level is not None or stages):
        raise JobError("--no-global and another --global-… option exclude each other")
    if off:
        return msgspec.structs.replace(before, enabled=False)
    if level is None and not stages:
        return None
    for stage in set(stages).difference(STAGES):
        raise JobError(f"--global-stage {stage}: the stages are {', '.join(STAGES)}")
    return GlobalConfiguration(
        enabled=True,
        stages=tuple(in_run_order(stages or before.stages or ("post_plan",))),
        enforcement_level=level or before.enforcement_level or "advisory",
    )


LEVEL = click.Choice(get_args(EnforcementLevel))

NAMED = click.Argument(["name_or_id"], metavar="NAME-OR-ID", help="The run task.")
INCLUDE = click.Option(
    ["--include"],
    type=click.Choice(get_args(endpoints.Include)),
    help="Also fetch where it is attached, with or without those workspaces.",
)
DESCRIPTION = click.Option(["--description"], metavar="TEXT", help="At most 300 characters.")
AGENT_POOL = click.Option(
    ["--agent-pool-id"], metavar="ID", help="The agent pool (apool-…) that reaches its URL."
)
HMAC_KEY = Together(
    "hmac_key",
    hmac_key_of,
    (
        click.Option(
            ["--hmac-key-env"],
            metavar="VAR",
            help="The environment variable that holds the key to sign requests with.",
        ),
        click.Option(
            ["--hmac-key-file"],
            type=PATH,
            metavar="FILE",
            help="The file that holds the key to sign requests with.",
        ),
    ),
)
EVERYWHERE = Together(
    "everywhere",
    Everywhere,
    (
        click.Option(
            ["--global-enforcement-level"],
            type=LEVEL,
            help="Run it in every workspace, at this level. [default: advisory, where "
            "--global-stage is given]",
        ),
        click.Option(
            ["--global-stage"],
            multiple=True,
            metavar="STAGE",
            help="Run it in every workspace, at this stage; repeatable. [default: post_plan, where "
            "--global-enforcement-level is given]",
        ),
    ),
)
NO_GLOBAL = click.Option(["--no-global"], is_flag=True, help="Run it only where it is attached.")
EVERYWHERE_OR_NOT = EVERYWHERE._replace(options=(*EVERYWHERE.options, NO_GLOBAL))


class StagesAsked(msgspec.Struct, frozen=True):
    """What is sent for ``--stages``: ``many`` as ``stages``, or ``one`` as an older ``stage``."""

    many: tuple[Stage, ...] = ()
    one: Stage | None = None


def stages_for(server: ServerInfo, text: str | None) -> StagesAsked:
    """Return the stages that the option's text names, as this server takes them.

    Raises:
        JobError: it knows one of them not, or takes only one.
    """
    if text is None:
        return StagesAsked()
    named = [part.strip() for part in text.split(",")]
    unknown = [stage for stage in named if stage not in server.stages]
    version = server.version or "HCP Terraform"
    if unknown:
        raise JobError(
            f"--stages {text}: {unknown[0]!r} is not a stage that this server ({version}) knows: "
            f"{', '.join(server.stages)}"
        )
    stages = cast("tuple[Stage, ...]", tuple(in_run_order(named)))
    if not server.single_stage:
        return StagesAsked(many=stages)
    if len(stages) > 1:
        raise JobError(f"--stages {text}: this server ({version}) takes one stage only")
    return StagesAsked(one=stages[0])


def check_echo(level: EnforcementLevel | None, stages: StagesAsked, shown: WorkspaceTask) -> None:
    """Hold the server's answer against what was asked: an older server drops what it can't do.

    Raises:
        BulkopsError: they differ.
    """
    asked = stages.many or ((stages.one,) if stages.one else ())
    if level is not None and shown.enforcement_level != level:
        raise _differs(shown, "enforcement level", level, shown.enforcement_level)
    if asked and shown.stages != asked:
        raise _differs(shown, "stages", ",".join(asked), ",".join(shown.stages))


def _differs(shown: WorkspaceTask, what: str, asked: str, got: str) -> BulkopsError:
    return BulkopsError(
        f"{shown.id}: asked for {what} {asked}, but the server made it {got or 'none'}"
    )
