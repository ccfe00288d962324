"""A fleet's report as CSV: the lines of all shards, with the shard in the first column. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from bulkops.fleet.report.model import FleetReport
from bulkops.report.csv_lines import rows_as_csv
from bulkops.report.csv_table import COLUMNS, cells


def document(fleet: FleetReport, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as CSV, line by line; see ``bulkops.report.csv_table``."""
    rows = (
        [one.shard, *row]
        for one in fleet.shards
        if one.report is not None
        for row in cells(one.report, only_failed=only_failed)
    )
    return rows_as_csv(chain([["shard", *COLUMNS]], rows))
