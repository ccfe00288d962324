"""Lookup by name or id: the one that matches, or an error that lists what exists."""

from __future__ import annotations

import pytest

from bulkops.api.organizations import Project
from bulkops.errors import JobError, ServerBroken
from bulkops.inventory.named import MOST_NAMES, NEAREST, offered, the_one

SCAN, LINT = Project("task-1", "scan"), Project("task-2", "lint")


def test_a_name_or_an_id_finds_one() -> None:
    """A run task is found by its name and by its id."""
    assert the_one([SCAN, LINT], "lint", "run task", "acme") is LINT
    assert the_one([SCAN, LINT], "task-1", "run task", "acme") is SCAN


def test_a_missing_one_may_be_invisible_to_the_token() -> None:
    """The error names both causes, the place, and what this token sees."""
    with pytest.raises(JobError) as refused:
        the_one([SCAN, LINT], "scam", "run task", "acme", "job.toml: operation.task")
    assert str(refused.value) == (
        'job.toml: operation.task = "scam": no such run task in acme, or this token can\'t see it; '
        "it sees: lint, scan"
    )
    with pytest.raises(JobError, match=r"^\"scam\": no such .* or this token can't see it$"):
        the_one(list[Project](), "scam", "run task", "acme")


def test_an_ambiguous_name_is_an_error() -> None:
    """The error lists the ids."""
    with pytest.raises(JobError, match=r"2 run tasks have this name: .*\(task-1, task-3\)"):
        the_one([SCAN, Project("task-3", "scan")], "scan", "run task", "acme")


def test_of_many_names_the_nearest_are_offered() -> None:
    """The error counts the others; if none is near, it lists the first ones."""
    names = [f"prod-app-{number:03}" for number in range(MOST_NAMES + 1)]
    nearest = offered("prod-app-7", names)
    assert "prod-app-007" in nearest
    assert nearest.endswith(f", … ({MOST_NAMES + 1 - NEAREST} more)")
    assert offered("xyz", names).startswith("prod-app-000, prod-app-001, ")


def test_one_whose_name_can_not_be_read_may_be_the_one() -> None:
    """It matters only if no other has this name."""
    nameless = Project("task-3", "", {"name": "7"})
    assert the_one([nameless, LINT], "lint", "run task", "acme") is LINT
    with pytest.raises(
        ServerBroken, match="task-3 may be this run task: the server shows name = 7, which can't be"
    ):
        the_one([nameless, LINT], "scan", "run task", "acme")
