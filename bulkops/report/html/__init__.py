"""The report as one self-contained HTML file: no network, no other file. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from bulkops.report.html.page import PAGE, generated
from bulkops.report.html.rows import COLUMNS, data, entries, in_order, listed
from bulkops.report.html.summary import summary
from bulkops.report.model import Report


def document(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as an HTML document, in pieces.

    Args:
        only_failed: list only what failed, drifted, is in conflict, in doubt or blocked; totals
            and charts still cover everything.
    """
    return generated(
        __package__,
        "report.html.j2",
        one=summary(report),
        columns=COLUMNS,
        only_failed=only_failed,
        listed=in_order(listed(report, only_failed=only_failed)),
        entries=list(islice(entries(report, only_failed=only_failed), PAGE)),
        data=data(entries(report, only_failed=only_failed)),
    )
