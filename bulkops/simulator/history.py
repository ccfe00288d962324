"""Earlier states of workspace tasks, for lists that lag behind the writes."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import msgspec

from bulkops.simulator.state import Task, Workspace, WorkspaceTask


class _Change(msgspec.Struct, frozen=True):
    """One change by a request; ``before`` is the record's earlier state, None if it was new."""

    now: float
    id: str
    before: WorkspaceTask | None


class History:
    """The changes that requests made to workspace tasks.

    Args:
        lag: the seconds after which lists show a change.
    """

    def __init__(self, lag: float) -> None:
        self._lag = lag
        self._changes: list[_Change] = []

    def creates(self, record: WorkspaceTask, now: float) -> None:
        """Record that a request creates this workspace task."""
        self._changes.append(_Change(now, record.id, None))

    def changes(self, record: WorkspaceTask, now: float) -> None:
        """Record that a request is about to change or delete this workspace task."""
        self._changes.append(_Change(now, record.id, copy(record)))

    def shown(
        self, owner: Workspace | Task, records: Mapping[str, WorkspaceTask], now: float
    ) -> list[WorkspaceTask]:
        """Return the records that a lagging list of the owner shows.

        Args:
            records: the records that the owner really has.
        """
        listed = dict(records)
        for change in reversed(self._changes):
            if change.now <= now - self._lag:
                break
            if change.before is None:
                listed.pop(change.id, None)
            elif owner in (change.before.workspace, change.before.task):
                listed[change.id] = change.before
        return list(listed.values())
