"""The benchmark of fleets at a tiny size: what it counts, not how fast it is."""

from __future__ import annotations

import sys

import pytest

from benchmarks import fleet
from benchmarks.case import RATE
from benchmarks.fleet import Figures
from benchmarks.fleet_server import Count, Counted, Organizations

NAMES = ["org-000", "org-001"]
AT_FULL_RATE = Counted(requests=40, writes=RATE + 1, first=1.0, last=2.0)


@pytest.mark.skipif(sys.platform == "win32", reason="no os.wait4")
def test_a_fleet_writes_each_workspace_of_each_organization() -> None:
    """The rollout completes, and the server has counted every organization's writes."""
    figures = fleet.applied(2, 3, "sliding")
    assert list(figures.counted.organizations) == NAMES
    assert [one.writes for one in figures.organizations] == [3, 3]
    assert figures.cpu > 0
    assert figures.rate > 0


def test_the_server_limits_each_token() -> None:
    """A request beyond a token's limit gets a 429; another token's limit is its own."""
    organizations = Organizations(NAMES, 1, "sliding", clock=lambda: 7.0)

    def status(token: str) -> int:
        head = f"GET /api/v2/ping HTTP/1.1\r\nAuthorization: Bearer {token}".encode()
        return organizations.answer(head, "GET", "/api/v2/ping", 1, b"").status

    assert [status(NAMES[0]) for _ in range(RATE + 1)] == [204] * RATE + [429]
    assert (status(NAMES[1]), status("unknown")) == (204, 401)
    first, second = organizations.count().organizations.values()
    assert (first.requests, first.refused) == (RATE + 1, 1)
    assert (second.requests, second.refused) == (1, 0)


def test_a_fleet_keeps_up_if_each_organization_does() -> None:
    """Use is from the first to the last write; a 429 counts as not keeping up."""
    slow = Counted(requests=40, writes=RATE + 1, first=1.0, last=2.1)
    refused = Counted(requests=41, refused=1, writes=RATE + 1, first=1.0, last=2.0)
    assert AT_FULL_RATE.use == pytest.approx(1.0)
    assert slow.use == pytest.approx(1 / 1.1)
    assert Counted(writes=1).use == 0
    for other, keep_up in ((AT_FULL_RATE, True), (slow, False), (refused, False)):
        count = Count(0.0, {"a": AT_FULL_RATE, "b": other})
        assert Figures(1.0, 1.0, count).keep_up is keep_up


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="no os.wait4")
def test_fleet_prints_a_row_per_number(capsys: pytest.CaptureFixture[str]) -> None:
    """There is a row for each number of organizations."""
    fleet.main(["--organizations", "1", "2", "--seconds", "0.2"])
    rows = [
        line for line in capsys.readouterr().out.splitlines() if line.endswith(("yes |", "no |"))
    ]
    assert [row.split(" | ")[0] for row in rows] == ["| 1", "| 2"]
