"""What a reading after a lost answer means: the table of ``bulkops.runner.readback``."""

from __future__ import annotations

import pytest

from bulkops.operations.compare import Shown
from bulkops.runner import readback
from bulkops.runner.readback import Cause, Step, resolve
from tests.docstrings import rows

TABLE = rows(readback, "the server shows")
COLUMNS = {
    "lost, unsettled": (Cause.LOST, False),
    "lost, settled": (Cause.LOST, True),
    "refused": (Cause.REFUSED, True),
}


def step_of(cell: str, *, settled: bool) -> str:
    """Return the step a cell of the table names."""
    first, _, then = cell.partition(", then ")
    if then:
        return then if settled else first
    return cell.partition(":")[0]


@pytest.mark.parametrize("shown", Shown)
@pytest.mark.parametrize("column", [*COLUMNS, "answered, no echo"])
def test_each_reading_leads_where_the_table_says(shown: Shown, column: str) -> None:
    """Each cell of the table holds, settled and not where it tells the two apart."""
    header = ["lost, unsettled", "lost, settled", "refused", "answered, no echo"]
    cell = TABLE[shown.value][header.index(column)]
    cases = [COLUMNS[column]] if column in COLUMNS else [(Cause.NO_ECHO, s) for s in (False, True)]
    for cause, settled in cases:
        step = resolve(shown, cause, lost_before=cause is Cause.LOST, settled=settled, old=False)
        expected = step_of(cell, settled=settled).lower()
        assert step.value == expected


@pytest.mark.parametrize("settled", [False, True])
def test_refused_after_a_loss_may_be_our_own_doing(*, settled: bool) -> None:
    """A refusal after a lost answer adopts what is as wanted as ours: the lost one did it."""
    step = resolve(Shown.WANTED, Cause.REFUSED, lost_before=True, settled=settled, old=False)
    assert step is Step.ADOPT


@pytest.mark.parametrize("lost_before", [False, True])
@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("shown", Shown)
def test_a_reading_that_may_be_from_before_the_plan_says_little(
    shown: Shown, cause: Cause, *, lost_before: bool
) -> None:
    """It is believed only where it shows what the operation was planned from."""
    step = resolve(shown, cause, lost_before=lost_before, settled=False, old=True)
    refused = cause is Cause.REFUSED and shown is Shown.BEFORE
    assert step is (Step.FAIL if refused else Step.WAIT)


def test_the_rows_are_all_there_is() -> None:
    """Whatever a server shows is one of the table's rows."""
    assert list(TABLE) == [shown.value for shown in Shown]
