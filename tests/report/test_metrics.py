"""The state of an execution as Prometheus reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from bulkops.journal.records import Execution, Intent
from bulkops.journal.replay import replay as replayed
from bulkops.journal.states import Outcome
from bulkops.report.metrics import Snapshot, counts_so_far, text
from bulkops.runner.activity import Activity
from tests.journal.samples import HOLDER, first
from tests.report.samples import KEY, at, finished, texts

ACTIVITY = Activity(
    in_flight=3,
    waiting=1,
    requests=40,
    retries=4,
    refused=2,
    limit=30.0,
    others_rate=0.0,
    pause_seconds=0.0,
)
SNAPSHOT = Snapshot(
    job="scan",
    organization="acme",
    kind="attach",
    info={"version": "1.2.3", "run_id": "bulkops-1"},
    started=1000.5,
    ended=1010.0,
    exit_code=3,
    counts={"succeeded": 5, "failed": 1},
    activity=ACTIVITY,
)
COMMON = {"job_name": "scan", "organization": "acme", "kind": "attach"}

Samples = dict[tuple[str, str], float]


def samples(snapshot: Snapshot) -> Samples:
    """Return name and outcome → value, after checking each family's HELP, TYPE and labels."""
    printed = text(snapshot).decode()
    values: Samples = {}
    for family in text_string_to_metric_families(printed):
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert f"# HELP {sample.name} {family.documentation}" in printed
            kind = "counter" if sample.name.endswith("_total") else "gauge"
            assert f"# TYPE {sample.name} {kind}" in printed
            common = {name: sample.labels[name] for name in COMMON}
            assert common == {
                "job_name": snapshot.job,
                "organization": snapshot.organization,
                "kind": snapshot.kind,
            }
            rest = set(sample.labels) - set(COMMON)
            assert rest in (set(), {"outcome"}) or sample.name == "bulkops_info"
            values[sample.name, sample.labels.get("outcome", "")] = sample.value
    return values


def test_an_ended_execution_has_all_metrics() -> None:
    """Every outcome has a value, even 0; counters end with ``_total``."""
    assert samples(SNAPSHOT) == {
        ("bulkops_info", ""): 1,
        ("bulkops_operations", "succeeded"): 5,
        ("bulkops_operations", "skipped"): 0,
        ("bulkops_operations", "failed"): 1,
        ("bulkops_operations", "conflict"): 0,
        ("bulkops_operations", "in_doubt"): 0,
        ("bulkops_operations", "pending"): 0,
        ("bulkops_execution_start_time_seconds", ""): 1000.5,
        ("bulkops_execution_end_time_seconds", ""): 1010,
        ("bulkops_exit_code", ""): 3,
        ("bulkops_in_flight", ""): 3,
        ("bulkops_limit_requests_per_second", ""): 30,
        ("bulkops_requests_total", ""): 40,
        ("bulkops_retries_total", ""): 4,
        ("bulkops_refused_total", ""): 2,
        ("bulkops_outage_seconds", ""): 0,
    }


def test_only_the_info_metric_has_the_run_id() -> None:
    """So a new run or version does not start new time series."""
    families = text_string_to_metric_families(text(SNAPSHOT).decode())
    (info,) = (family for family in families if family.name == "bulkops_info")
    assert info.samples[0].labels == {**COMMON, "version": "1.2.3", "run_id": "bulkops-1"}


def test_unknown_values_are_absent() -> None:
    """A running execution has no end and no exit code, and at first no counts."""
    running = {name for name, _ in samples(replace(SNAPSHOT, ended=None, exit_code=None))}
    assert running.isdisjoint({"bulkops_execution_end_time_seconds", "bulkops_exit_code"})
    boundless = replace(SNAPSHOT, activity=replace(ACTIVITY, limit=None))
    assert ("bulkops_limit_requests_per_second", "") not in samples(boundless)
    beginning = replace(SNAPSHOT, ended=None, exit_code=None, counts=None, activity=None)
    assert {name for name, _ in samples(beginning)} == {
        "bulkops_info",
        "bulkops_execution_start_time_seconds",
    }


@given(texts)
def test_a_job_may_have_any_printable_name(name: str) -> None:
    """The label is read back unchanged."""
    if name.isprintable():
        assert samples(replace(SNAPSHOT, job=name))


def test_an_operation_in_flight_is_pending() -> None:
    """Only a result can make it in doubt."""
    records = [
        *first(4),
        Execution(HOLDER, "1"),
        *finished(0, Outcome.SUCCEEDED),
        *finished(1, Outcome.IN_DOUBT),
        Intent(KEY % 2, at(1)),
    ]
    counts = counts_so_far(replayed(records))
    assert counts == {"succeeded": 1, "in_doubt": 1, "pending": 2}
    assert pytest.approx(sum(counts.values())) == 4
