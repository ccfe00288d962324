"""How long a job took, as the text report says it."""

from __future__ import annotations

import pytest

from bulkops.journal.records import Ended, Execution, Holder, Record, Refused
from bulkops.journal.replay import replay
from bulkops.journal.states import Outcome
from bulkops.report.model import report
from bulkops.report.text import document, pace
from tests.journal.samples import first
from tests.report.samples import at, everything, made, said


def execution(began: float, ended: float, *records: Record) -> list[Record]:
    """Return an execution that began and ended so many seconds into the rollout."""
    by = Holder("ann", "build-7", 1, at(began))
    return [Execution(by, "1"), *records, Ended(at(ended), "complete")]


def test_executions_are_added_up() -> None:
    """What is between two is no part of it; operations are those that were taken up."""
    done = [*said(0, Outcome.SUCCEEDED), *said(1, Outcome.FAILED), *said(2, Outcome.SUCCEEDED)]
    refused = Refused(at(1), 0.5)
    records = [*execution(0, 1.2, *done, refused), *execution(70, 71, refused)]
    assert pace(made(6, records)) == "took 2.2 s, 1 operations a second, 429s: 2"


@pytest.mark.parametrize(
    ("ended", "words"),
    [(0, "took 0 ms"), (11.84, "took 11.8 s"), (135, "took 2 min 15 s"), (5400, "took 1 h 30 min")],
)
def test_a_long_one_took_minutes(ended: float, words: str) -> None:
    """And where it was slower than an operation a second nobody is told how slow."""
    assert pace(made(6, execution(0, ended, *said(0, Outcome.SUCCEEDED)[:0]))) == words


def test_a_clock_set_back_took_no_time() -> None:
    """Not less than none."""
    assert pace(made(6, execution(9, 1))) == "took 0 ms"


def test_what_was_not_read_for_its_dates_says_none() -> None:
    """Nor what was never started; the report has the line where there is one."""
    assert pace(report(replay(first(2)))) == ""
    assert pace(made(2)) == ""
    lines = "".join(document(everything())).split("\n")
    assert lines[3].startswith("  took ")
    assert lines[3].endswith(", 429s: 1")
