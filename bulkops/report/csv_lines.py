"""Rows → CSV (RFC 4180) that is safe in a spreadsheet and in a terminal. Pure.

Every cell is quoted. That is not enough: a spreadsheet drops the quotes before it looks for
formulas, and one that separates columns at ``;`` ignores quotes inside a column, so that what
follows a ``;`` becomes a cell of its own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from bulkops.text import escaped, guarded


def rows_as_csv(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    r"""Yield one line per row, each with its CR LF.

    Control characters are escaped, as in all output (``\u001b``), so no cell has a line break.
    """
    line = io.StringIO(newline="")
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    for row in rows:
        writer.writerow(escaped(guarded(cell)) for cell in row)
        yield line.getvalue()
        line.seek(0)
        line.truncate()
