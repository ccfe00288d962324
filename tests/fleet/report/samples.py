"""Sample reports of fleets: shards of every kind, hostile texts, any size."""

from __future__ import annotations

from msgspec.structs import replace

from bulkops.fleet.report.html import document
from bulkops.fleet.report.model import FleetReport, ShardReport
from bulkops.fleet.waves import State
from bulkops.report.model import Report
from tests.report.html.samples import HOSTILE, hostile, many, of_every_outcome, staged

GONE = "job.toml: there is no run task security-scan,\nor this token can't see it"


def shard(name: str, report: Report | None = None, **more: object) -> ShardReport:
    """Return the report of a shard, done unless ``more`` says otherwise."""
    journal = f".bulkops/nightly/{name}/scan/1.jsonl" if report is not None else ""
    known = ShardReport(
        shard=name, organization=name, state=State.DONE, journal=journal, report=report
    )
    return replace(known, **more)


def fleet(*shards: ShardReport) -> FleetReport:
    """Return the report of a fleet in three waves."""
    return FleetReport(
        fleet="nightly", job="scan", kind="attach", task="security-scan", waves=3, shards=shards
    )


def of_every_state() -> FleetReport:
    """Return a fleet with a shard of every kind; that with every outcome is ``acme-eu``."""
    return fleet(
        shard("acme-canary", replace(many(12), organization="acme-canary")),
        shard("acme-eu", of_every_outcome(), state=State.FAILED),
        shard("acme-gone", state=State.FAILED, problem=GONE),
        shard("acme-later", state=State.NOT_BEGUN),
        shard("acme-staged", staged(300)),
    )


def hostile_fleet() -> FleetReport:
    """Return a fleet whose texts are all hostile, except for the shards' names."""
    shards = (
        shard("acme-1", hostile(), organization=HOSTILE[1], journal=HOSTILE[2]),
        shard("acme-2", organization=HOSTILE[0], problem="\n".join(HOSTILE), state=State.FAILED),
    )
    return replace(
        fleet(*shards), fleet=HOSTILE[0], job=HOSTILE[1], task=HOSTILE[3], stopped=HOSTILE[2]
    )


def large(shards: int, operations: int) -> FleetReport:
    """Return a fleet of that many shards and operations each; one in a hundred failed."""
    report = many(operations)
    return fleet(*(shard(f"acme-{number:03}", report) for number in range(shards)))


def page(report: FleetReport, *, only_failed: bool = False) -> str:
    """Return the page of a fleet."""
    return "".join(document(report, only_failed=only_failed))
