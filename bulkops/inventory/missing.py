"""Reads which of a journal's targets no longer exist."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from bulkops.api.resources import Workspace
from bulkops.client.api import Client
from bulkops.client.in_order import in_order
from bulkops.operations.model import Target

READ_AT_ONCE = 32
"""Requests in flight; the limiter sets the pace."""

FEW = 20
"""Up to this many targets are read one by one; more are first looked up in the list."""


async def read_missing(
    client: Client, organization: str, targets: Collection[Target]
) -> frozenset[Target]:
    """Return which of these workspaces and run tasks no longer exist, or are no longer visible.

    The API doesn't distinguish the two. A single answer may be stale: the caller must ask again
    after ``settle`` before relying on it.
    """
    unseen = sorted(targets, key=lambda target: target.id)
    if len(unseen) > FEW:
        listed = await client.workspaces.read(organization, {}, _Ids)
        unseen = [target for target in unseen if target.id not in listed.ids]
    missing: list[Target] = []

    async def one(target: Target) -> list[Target]:
        is_missing = await client.is_missing(organization, target.id, target.name)
        return [target] if is_missing else []

    calls = (partial(one, target) for target in unseen)
    await in_order(calls, missing.extend, at_once=min(READ_AT_ONCE, max(1, len(unseen))))
    return frozenset(missing)


class _Ids:
    """Keeps only the ids of workspaces, to save memory (see ``client.rows.Rows``)."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def add(self, workspace: Workspace) -> None:
        self.ids.add(workspace.id)

    def count(self) -> int:
        return len(self.ids)
