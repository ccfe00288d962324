"""The rows of a manifest in JSON: a list, a map, a report, or one document per line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import msgspec

from bulkops.checking import shown
from bulkops.errors import JobError
from bulkops.job.listing.entries import ALLOWED, ENTRY, EXACT, IDS, KNOWN, Row


def json_rows(text: str, source: str) -> Iterator[tuple[str, Row]]:
    """Yield the place of each row, and the row; raises ``JobError``."""
    try:
        whole = _json(text, source)
    except JobError:
        lines = ((n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip())
        values = ((place := f"{source}, line {n}", _json(line, place)) for n, line in lines)
        # It is one document per line, unless its first line isn't a document either.
        first = _first(values)
        if first is None:
            raise
        yield from _members(first)
        yield from _members(values)
        return
    # A JSON report is one document over several lines, not one document per line.
    rows = whole["rows"] if isinstance(whole, dict) and "rows" in whole else whole
    if isinstance(rows, list):
        yield from _members((f"{source}, row {n}", row) for n, row in enumerate(rows, 1))
    elif rows is not whole:
        raise JobError(f"{source}: rows = {shown(rows)}: not a list")
    elif isinstance(whole, dict) and _may_be_either(whole):
        raise JobError(
            f"{source}: can be read as one workspace, and as a map with one per member: write a "
            'list of names or ids, ["…", "…"]'
        )
    elif isinstance(whole, dict) and _is_map(whole):
        yield from _members((f"{source}, {shown(key)}", value) for key, value in whole.items())
    else:
        yield from _members([(f"{source}, line 1", whole)])


def _first(values: Iterator[tuple[str, object]]) -> list[tuple[str, object]] | None:
    try:
        return list(islice(values, 1))
    except JobError:
        return None


def _is_map(document: Mapping[str, object]) -> bool:
    """Return whether an object has a workspace per member; otherwise it is one workspace.

    The names of the members are free in a map, so it may have one that is called ``name``.
    """
    values = document.values()
    ids = all(isinstance(value, str) and value.startswith("ws-") for value in values)
    objects = all(isinstance(value, dict) for value in values)
    return ids or objects or not any(key in document for key in (*KNOWN, "type"))


def _may_be_either(document: Mapping[str, object]) -> bool:
    """Return whether an object may be one workspace, but also a map: ``{"name": "a", "x": "b"}``.

    Only an id in its own member shows that it is one workspace.
    """
    if _is_map(document) or any(str(document.get(key)).startswith("ws-") for key in IDS):
        return False
    values = document.values()
    return len(values) > 1 and all(isinstance(v, str) and ENTRY.fullmatch(v) for v in values)


def _members(values: Iterable[tuple[str, object]]) -> Iterator[tuple[str, Row]]:
    for place, value in values:
        if isinstance(value, str):
            yield place, value
            continue
        if not isinstance(value, dict):
            raise JobError(f"{place}: {shown(value)}: not {EXACT}, nor an object with {ALLOWED}")
        if value.keys() >= {"sensitive", "value"}:
            raise JobError(
                f"{place}: is one of several outputs: choose one with `terraform output -json NAME`"
            )
        # Lines from bulkops itself have a type, and not all of them are about a workspace.
        named = "type" not in value or any(value.get(key) for key in KNOWN)
        if named and value.get("selected") is not False:
            yield place, value


def _json(text: str, place: str) -> object:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise JobError(f"{place}: not JSON: nested too deeply") from None
    except (msgspec.DecodeError, UnicodeEncodeError) as problem:
        raise JobError(f"{place}: not JSON: {problem}") from None
