"""A manifest (a list of workspaces, CSV or JSON) → its rows. Pure: the caller reads the file.

The output of bulkops with ``--json`` and its JSON report are manifests, too, and so is the list or
map that ``terraform output -json NAME`` prints.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

import msgspec

from bulkops.checking import shown
from bulkops.errors import JobError
from bulkops.job.patterns import REGEX
from bulkops.text import unguarded

IDS = ("workspace_id", "id")
NAMES = ("workspace", "name", "workspace_name")
"""Columns or members to read: the first one present counts, ids before names."""

_KNOWN = (*IDS, *NAMES)
_COLUMNS = frozenset(_KNOWN)
_ALLOWED = 'a column or member "name" or "workspace", or "id" or "workspace_id"'
_EXACT = "a workspace's exact name or id"
_ENTRY = re.compile(r"[^\s,;]{1,90}")
_PATTERN = re.compile(rf"{REGEX}|.*[*?\[\]]")

_DELIMITERS = (",", ";", "\t")
# Spreadsheets write this line, and take it for no part of the table.
_SEP = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\t]*[\r\n]*', re.IGNORECASE)

_Row = str | Mapping[str, object]
"""A name or an id, or columns or members, of which one is a name or an id."""


class ListedRow(NamedTuple):
    """One row of a manifest.

    Attributes:
        entry: the workspace's id or, if the row has none, its name.
        place: the file and the line or row, for error messages.
        cells: column or member → value: the text of a CSV file, stripped, or any JSON value.
            A column that the file has twice is left out.
    """

    entry: str
    place: str
    cells: Mapping[str, object]


class Manifest(NamedTuple):
    """The content of a file that lists workspaces.

    Attributes:
        source: the file's name, for error messages.
        rows: in the file's order.
    """

    source: str
    rows: Sequence[ListedRow]

    @property
    def entries(self) -> tuple[str, ...]:
        """The names or ids that it lists, without duplicates; of a row with both, the id."""
        return tuple(dict.fromkeys(row.entry for row in self.rows))


def parse_manifest(text: str, source: str) -> Manifest:
    """Return what a file lists.

    Args:
        source: the file's name, for error messages.

    Raises:
        JobError: it is neither CSV with a header nor JSON; the message names the line and what is
            allowed.
    """
    rows = _json_rows(text, source) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text, source)
    listed = (
        ListedRow(_entry(row, place), place, {} if isinstance(row, str) else row)
        for place, row in rows
    )
    return Manifest(source, list(listed))


def _csv_rows(text: str, source: str) -> Iterator[tuple[str, _Row]]:
    lines = list(io.StringIO(text, newline=""))
    told = _SEP.fullmatch(lines[0]) if lines else None
    delimiter = told[1] if told else _delimiter(lines, source)
    table = _Table(lines, delimiter, skipped=1 if told else 0)
    try:
        header = _header(table.row(), table.start, f"{source}, line {table.number}")
        single = {name for name, number in Counter(header).items() if number == 1}
        while row := table.row():
            place = f"{source}, line {table.number}"
            if table.start.startswith("#"):
                raise _comment(place, table.start)
            if any(row[len(header) :]):
                widths = f"{len(row)} cells, the header has {len(header)}"
                raise JobError(
                    f"{place}: {widths}: list one workspace per line, and quote a cell with "
                    f"{shown(delimiter)} in it"
                )
            # A row may end early: the cells that it lacks are empty, and their columns are there.
            cells = zip(header, [*row, *[""] * (len(header) - len(row))], strict=False)
            yield place, {key: unguarded(cell.strip()) for key, cell in cells if key in single}
    except csv.Error as problem:
        raise JobError(f"{source}, line {table.number}: not CSV: {problem}") from None


class _Table:
    """The rows of a CSV file.

    Attributes:
        start: the line in which the last row starts.
    """

    def __init__(self, lines: Sequence[str], delimiter: str, skipped: int = 0) -> None:
        self.start = ""
        self._lines = lines[skipped:]
        self._skipped = skipped
        self._reader = csv.reader(
            self._lines, delimiter=delimiter, strict=True, skipinitialspace=True
        )

    def row(self) -> list[str]:
        """Return the next row that isn't blank; empty at the end. Raises ``csv.Error``.

        A spreadsheet writes an emptied row as nothing but delimiters.
        """
        before = self._reader.line_num
        for row in self._reader:
            self.start = self._lines[before].lstrip()
            if any(cell.strip() for cell in row):
                return row
            before = self._reader.line_num
        return []

    @property
    def number(self) -> int:
        """The number of the last line that was read."""
        return self._skipped + max(1, self._reader.line_num)


def _delimiter(lines: Sequence[str], source: str) -> str:
    """Return the delimiter with which the header has a column that lists workspaces."""
    headers: dict[str, list[str]] = {}
    for delimiter in _DELIMITERS:
        with suppress(csv.Error):
            headers[delimiter] = _Table(lines, delimiter).row()
    usable = {one: cells for one, cells in headers.items() if set(map(_column, cells)) & _COLUMNS}
    if any(cells != next(iter(usable.values())) for cells in usable.values()):
        raise JobError(
            f"{source}, line 1: can be read with {' and with '.join(map(shown, usable))} between "
            'the columns: put a line such as "sep=;" before it'
        )
    # If there is no such column, the message shows as many columns as there can be.
    most = max(headers, key=lambda one: len(headers[one]), default=",")
    return next(iter(usable), most)


def _column(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _header(cells: list[str], line: str, place: str) -> list[str]:
    if not cells:
        raise JobError(f"{place}: the file is empty: give {_ALLOWED}")
    if line.startswith("#") and cells[0] != "#":
        raise _comment(place, line)
    header = [_column(cell) for cell in cells]
    known = [name for name in header if name in _COLUMNS]
    if not known:
        hint = ". The first line names the columns" if len(header) == 1 else ""
        raise JobError(f"{place}: columns {shown(cells)}: give {_ALLOWED}{hint}")
    for name in known:
        if known.count(name) > 1:
            raise JobError(f"{place}: columns {shown(cells)}: {shown(name)} is there twice")
    return header


def _comment(place: str, line: str) -> JobError:
    return JobError(f"{place}: {shown(line.strip())}: a list has no comments: remove this line")


def _json_rows(text: str, source: str) -> Iterator[tuple[str, _Row]]:
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
    return ids or objects or not any(key in document for key in (*_KNOWN, "type"))


def _may_be_either(document: Mapping[str, object]) -> bool:
    """Return whether an object may be one workspace, but also a map: ``{"name": "a", "x": "b"}``.

    Only an id in its own member shows that it is one workspace.
    """
    if _is_map(document) or any(str(document.get(key)).startswith("ws-") for key in IDS):
        return False
    values = document.values()
    return len(values) > 1 and all(isinstance(v, str) and _ENTRY.fullmatch(v) for v in values)


def _members(values: Iterable[tuple[str, object]]) -> Iterator[tuple[str, _Row]]:
    for place, value in values:
        if isinstance(value, str):
            yield place, value
            continue
        if not isinstance(value, dict):
            raise JobError(f"{place}: {shown(value)}: not {_EXACT}, nor an object with {_ALLOWED}")
        if value.keys() >= {"sensitive", "value"}:
            raise JobError(
                f"{place}: is one of several outputs: choose one with `terraform output -json NAME`"
            )
        # Lines from bulkops itself have a type, and not all of them are about a workspace.
        named = "type" not in value or any(value.get(key) for key in _KNOWN)
        if named and value.get("selected") is not False:
            yield place, value


def _json(text: str, place: str) -> object:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise JobError(f"{place}: not JSON: nested too deeply") from None
    except (msgspec.DecodeError, UnicodeEncodeError) as problem:
        raise JobError(f"{place}: not JSON: {problem}") from None


def _entry(row: _Row, place: str) -> str:
    if isinstance(row, str):
        return _checked(row, place)
    for key in _KNOWN:
        value = row.get(key)
        if value not in (None, ""):
            return _checked(value, f"{place}: {key}", ids=key in IDS)
    raise JobError(f"{place}: names no workspace: give {_ALLOWED}")


def _checked(value: object, place: str, *, ids: bool = False) -> str:
    if not isinstance(value, str) or not _ENTRY.fullmatch(value) or not value.isprintable():
        raise JobError(f"{place} = {shown(value)}: not {_EXACT}")
    if _PATTERN.match(value):
        raise JobError(
            f"{place} = {shown(value)}: a pattern, not {_EXACT}: patterns belong in select.names"
        )
    if ids and not value.startswith("ws-"):
        raise JobError(f'{place} = {shown(value)}: not a workspace id, "ws-…"')
    return value
