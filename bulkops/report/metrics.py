"""The state of an execution as metrics, and as text in Prometheus' format. Pure.

Labels are few and stable: only ``bulkops_info`` has the run's id. No label is called ``job``, which
Prometheus itself uses for the scraped job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.report.model import PENDING
from bulkops.runner.activity import Activity

_SUFFIXES = {"info": "_info", "gauge": "", "counter": "_total"}


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The values of all metrics.

    Attributes:
        kind: the kind of operation; ``undo of attach`` for an undo.
        shard: of a fleet; empty for a job by itself, which has no such label.
        info: labels of ``bulkops_info`` only: version, run id, ….
        started: start of the command, in seconds since 1970.
        ended: end of the command, in seconds since 1970; ``None`` while it runs.
        exit_code: the command's exit code; ``None`` while it runs.
        counts: outcome (or ``pending``) → operations; ``None`` if there is no journal yet.
        activity: ``None`` until the first request for an operation.
    """

    job: str
    organization: str
    kind: str
    shard: str = ""
    info: Mapping[str, str]
    started: float
    ended: float | None = None
    exit_code: int | None = None
    counts: Mapping[str, int] | None = None
    activity: Activity | None = None


def counts_so_far(replay: Replay) -> dict[str, int]:
    """Return outcome (or ``pending``) → operations of a running job.

    An operation in flight counts as pending, not in doubt: its answer may still arrive.
    """
    counts = Counter({o.value: number for o, number in replay.operations.results.items()})
    counts[PENDING] = len(replay.operations) - counts.total()
    return dict(+counts)


class Measured(msgspec.Struct, frozen=True):
    """A metric of a job, with its values.

    Attributes:
        stem: its name without the suffix of its type.
        points: labels → value; none if it is unknown.
    """

    type: Literal["info", "gauge", "counter"]
    stem: str
    help_text: str
    points: Sequence[tuple[Mapping[str, str], float]]

    @property
    def name(self) -> str:
        """Its name: ``bulkops_requests_total``."""
        return self.stem + _SUFFIXES[self.type]


def measured(snapshot: Snapshot) -> Iterator[Measured]:
    """Yield every metric of a job, also those that are unknown."""
    common = {
        "job_name": snapshot.job,
        "organization": snapshot.organization,
        "kind": snapshot.kind,
        **({"shard": snapshot.shard} if snapshot.shard else {}),
    }
    counts = snapshot.counts
    help_text = "The job and its version of bulkops."
    yield Measured("info", "bulkops", help_text, [({**common, **snapshot.info}, 1.0)])
    yield Measured(
        "gauge",
        "bulkops_operations",
        "Operations of the job, by outcome.",
        [
            ({**common, "outcome": outcome}, counts.get(outcome, 0))
            for outcome in (*(outcome.value for outcome in Outcome), PENDING)
        ]
        if counts is not None
        else [],
    )
    for stem, help_text, value in _gauges(snapshot):
        yield Measured("gauge", stem, help_text, [] if value is None else [(common, value)])
    for stem, help_text, value in _counters(snapshot.activity):
        yield Measured("counter", stem, help_text, [] if value is None else [(common, value)])


def text(*snapshots: Snapshot) -> bytes:
    """Return the metrics, each with its HELP and TYPE lines; those of a fleet's shards together."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(snapshots))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families; unknown values have none."""
        found = dict[str, Metric]()
        for one in (one for snapshot in self._snapshots for one in measured(snapshot)):
            family = found.setdefault(one.stem, Metric(one.stem, one.help_text, one.type))
            for labels, value in one.points:
                family.add_sample(one.name, {**labels}, value)
        yield from (family for family in found.values() if family.samples)


def _gauges(snapshot: Snapshot) -> Iterator[tuple[str, str, float | None]]:
    started = "Start of the command, in seconds since 1970."
    ended = "End of the command, in seconds since 1970; absent while it runs."
    exit_code = "Exit code of the command; absent while it runs."
    yield "bulkops_execution_start_time_seconds", started, snapshot.started
    yield "bulkops_execution_end_time_seconds", ended, snapshot.ended
    yield "bulkops_exit_code", exit_code, snapshot.exit_code
    now = snapshot.activity
    limit = "Requests per second that the server allows; absent if it reports no limit."
    outage = "Seconds since the server stopped answering; 0 while it answers."
    yield "bulkops_in_flight", "Operations in flight.", now.in_flight if now else None
    yield "bulkops_limit_requests_per_second", limit, now.limit if now else None
    yield "bulkops_outage_seconds", outage, now.outage_seconds if now else None


def _counters(now: Activity | None) -> Iterator[tuple[str, str, int | None]]:
    refused = "Answers 429 that this execution received."
    yield "bulkops_requests", "Requests sent by this execution.", now.requests if now else None
    yield (
        "bulkops_retries",
        "Requests that this execution sent again.",
        now.retries if now else None,
    )
    yield "bulkops_refused", refused, now.refused if now else None
