"""Types that events share. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bulkops.journal.states import Outcome
from bulkops.operations.kinds.base import VERB
from bulkops.report.model import PENDING

# The format of ``Clock.date``. Only for the schema: an edited journal is still reported.
_TIME = {"format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}

Time: TypeAlias = Annotated[str, Meta(extra_json_schema=_TIME)]
"""RFC 3339 in UTC, with ``Z``."""

TimeOrEmpty: TypeAlias = Annotated[str, Meta(extra_json_schema={"anyOf": [_TIME, {"const": ""}]})]

_LOCAL_TIME = {
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$",
}

LocalTime: TypeAlias = Annotated[str, Meta(extra_json_schema=_LOCAL_TIME)]
"""RFC 3339 with an offset from UTC."""

LocalTimeOrEmpty: TypeAlias = Annotated[
    str, Meta(extra_json_schema={"anyOf": [_LOCAL_TIME, {"const": ""}]})
]

Counts: TypeAlias = Annotated[
    dict[str, int],
    Meta(extra_json_schema={"propertyNames": {"enum": [*map(str, Outcome), PENDING]}}),
]
"""Outcome → number of operations; outcomes that no operation has are omitted."""

Action: TypeAlias = Annotated[str, Meta(extra_json_schema={"pattern": f"^{VERB}$"})]
"""An operation's action in one word: ``Kind.verb``, so a kind may have its own."""

FreeObject: TypeAlias = Mapping[str, Any]
"""Attributes by their API names; a kind from another package may have its own."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """One line of ``--json``; its first member ``type`` identifies the event."""


class OfShard(Event, frozen=True, kw_only=True):
    """An event of a job, which may be a shard's.

    Attributes:
        shard: the shard's name; absent unless the command is about a fleet.
    """

    shard: str | UnsetType = UNSET

    def of_shard(self, name: str) -> Self:
        """Return the event as one of a shard."""
        return msgspec.structs.replace(self, shard=name)


class OfTarget(OfShard, frozen=True, kw_only=True):
    """An event about one target: a workspace, or a run task for the kinds ``task-…``.

    Attributes:
        workspace: the workspace's name; absent if the target is a run task.
        workspace_id: its id, `ws-…`; absent if the target is a run task.
        project: name of its project when it was planned, or the project's id if the server does
            not show the name; empty if the server, or a journal of an older version, shows none;
            absent if the target is a run task.
        task: the run task's name; absent if the target is a workspace.
        task_id: its id, `task-…`; absent if the target is a workspace.
    """

    workspace: str | UnsetType = UNSET
    workspace_id: str | UnsetType = UNSET
    project: str | UnsetType = UNSET
    task: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET
