"""Rows → CSV (RFC 4180) that is safe in a spreadsheet and in a terminal. Pure.

Every cell is quoted. That is not enough: a spreadsheet drops the quotes before it looks for
formulas, and one that separates columns at ``;`` ignores quotes inside a column, so that what
follows a ``;`` becomes a cell of its own.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from bulkops.text import escaped

FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001 - Excel runs them
"""Start of a cell that a spreadsheet would run as a formula; it gets a leading apostrophe."""

# Spreadsheets ignore blanks and quotes before a formula, some of them.
_RUN = re.compile(rf"(^|;)(?=[\s\"]*[{''.join(map(re.escape, FORMULA))}])")


def rows_as_csv(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    r"""Yield one line per row, each with its CR LF.

    Control characters are escaped, as in all output (``\u001b``), so no cell has a line break.
    """
    line = io.StringIO(newline="")
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    for row in rows:
        writer.writerow(map(_guarded, row))
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _guarded(text: str) -> str:
    return escaped(_RUN.sub(r"\1'", text))
