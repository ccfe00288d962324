"""The text report: groups of reasons, and how long a job took."""

from __future__ import annotations

import pytest

from bulkops.journal.records import Ended, Execution, Holder, Record, Refused, Skipped, Verified
from bulkops.journal.replay import replay
from bulkops.journal.states import Outcome
from bulkops.operations.model import Target
from bulkops.report.model import report
from bulkops.report.text import document, pace
from tests.journal.samples import first
from tests.report.samples import at, everything, failed, finished, made


def execution(began: float, ended: float, *records: Record) -> list[Record]:
    """Return an execution from one second of the rollout to another."""
    by = Holder("ann", "build-7", 1, at(began))
    return [Execution(by, "1"), *records, Ended(at(ended), "complete")]


def test_alike_failures_are_one_group() -> None:
    """It has their number and the first names; ``only_failed`` lists each of them."""
    reasons = ["422 no", "409 taken", "422 no", "422 no", "422 no"]
    job = failed([f"w-{n}" for n in range(5)], reasons)
    text = "".join(document(job))
    assert text.split("\n")[5:] == [
        "  failed     4 operations:  422 no",
        "             w-0, w-2, w-3, … and 1 more (report --only failed lists all)",
        "  failed     w-1  mandatory at post_plan  409 taken  request req-1",
        "",
    ]
    every = "".join(document(job, only_failed=True)).split("\n")[5:-1]
    assert [line.split()[:2] for line in every] == [["failed", f"w-{n}"] for n in range(5)]
    assert every[2].endswith("422 no  request req-2")


def test_alike_blocked_targets_are_one_group() -> None:
    """Workspaces are counted as such."""
    skips = [Skipped(Target(f"ws-{n}", f"b-{n}"), "taken", blocked=True) for n in range(20)]
    text = "".join(document(made(1, skips=skips)))
    assert "  blocked    20 workspaces:  taken\n" in text
    assert "             b-0, b-1, b-2, … and 17 more (report --only failed lists all)\n" in text
    assert text.count("taken") == 2
    assert "".join(document(made(1, skips=skips), only_failed=True)).count("  blocked  ") == 20


def test_a_drifted_operation_is_reported_as_drifted() -> None:
    """Its outcome is still "succeeded", which would read like a contradiction."""
    text = "".join(document(everything()))
    assert "  drifted    prod-0  mandatory at post_plan  the server showed not attached\n" in text


def test_counts_agree_in_number() -> None:
    """One operation is singular."""
    done = [*finished(0, Outcome.SUCCEEDED), Verified(at(2), 1, {})]
    text = "".join(document(made(1, execution(0, 1, *done))))
    assert "  1 succeeded of 1 operation\n" in text
    assert "1 operation per second" in text
    assert "  verified: 1 of 1 operation\n" in text


def test_all_counts_have_separators() -> None:
    """Not "1200 succeeded of 1,200 operations"."""
    done = [record for n in range(1200) for record in finished(n, Outcome.SUCCEEDED)]
    text = "".join(document(made(1200, execution(0, 1, *done, Verified(at(2), 1200, {})))))
    assert "  1,200 succeeded of 1,200 operations\n" in text
    assert "  verified: 1,200 of 1,200 operations\n" in text
    assert "1200" not in text


def test_executions_are_added_up() -> None:
    """The time between two is not included; operations are those that were started."""
    done = [
        *finished(0, Outcome.SUCCEEDED),
        *finished(1, Outcome.FAILED),
        *finished(2, Outcome.SUCCEEDED),
    ]
    refused = Refused(at(1), 0.5)
    records = [*execution(0, 1.2, *done, refused), *execution(70, 71, refused)]
    assert pace(made(6, records)) == "took 2.2 s, 1 operation per second, 429s: 2"


@pytest.mark.parametrize(
    ("ended", "words"),
    [(0, "took 0 ms"), (11.84, "took 11.8 s"), (135, "took 2 min 15 s"), (5400, "took 1 h 30 min")],
)
def test_a_long_one_took_minutes(ended: float, words: str) -> None:
    """Rates below one operation per second are not reported."""
    assert pace(made(6, execution(0, ended, *finished(0, Outcome.SUCCEEDED)[:0]))) == words


def test_a_clock_set_back_took_no_time() -> None:
    """The duration is zero, not negative."""
    assert pace(made(6, execution(9, 1))) == "took 0 ms"


def test_a_report_without_dates_has_no_duration() -> None:
    """Nor has a job that was never started; a report with dates has the line."""
    assert pace(report(replay(first(2)))) == ""
    assert pace(made(2)) == ""
    lines = "".join(document(everything())).split("\n")
    assert lines[3].startswith("  took ")
    assert lines[3].endswith(", 429s: 1")
