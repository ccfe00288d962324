"""The table of ``bulkops.runner.readback``: readings after a write."""

from __future__ import annotations

import pytest

from bulkops.operations.compare import Shown
from bulkops.runner import readback
from bulkops.runner.readback import LOSSES, Cause, Readings, Row, Step, Unobserved, resolve
from tests.docstrings import rows

TABLE = rows(readback, "shows")
COLUMNS = next(line for line in (readback.__doc__ or "").splitlines() if line.startswith("| shows"))
ROWS: tuple[Row, ...] = (*Shown, *Unobserved)
SETTLE = 10.0


def step_in(cell: str, *, settled: bool, old: bool) -> Step:
    """Return the step that a cell of the table names."""
    waits, _, step = cell.rpartition("; ")
    if waits and not settled:
        return Step.SETTLE
    if step.endswith("*") and old:
        return Step.AGE
    return Step(step.removesuffix("*").lower())


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("column", range(len(Cause)))
@pytest.mark.parametrize("row", ROWS)
def test_each_reading_leads_to_the_step_of_the_table(
    row: Row, column: int, *, settled: bool, old: bool
) -> None:
    """Each cell, settled or not, old or not."""
    cause, cell = list(Cause)[column], TABLE[row.value][column]
    assert resolve(row, cause, settled=settled, old=old) is step_in(cell, settled=settled, old=old)


def test_the_table_has_all_rows_and_columns() -> None:
    """Every possible reading is a row, every cause a column."""
    assert list(TABLE) == [row.value for row in ROWS]
    assert [name.strip() for name in COLUMNS.split("|")[2:-1]] == [cause.value for cause in Cause]


@pytest.mark.parametrize(
    ("cause", "losses", "column"),
    [
        (Cause.LOST, LOSSES - 1, Cause.LOST),
        (Cause.LOST, LOSSES, Cause.LAST_LOSS),
        (Cause.REFUSED, 0, Cause.REFUSED),
        (Cause.REFUSED, 1, Cause.REFUSED_AFTER_LOSS),
        (Cause.NO_ECHO, LOSSES, Cause.NO_ECHO),
    ],
)
def test_earlier_losses_choose_the_column(cause: Cause, losses: int, column: Cause) -> None:
    """A refusal after a loss may be due to this job, and the number of losses is limited."""
    assert cause.after(losses) is column


def readings(cause: Cause = Cause.LOST, *, old_until: float = 0.0) -> Readings:
    """Return the readings after an answer that was lost at 100 s."""
    return Readings(cause, since=100.0, old_until=old_until, settle=SETTLE)


def test_a_loss_has_settled_when_a_reading_starts_settle_later() -> None:
    """Until then the target is read again at that time."""
    target = readings()
    assert target.resolve(Shown.BEFORE, 100.0, 100.0) == (Step.SETTLE, 10.0)
    assert target.resolve(Shown.OTHER, 104.0, 104.0) == (Step.SETTLE, 6.0)
    assert target.resolve(Shown.BEFORE, 110.0, 110.0)[0] is Step.SEND


def test_only_consecutive_denials_count() -> None:
    """A reading that shows anything starts the count again."""
    target = readings()
    assert target.resolve(Unobserved.DENIED, 109.0, 109.0) == (Step.SETTLE, 10.0)
    assert target.resolve(Unobserved.DENIED, 118.0, 118.0) == (Step.SETTLE, 1.0)
    assert target.resolve(Shown.BEFORE, 109.5, 109.5) == (Step.SETTLE, 0.5)
    assert target.resolve(Unobserved.DENIED, 119.0, 119.0) == (Step.SETTLE, 10.0)
    assert target.resolve(Unobserved.DENIED, 129.0, 129.0)[0] is Step.UNOBSERVED


def test_a_denial_counts_from_its_answer() -> None:
    """A reading may be repeated for a minute before it is denied."""
    target = readings()
    assert target.resolve(Unobserved.DENIED, 101.0, 160.0) == (Step.SETTLE, 10.0)
    assert target.resolve(Unobserved.DENIED, 164.0, 164.1)[0] is Step.SETTLE
    assert target.resolve(Unobserved.DENIED, 170.0, 170.1)[0] is Step.UNOBSERVED


def test_an_old_reading_is_repeated_later() -> None:
    """Also after a refusal, which otherwise decides immediately."""
    for cause in (Cause.LOST, Cause.REFUSED, Cause.NO_ECHO):
        target = readings(cause, old_until=103.0)
        assert target.resolve(Shown.DESIRED, 101.0, 101.0) == (Step.AGE, 2.0)
        assert target.resolve(Shown.DESIRED, 103.0, 103.0)[0] in (Step.ADOPT, Step.LEAVE)


def test_early_readings_come_at_growing_intervals() -> None:
    """At 0.5, 1, 2, 4 and 8 s after the loss."""
    target, at = readings(), 100.0
    looks = list[float]()
    while at < 110.0:
        at = target.next_look(at)
        looks.append(at)
    assert looks == [100.5, 101.0, 102.0, 104.0, 108.0, 116.0]


def test_no_early_reading_is_old() -> None:
    """It would prove nothing."""
    target = readings(old_until=103.0)
    assert target.next_look(100.0) == 103.0
    assert target.next_look(103.0) == 104.0
