"""What names a workspace in a row of a manifest. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bulkops.checking import shown
from bulkops.errors import JobError
from bulkops.job.patterns import REGEX

IDS = ("workspace_id", "id")
NAMES = ("workspace", "name", "workspace_name")
KNOWN = (*IDS, *NAMES)
"""Columns or members to read: the first one present counts, ids before names."""

ALLOWED = 'a column or member "name" or "workspace", or "id" or "workspace_id"'
EXACT = "a workspace's exact name or id"
ENTRY = re.compile(r"[^\s,;]{1,90}")
_PATTERN = re.compile(rf"{REGEX}|.*[*?\[\]]")

Row = str | Mapping[str, object]
"""A name or an id, or columns or members, of which one is a name or an id."""


def entry(row: Row, place: str) -> str:
    """Return the workspace's id or, if the row has none, its name; ``JobError`` for neither."""
    if isinstance(row, str):
        return _checked(row, place)
    for key in KNOWN:
        value = row.get(key)
        if value not in (None, ""):
            return _checked(value, f"{place}: {key}", ids=key in IDS)
    raise JobError(f"{place}: names no workspace: give {ALLOWED}")


def _checked(value: object, place: str, *, ids: bool = False) -> str:
    if not isinstance(value, str) or not ENTRY.fullmatch(value) or not value.isprintable():
        raise JobError(f"{place} = {shown(value)}: not {EXACT}")
    if _PATTERN.match(value):
        raise JobError(
            f"{place} = {shown(value)}: a pattern, not {EXACT}: patterns belong in select.names"
        )
    if ids and not value.startswith("ws-"):
        raise JobError(f'{place} = {shown(value)}: not a workspace id, "ws-…"')
    return value
