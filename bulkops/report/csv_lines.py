"""Rows → CSV by RFC 4180, safe to open in a spreadsheet and to ``cat``. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from bulkops.text import escaped

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet: it gets an apostrophe in front."""


def rows_as_csv(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    r"""Yield a line a row, each with its CR LF.

    What a terminal would obey is spelled as everywhere, ``\u001b``; so no cell has a line end.
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
