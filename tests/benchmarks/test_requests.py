"""The exact number of requests of a rollout."""

from __future__ import annotations

from math import ceil

import pytest

from benchmarks.requests import counted, main

LOOKED_UP = 3
"""The requests per plan for the server's limit, the run task and the entitlements."""


@pytest.mark.parametrize(("workspaces", "attached"), [(1, 0), (100, 40), (101, 100), (330, 210)])
def test_a_rollout_reads_pages_and_writes_each_workspace_once(
    workspaces: int, attached: int
) -> None:
    """Plan reads both lists, apply the attachments before and after, verify them once."""
    counts = counted(workspaces, attached)
    before, after = max(ceil(attached / 100), 1), ceil(workspaces / 100)
    assert counts.plan == LOOKED_UP + ceil(workspaces / 100) + before
    assert counts.writes == workspaces - attached
    assert counts.apply == 1 + before + counts.writes + after
    assert counts.verify == 1 + after
    assert counts.total <= counts.writes + 4 * counts.pages + LOOKED_UP + 2


def test_the_table_has_the_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """One row per organization, whose last column compares it with a simple loop."""
    main(["--workspaces", "10"])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert rows == [
        "| 10 | 0 | 5 | 13 | 2 | 10 | 1.000 |",
        "| 10 | 5 | 5 | 8 | 2 | 5 | 0.750 |",
    ]
