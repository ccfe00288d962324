"""A fleet's report as one self-contained HTML file: no network, no other file. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from bulkops.fleet.report.html.summary import fleet_summary
from bulkops.fleet.report.model import FleetReport
from bulkops.fleet.report.words import fleet_verdict, sentences
from bulkops.operations import wording
from bulkops.report.html.gathered import Entry
from bulkops.report.html.page import PAGE, generated
from bulkops.report.html.rows import COLUMNS, Column, data, entries, in_order, listed

_COLUMNS = (COLUMNS[0], Column("Shard", "shard"), *COLUMNS[1:])


def document(fleet: FleetReport, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as an HTML document, in pieces.

    Args:
        only_failed: see ``bulkops.report.html.document``.
    """
    summary = fleet_summary(fleet)
    counts = Counter[str]()
    for one in fleet.shards:
        if one.report is not None:
            counts.update(listed(one.report, only_failed=only_failed))
    return generated(
        __package__,
        "fleet.html.j2",
        fleet=fleet,
        kind=wording.kinds_in_words(fleet.kind),
        one=summary,
        verdict=fleet_verdict(fleet),
        sentences=sentences(fleet, summary.noun),
        columns=_COLUMNS,
        only_failed=only_failed,
        listed=in_order(counts),
        entries=list(islice(_entries(fleet, only_failed=only_failed), PAGE)),
        data=data(_entries(fleet, only_failed=only_failed)),
    )


def _entries(fleet: FleetReport, *, only_failed: bool) -> Iterator[Entry]:
    for one in fleet.shards:
        if one.report is not None:
            yield from entries(one.report, only_failed=only_failed, shard=one.shard)
