"""Workspace tasks as they were a while ago: what a list shows that lags behind the writes."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import msgspec

from bulkops.simulator.state import Task, Workspace, WorkspaceTask


class _Change(msgspec.Struct, frozen=True):
    """One change by a request; ``before`` is the record as it was, None where it wasn't."""

    now: float
    id: str
    before: WorkspaceTask | None


class History:
    """Every change that a request made to a workspace task, so that the latest can be undone.

    Args:
        lag: seconds by which lists are behind; a change is seen once it is that old.
    """

    def __init__(self, lag: float) -> None:
        self._lag = lag
        self._changes: list[_Change] = []

    def creates(self, record: WorkspaceTask, now: float) -> None:
        """Note that a request makes this record."""
        self._changes.append(_Change(now, record.id, None))

    def changes(self, record: WorkspaceTask, now: float) -> None:
        """Note that a request is about to change this record, or to delete it."""
        self._changes.append(_Change(now, record.id, copy(record)))

    def shown(
        self, owner: Workspace | Task, records: Mapping[str, WorkspaceTask], now: float
    ) -> list[WorkspaceTask]:
        """Return what a list of the owner's records shows, of which it really has ``records``."""
        found = dict(records)
        for change in reversed(self._changes):
            if change.now <= now - self._lag:
                break
            if change.before is None:
                found.pop(change.id, None)
            elif owner in (change.before.workspace, change.before.task):
                found[change.id] = change.before
        return list(found.values())
