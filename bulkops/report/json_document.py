"""The report as one JSON document. Pure."""

from __future__ import annotations

import msgspec

from bulkops.outcome import TROUBLE
from bulkops.report.model import Report


def document(report: Report, *, only_failed: bool = False) -> str:
    """Return ``{"run_id": …, "counts": …, "rows": […], "skipped": […]}``, indented."""
    if only_failed:
        rows = [row for row in report.rows if row.outcome in TROUBLE]
        report = msgspec.structs.replace(report, rows=rows, skipped=[])
    return msgspec.json.format(msgspec.json.encode(report)).decode() + "\n"
