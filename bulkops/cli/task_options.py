"""The options that describe a run task, and the change that they ask for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from msgspec import UNSET, UnsetType

from bulkops.api import endpoints
from bulkops.api.resources import STAGES, EnforcementLevel, GlobalConfiguration, in_run_order
from bulkops.errors import JobError

T = TypeVar("T")

Named = Annotated[str, typer.Argument(metavar="NAME-OR-ID", help="The run task.")]
Include = Annotated[
    endpoints.Include | None,
    typer.Option(help="Also fetch where it is attached, with or without those workspaces."),
]
Description = Annotated[
    str | None, typer.Option(metavar="TEXT", help="At most 300 characters.", show_default=False)
]
HmacKeyEnv = Annotated[
    str | None,
    typer.Option(
        metavar="VAR",
        help="The environment variable that holds the key to sign requests with.",
        show_default=False,
    ),
]
HmacKeyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The file that holds the key to sign requests with.",
        show_default=False,
    ),
]
GlobalLevel = Annotated[
    EnforcementLevel | None,
    typer.Option(
        help="Run it in every workspace, at this level. [default: advisory, where --global-stage "
        "is given]",
        show_default=False,
    ),
]
GlobalStages = Annotated[
    list[str] | None,
    typer.Option(
        "--global-stage",
        metavar="STAGE",
        help="Run it in every workspace, at this stage; repeatable. [default: post_plan, where "
        "--global-enforcement-level is given]",
        show_default=False,
    ),
]
NoGlobal = Annotated[bool, typer.Option("--no-global", help="Run it only where it is attached.")]
AgentPool = Annotated[
    str | None,
    typer.Option(
        metavar="ID", help="The agent pool (apool-…) that reaches its URL.", show_default=False
    ),
]


def given(value: T | None) -> T | UnsetType:
    """Return an option's value, ``UNSET`` where it was not given."""
    return UNSET if value is None else value


def hmac_key_of(variable: str | None, file: Path | None) -> str | UnsetType:
    """Return the key, from where no list of processes and no shell history shows it.

    Raises:
        JobError: both are given, or there is no key there.
    """
    if variable and file:
        raise JobError("--hmac-key-env and --hmac-key-file exclude each other")
    if variable:
        key = os.environ.get(variable, "")
        place = f"--hmac-key-env {variable}: that variable"
    elif file:
        key = _text(file)
        place = f"--hmac-key-file {file}: that file"
    else:
        return UNSET
    if not key:
        raise JobError(f"{place} holds no key")
    return key


def global_of(
    level: EnforcementLevel | None,
    stages: Sequence[str] | None,
    before: GlobalConfiguration,
    *,
    off: bool = False,
) -> GlobalConfiguration | None:
    """Return the global configuration asked for, ``None`` where none is; the rest as before.

    Args:
        off: it shall run in every workspace no longer.

    Raises:
        JobError: a stage that no server knows, or on and off at once.
    """
    if off and (level is not None or stages):
        raise JobError("--no-global and another --global-… option exclude each other")
    if off:
        return msgspec.structs.replace(before, enabled=False)
    if level is None and not stages:
        return None
    for stage in set(stages or ()).difference(STAGES):
        raise JobError(f"--global-stage {stage}: the stages are {', '.join(STAGES)}")
    return GlobalConfiguration(
        enabled=True,
        stages=tuple(in_run_order(stages or before.stages or ("post_plan",))),
        enforcement_level=level or before.enforcement_level or "advisory",
    )


def _text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"--hmac-key-file {file}: can't be read: {error}") from error
    return text.rstrip("\r\n")
