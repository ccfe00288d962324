"""A server that is down ends a run soon; one that fails now and then does not."""

from __future__ import annotations

from bulkops.client.retry_budget import EARNED, MOST, RetryBudget


def test_so_many_failures_in_a_row_are_borne() -> None:
    """The last failure borne spends it."""
    budget = RetryBudget()
    for _ in range(int(MOST) - 1):
        budget.failed()
    assert not budget.spent
    budget.failed()
    assert budget.spent


def test_a_failure_now_and_then_is_borne_for_ever() -> None:
    """Answers earn back what failures took, as long as there are ten to one."""
    budget = RetryBudget()
    for _ in range(1000):
        budget.failed()
        for _ in range(round(1 / EARNED)):
            budget.answered()
    assert not budget.spent


def test_answers_are_not_saved_up() -> None:
    """However well a run went so far, a server that goes down ends it as soon."""
    budget = RetryBudget()
    for _ in range(10_000):
        budget.answered()
    for _ in range(int(MOST)):
        budget.failed()
    assert budget.spent
