"""The options that describe a run task or how it is attached, and the change they make."""

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
from bulkops.cli.options import Together
from bulkops.cli.value_types import PATH
from bulkops.errors import BulkopsError, JobError
from bulkops.files import read_key

T = TypeVar("T")


def given(value: T | None) -> T | UnsetType:
    """Return an option's value; ``UNSET`` if it is not given."""
    return UNSET if value is None else value


def hmac_key_of(hmac_key_env: str | None, hmac_key_file: Path | None) -> str | UnsetType:
    """Return the key from a variable or a file, so that no list of processes shows it.

    Raises:
        JobError: both options are given, or there is no key.
    """
    if hmac_key_env and hmac_key_file:
        raise JobError("--hmac-key-env and --hmac-key-file can't be used together. Choose one")
    if hmac_key_env:
        key = os.environ.get(hmac_key_env, "")
        place = f"--hmac-key-env {hmac_key_env}: the variable"
    elif hmac_key_file:
        key = read_key(hmac_key_file, f"--hmac-key-file {hmac_key_file}")
        place = f"--hmac-key-file {hmac_key_file}: the file"
    else:
        return UNSET
    if not key:
        raise JobError(f"{place} contains no key")
    return key


class Everywhere(NamedTuple):
    """The options that say whether and how a run task runs in every workspace."""

    global_enforcement_level: EnforcementLevel | None
    global_stage: tuple[str, ...]
    no_global: bool = False


def global_of(options: Everywhere, before: GlobalConfiguration) -> GlobalConfiguration | None:
    """Return the new global configuration; ``None`` if no option asks for one.

    Args:
        before: the current one, from which what is not given is taken.

    Raises:
        JobError: an unknown stage, or ``--no-global`` and another one together.
    """
    level, stages, off = options
    if off and (level is not None or stages):
        raise JobError("--no-global can't be used with the other --global-… options")
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

NAMED = click.Argument(["name_or_id"], metavar="NAME-OR-ID", help="Name or task-… id.")
INCLUDE = click.Option(
    ["--include"],
    type=click.Choice(get_args(endpoints.Include)),
    help="Also fetch the attachments, or the attachments and their workspaces.",
)
DESCRIPTION = click.Option(["--description"], metavar="TEXT", help="At most 300 characters.")
AGENT_POOL = click.Option(
    ["--agent-pool-id"], metavar="ID", help="The agent pool (apool-…) that calls its URL."
)
HMAC_KEY = Together(
    "hmac_key",
    hmac_key_of,
    (
        click.Option(
            ["--hmac-key-env"],
            metavar="VAR",
            help="Environment variable with the key that signs the requests to its URL.",
        ),
        click.Option(
            ["--hmac-key-file"],
            type=PATH,
            metavar="FILE",
            help="File with the key that signs the requests to its URL.",
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
            help="Run it in every workspace, at this level. [default: advisory, "
            "if --global-stage is given]",
        ),
        click.Option(
            ["--global-stage"],
            multiple=True,
            metavar="STAGE",
            help="Run it in every workspace, at this stage. Repeatable. [default: "
            "post_plan, if --global-enforcement-level is given]",
        ),
    ),
)
NO_GLOBAL = click.Option(["--no-global"], is_flag=True, help="Run it only where it is attached.")
EVERYWHERE_OR_NOT = EVERYWHERE._replace(options=(*EVERYWHERE.options, NO_GLOBAL))


class RequestedStages(msgspec.Struct, frozen=True):
    """The value of ``--stages`` as it is sent: ``many``, or ``one`` to an older server."""

    many: tuple[Stage, ...] = ()
    one: Stage | None = None


def stages_for(server: ServerInfo, text: str | None) -> RequestedStages:
    """Return the stages in the option's text, in the form that this server accepts.

    Raises:
        JobError: the server does not know one of them, or accepts only one stage.
    """
    if text is None:
        return RequestedStages()
    named = [part.strip() for part in text.split(",")]
    unknown = [stage for stage in named if stage not in server.stages]
    version = server.version or "HCP Terraform"
    if unknown:
        raise JobError(
            f"--stages {text}: {unknown[0]!r} is not a stage of this server ({version}). It knows: "
            f"{', '.join(server.stages)}"
        )
    stages = cast("tuple[Stage, ...]", tuple(in_run_order(named)))
    if not server.single_stage:
        return RequestedStages(many=stages)
    if len(stages) > 1:
        raise JobError(f"--stages {text}: this server ({version}) accepts only one stage")
    return RequestedStages(one=stages[0])


def check_echo(
    level: EnforcementLevel | None, stages: RequestedStages, shown: WorkspaceTask
) -> None:
    """Check that the server made the change: an older server ignores what it does not know.

    Raises:
        BulkopsError: its answer shows another level or other stages.
    """
    requested = stages.many or ((stages.one,) if stages.one else ())
    if level is not None and shown.enforcement_level != level:
        raise _differs(shown, "enforcement level", level, shown.enforcement_level)
    if requested and shown.stages != requested:
        raise _differs(shown, "stages", ",".join(requested), ",".join(shown.stages))


def _differs(shown: WorkspaceTask, what: str, requested: str, got: str) -> BulkopsError:
    return BulkopsError(
        f"{shown.id}: the server shows {what} {got or 'none'}; requested: {requested}"
    )
