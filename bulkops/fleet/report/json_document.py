"""A fleet's report as one JSON document. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bulkops.fleet.report.model import FleetReport, ShardReport
from bulkops.report.json_document import facts, formatted, listed


def document(fleet: FleetReport, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as indented JSON, in pieces.

    ``{"fleet": …, "counts": …, "shards": [{"shard": …, "state": …, …}], "rows": [{"shard": …, …}],
    "skipped": […]}``; ``counts`` is over all shards.
    """
    head = {"fleet": fleet.fleet, "job": fleet.job, "counts": fleet.counts}
    yield formatted(head).removesuffix("\n}")
    yield from listed("shards", map(_shard, fleet.shards))
    rows = (
        (one.shard, row)
        for one in fleet.shards
        for row in (one.report.rows if one.report else ())
        if not only_failed or row.troubled
    )
    skipped = (
        (one.shard, row)
        for one in fleet.shards
        for row in (one.report.skipped if one.report and not only_failed else ())
    )
    yield from listed("rows", (_of_shard(*row) for row in rows))
    yield from listed("skipped", (_of_shard(*row) for row in skipped))
    yield "\n}\n"


def _shard(one: ShardReport) -> dict[str, object]:
    known: dict[str, object] = {
        "shard": one.shard,
        "organization": one.organization,
        "state": one.state_name,
    }
    known |= {"journal": one.journal, "problem": one.problem}
    known |= {"blocked": one.blocked, "exit_code": one.exit_code}
    return {**known, **(facts(one.report) if one.report else {})}


def _of_shard(name: str, row: object) -> dict[str, object]:
    return {"shard": name, **msgspec.to_builtins(row)}
