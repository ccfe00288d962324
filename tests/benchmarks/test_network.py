"""The network benchmarks at a tiny size: what they count, not how fast they are."""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from random import Random

import anyio
import pytest

from benchmarks import engine, limit, pacings, sockets, virtual
from benchmarks.case import RATE, Case, Figures
from benchmarks.sampler import Sampler
from bulkops.api.messages import Request, Response
from tests import virtual_time

pytestmark = pytest.mark.long

TINY = Case(pacing="bulkops", window="sliding", latency=0.05, jitter=0.01, seconds=2.0)


def _of(pacing: str, seconds: float = 2.0, other: int = 0) -> Case:
    return Case(
        pacing=pacing, window="fixed", latency=0.05, jitter=0.01, seconds=seconds, other=other
    )


def test_a_case_in_virtual_time_is_exact() -> None:
    """In virtual time, the same case gives the same figures and includes every write."""
    figures = virtual.measured(TINY)
    assert figures == virtual.measured(TINY)
    assert figures.writes == TINY.writes == 2 * RATE + 1


def test_use_is_what_the_server_saw() -> None:
    """Use counts the intervals between writes, against the limit left by the other client."""
    case = _of("go-tfe", other=10)
    figures = virtual.measured(case)
    assert case.left == 20
    assert figures.use == pytest.approx((figures.writes - 1) / figures.seconds / 20)


def test_bad_pacing_gets_429s_and_still_completes() -> None:
    """A burst of a second's requests gets 429s, and the refused ones are sent again."""
    figures = virtual.measured(_of("aiolimiter", seconds=3.0, other=10))
    assert figures.refused > 0.1
    assert figures.writes == 61


def test_go_tfe_is_paced_as_its_source_says() -> None:
    """First a third of the limit in a burst, ten in parallel, then two thirds of it evenly."""
    left: list[float] = []

    async def send(_request: Request) -> Response:
        left.append(anyio.current_time())
        return Response(201)

    async def run() -> None:
        await pacings.go_tfe(send, [Request("POST", "/")] * 20, 30.0, Random(0))

    virtual_time.run(run)
    assert sum(at < 0.01 for at in left) == 9
    gaps = [later - earlier for earlier, later in pairwise(left[9:])]
    assert gaps == pytest.approx([1 / 19.8] * len(gaps), rel=0.01)


def test_go_tfe_bypasses_its_limiter_after_a_429() -> None:
    """A refused request waits for the reset and jitter, but not for a token of the bucket."""
    left: list[float] = []

    async def send(_request: Request) -> Response:
        left.append(anyio.current_time())
        return Response(201 if len(left) > 1 else 429, {"x-ratelimit-reset": "0.500"})

    async def run() -> None:
        await pacings.go_tfe(send, [Request("POST", "/")], 30.0, Random(0))

    virtual_time.run(run)
    assert 0.5 <= left[1] - left[0] <= 0.81


def test_limit_prints_a_row_per_case(capsys: pytest.CaptureFixture[str]) -> None:
    """There are six cases per window: three latencies, high jitter, stalls, another client."""
    limit.main(["--virtual", "--seconds", "1", "--runs", "2", "--pacing", "bulkops"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| bulkops")]
    assert len(rows) == 12
    assert all(" to " in row for row in rows)


@pytest.mark.parametrize("pacing", ["bulkops", "pytfe"])
def test_a_case_over_sockets(pacing: str) -> None:
    """Over sockets, the figures come from a simulator in a separate process."""
    case = _of(pacing, seconds=0.5)
    figures = sockets.measured(case)
    assert isinstance(figures, Figures)
    assert 2 <= figures.writes <= case.writes


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop, and a timer of CPU time")
def test_engine_measures_every_client(capsys: pytest.CaptureFixture[str]) -> None:
    """Every client sends its operations in a process of its own."""
    engine.main(["--operations", "20", "--runs", "1"])
    printed = capsys.readouterr().out
    for client, loop in engine.CLIENTS:
        assert f"| {client} | {loop} |" in printed
    assert "The CPU time of bulkops, from" in printed


@pytest.mark.skipif(sys.platform == "win32", reason="no timer of CPU time")
def test_a_sampler_finds_the_busy_function() -> None:
    """Samples count for the innermost function of the given package."""
    sampler = Sampler("tests.")
    with sampler.sampling():
        _burn(0.3)
    assert [name.rpartition(".")[2] for name in sampler.callers] == ["_burn"]


def _burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
