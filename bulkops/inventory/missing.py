"""Reads which workspaces or run tasks are not found any more, by their ids."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from bulkops.api.resources import Workspace
from bulkops.client.api import Client
from bulkops.client.in_order import in_order

ASKED_AT_ONCE = 32
"""Requests in flight; the limiter holds the pace."""

FEW = 20
"""Targets that are asked for one by one; more are looked for in the list of workspaces first."""


async def read_missing(
    client: Client, organization: str, target_ids: Collection[str]
) -> frozenset[str]:
    """Return which of these targets the server answers with 404.

    Such a target is gone, or this token may not see it any more: the API does not tell which. One
    answer may be wrong for a moment: ask again past ``settle`` before it counts.

    Args:
        target_ids: of workspaces and run tasks.
    """
    asked = sorted(target_ids)
    if len(asked) > FEW:
        listed = await client.workspaces.read(organization, {}, _Ids)
        asked = [ident for ident in asked if ident not in listed.ids]
    missing: list[str] = []

    async def one(ident: str) -> str:
        return ident if await client.is_missing(ident) else ""

    calls = (partial(one, ident) for ident in asked)
    await in_order(calls, missing.append, at_once=min(ASKED_AT_ONCE, max(1, len(asked))))
    return frozenset(filter(None, missing))


class _Ids:
    """Keeps the ids of workspaces, of which there may be many; see ``client.rows.Rows``."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def add(self, workspace: Workspace) -> None:
        self.ids.add(workspace.id)

    def count(self) -> int:
        return len(self.ids)
