"""``--stages post_plan,pre_apply``: read, held against what the server knows, and its echo."""

from __future__ import annotations

from typing import cast

import msgspec

from bulkops.api.resources import EnforcementLevel, Stage, WorkspaceTask, in_run_order
from bulkops.api.server import ServerInfo
from bulkops.errors import BulkopsError, JobError


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
