"""A failing server ends a run soon; occasional failures don't."""

from __future__ import annotations

from bulkops.client.retry_budget import EARNED, MOST, RetryBudget


def test_a_number_of_failures_in_a_row_is_tolerated() -> None:
    """The last tolerated failure uses up the budget."""
    budget = RetryBudget()
    for _ in range(int(MOST) - 1):
        budget.failed()
    assert not budget.spent
    budget.failed()
    assert budget.spent


def test_occasional_failures_are_tolerated_forever() -> None:
    """With at least ten answers per failure, the budget lasts forever."""
    budget = RetryBudget()
    for _ in range(1000):
        budget.failed()
        for _ in range(round(1 / EARNED)):
            budget.answered()
    assert not budget.spent


def test_answers_are_not_saved_up() -> None:
    """A successful run so far doesn't increase the budget."""
    budget = RetryBudget()
    for _ in range(10_000):
        budget.answered()
    for _ in range(int(MOST)):
        budget.failed()
    assert budget.spent
