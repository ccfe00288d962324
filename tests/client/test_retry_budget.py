"""A failing server ends a run soon; occasional failures don't."""

from __future__ import annotations

import pytest

from bulkops.client.retry_budget import EARNED, MOST, RetryBudget
from bulkops.errors import RetriesSpent, ServerBroken

BROKEN = ServerBroken("500 broken")


def test_a_number_of_failures_in_a_row_is_tolerated() -> None:
    """The last tolerated failure uses up the budget."""
    budget = RetryBudget()
    for _ in range(int(MOST) - 1):
        budget.failed(BROKEN)
    budget.check()
    budget.failed(BROKEN)
    with pytest.raises(RetriesSpent, match="500 broken"):
        budget.check()


def test_a_spent_budget_remains_spent() -> None:
    """Answers to what was in flight restore nothing, and later errors don't replace the first."""
    budget = RetryBudget()
    for _ in range(int(MOST)):
        budget.failed(BROKEN)
    budget.answered()
    budget.failed(ServerBroken("502 later"))
    for _ in range(100):
        budget.answered()
    with pytest.raises(RetriesSpent, match="500 broken"):
        budget.check()


def test_occasional_failures_are_tolerated_forever() -> None:
    """With at least ten answers per failure, the budget lasts forever."""
    budget = RetryBudget()
    for _ in range(1000):
        budget.failed(BROKEN)
        for _ in range(round(1 / EARNED)):
            budget.answered()
    budget.check()


def test_answers_are_not_saved_up() -> None:
    """A successful run so far doesn't increase the budget."""
    budget = RetryBudget()
    for _ in range(10_000):
        budget.answered()
    for _ in range(int(MOST)):
        budget.failed(BROKEN)
    with pytest.raises(RetriesSpent):
        budget.check()
