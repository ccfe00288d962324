"""Reads which of a journal's targets are gone."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from bulkops.api.resources import Workspace
from bulkops.client.api import Client
from bulkops.client.in_order import in_order
from bulkops.operations.model import Target

ASKED_AT_ONCE = 32
"""Requests in flight; the limiter holds the pace."""

FEW = 20
"""Targets that are asked for one by one; more are looked for in the list of workspaces first."""


async def read_missing(
    client: Client, organization: str, targets: Collection[Target]
) -> frozenset[Target]:
    """Return which of these workspaces and run tasks are gone, or may not be seen any more.

    The API does not tell which. One answer may be wrong for a moment: ask again past ``settle``
    before it counts.
    """
    asked = sorted(targets, key=lambda target: target.id)
    if len(asked) > FEW:
        listed = await client.workspaces.read(organization, {}, _Ids)
        asked = [target for target in asked if target.id not in listed.ids]
    missing: list[Target] = []

    async def one(target: Target) -> list[Target]:
        is_missing = await client.is_missing(organization, target.id, target.name)
        return [target] if is_missing else []

    calls = (partial(one, target) for target in asked)
    await in_order(calls, missing.extend, at_once=min(ASKED_AT_ONCE, max(1, len(asked))))
    return frozenset(missing)


class _Ids:
    """Keeps the ids of workspaces, of which there may be many; see ``client.rows.Rows``."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def add(self, workspace: Workspace) -> None:
        self.ids.add(workspace.id)

    def count(self) -> int:
        return len(self.ids)
