"""The rows of a manifest in CSV, as spreadsheets write it, too. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress

from bulkops.checking import shown
from bulkops.errors import JobError
from bulkops.job.listing.entries import ALLOWED, KNOWN, Row
from bulkops.text import unguarded

_DELIMITERS = (",", ";", "\t")
# Spreadsheets write this line, and take it for no part of the table.
_SEP = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\t]*[\r\n]*', re.IGNORECASE)


def csv_rows(text: str, source: str) -> Iterator[tuple[str, Row]]:
    """Yield the place of each row, and the row; raises ``JobError``."""
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
    usable = {one: cells for one, cells in headers.items() if set(map(_column, cells)) & {*KNOWN}}
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
        raise JobError(f"{place}: the file is empty: give {ALLOWED}")
    if line.startswith("#") and cells[0] != "#":
        raise _comment(place, line)
    header = [_column(cell) for cell in cells]
    known = [name for name in header if name in KNOWN]
    if not known:
        hint = ". The first line names the columns" if len(header) == 1 else ""
        raise JobError(f"{place}: columns {shown(cells)}: give {ALLOWED}{hint}")
    for name in known:
        if known.count(name) > 1:
            raise JobError(f"{place}: columns {shown(cells)}: {shown(name)} is there twice")
    return header


def _comment(place: str, line: str) -> JobError:
    return JobError(f"{place}: {shown(line.strip())}: a list has no comments: remove this line")
