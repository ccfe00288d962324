"""Rows → CSV (RFC 4180) that is safe in a spreadsheet and in a terminal. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from bulkops.text import escaped

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Start of a cell that a spreadsheet would run as a formula; it gets a leading apostrophe."""


def rows_as_csv(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    r"""Yield one line per row, each with its CR LF.

    Control characters are escaped, as in all output (``\u001b``), so no cell has a line break.
    """
    line = io.StringIO(newline="")
    writer = csv.writer(line)
    for row in rows:
        writer.writerow(map(_guarded, row))
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _guarded(text: str) -> str:
    return escaped(f"'{text}" if text.startswith(FORMULA) else text)
