"""The benchmark of a plan, and its documents."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.documents import workspaces_page
from benchmarks.plan import Pages, main, planning


def test_every_workspace_is_planned() -> None:
    """Half are attaches and half updates, in order of name."""
    seconds, plan = planning(Pages(250))
    assert seconds > 0
    assert plan.counts == {"attach": 125, "update": 125, "detach": 0}
    names = [operation.target.name for operation in plan.operations]
    assert names == sorted(names)


def test_a_workspace_is_as_big_as_a_real_one() -> None:
    """Each has 4 to 6 KB of JSON, with a unique id and name."""
    page = msgspec.json.decode(workspaces_page(2, 150))
    assert len(page["data"]) == 50
    assert len({one["id"] for one in page["data"]}) == 50
    assert 4000 < len(msgspec.json.encode(page["data"][0])) < 6000
    assert page["meta"]["pagination"]["total-pages"] == 2


def test_both_are_timed(capsys: pytest.CaptureFixture[str]) -> None:
    """There is a row for decoding, and one for deciding with its ratio."""
    main(["--workspaces", "120", "--runs", "1"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert float(rows[3].split("|")[3]) > 0
