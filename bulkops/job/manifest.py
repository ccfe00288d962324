"""A manifest (a list of workspaces, CSV or JSON) → names and ids. Pure: the caller reads the file.

The output of bulkops with ``--json`` and its JSON report are manifests, too.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from bulkops.checking import shown
from bulkops.errors import JobError

IDS = ("workspace_id", "id")
NAMES = ("workspace", "name")
"""Columns or members to read: the first one present counts, ids before names."""

_ALLOWED = 'a column or member "name" or "workspace", or "id" or "workspace_id"'
_ENTRY = re.compile(r"[^\s,;]{1,90}")


def parse_manifest(text: str, source: str) -> tuple[str, ...]:
    """Return the names or ids that a file lists, without duplicates, in its order.

    A row with both counts by its id.

    Args:
        source: the file's name, for error messages.

    Raises:
        JobError: it is neither CSV with a header nor JSON; the message names the line and what is
            allowed.
    """
    rows = _json_rows(text, source) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text, source)
    return tuple(dict.fromkeys(_entry(row, place) for place, row in rows))


def _csv_rows(text: str, source: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in reader.fieldnames or ()]
        if not set(header).intersection((*IDS, *NAMES)):
            raise JobError(f"{source}, line 1: columns {shown(header)}: give {_ALLOWED}")
        reader.fieldnames = header
        for row in reader:
            cells = {key: value.strip() for key, value in row.items() if isinstance(value, str)}
            yield f"{source}, line {reader.line_num}", cells
    except csv.Error as problem:
        raise JobError(f"{source}, line {reader.reader.line_num}: not CSV: {problem}") from None


def _json_rows(text: str, source: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    # A JSON report is one document over several lines, not one document per line.
    whole = _json(text)
    if isinstance(whole, list) or (isinstance(whole, dict) and "rows" in whole):
        rows = whole["rows"] if isinstance(whole, dict) else whole
        if not isinstance(rows, list):
            raise JobError(f"{source}: rows = {shown(rows)}: not a list")
        yield from _objects(((f"{source}, row {n}", row) for n, row in enumerate(rows, 1)))
        return
    lines = enumerate(text.split("\n"), 1)
    yield from _objects((f"{source}, line {n}", _json(line)) for n, line in lines if line.strip())


def _objects(
    values: Iterable[tuple[str, object]],
) -> Iterator[tuple[str, Mapping[str, object]]]:
    for place, value in values:
        if not isinstance(value, dict):
            raise JobError(f"{place}: not a JSON object with {_ALLOWED}")
        # Lines from bulkops itself have a type, and not all of them are about a workspace.
        named = "type" not in value or any(value.get(key) for key in (*IDS, *NAMES))
        if named and value.get("selected") is not False:
            yield place, value


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _entry(row: Mapping[str, object], place: str) -> str:
    for key in (*IDS, *NAMES):
        value = row.get(key)
        if value in (None, ""):
            continue
        if not isinstance(value, str) or not _ENTRY.fullmatch(value):
            raise JobError(f"{place}: {key} = {shown(value)}: not a workspace's exact name or id")
        return value
    raise JobError(f"{place}: names no workspace: give {_ALLOWED}")
