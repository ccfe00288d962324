"""What all events have in common. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bulkops.journal.states import Outcome
from bulkops.operations.kinds.base import VERB
from bulkops.report.model import PENDING

# As ``Clock.date`` writes it. Said to readers only: a journal that somebody edited is still told.
_TIME = {"format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}

Time: TypeAlias = Annotated[str, Meta(extra_json_schema=_TIME)]
"""RFC 3339 in UTC, with ``Z``."""

TimeOrEmpty: TypeAlias = Annotated[str, Meta(extra_json_schema={"anyOf": [_TIME, {"const": ""}]})]

Counts: TypeAlias = Annotated[
    dict[str, int],
    Meta(extra_json_schema={"propertyNames": {"enum": [*map(str, Outcome), PENDING]}}),
]
"""Outcome → operations; an outcome that no operation has is left out."""

Action: TypeAlias = Annotated[str, Meta(extra_json_schema={"pattern": f"^{VERB}$"})]
"""What an operation does, in one word: of ``Kind.verb``, so that each kind has its own."""

FreeObject: TypeAlias = Mapping[str, Any]
"""Attributes by their API names: a kind of another package has its own."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """One line of ``--json``: ``type``, which comes first, says which."""


class OfTarget(Event, frozen=True, kw_only=True):
    """What is said of one target: a workspace, or for the kinds ``task-…`` a run task.

    Attributes:
        workspace: the workspace's name; absent where the target is a run task.
        workspace_id: its id, `ws-…`; absent where the target is a run task.
        task: the run task's name; absent where the target is a workspace.
        task_id: its id, `task-…`; absent where the target is a workspace.
    """

    workspace: str | UnsetType = UNSET
    workspace_id: str | UnsetType = UNSET
    task: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET
