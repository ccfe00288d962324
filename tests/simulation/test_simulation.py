"""Whole runs: the default seeds, what they must have met, and that a seed determines a run."""

from __future__ import annotations

import fcntl
import os
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from bulkops.journal.lines import frame
from bulkops.journal.records import Intent, Record, Result, encode
from bulkops.journal.states import Outcome
from bulkops.operations.model import Operation, Target
from tests.simulation import batch
from tests.simulation.__main__ import main
from tests.simulation.invariants import Violation
from tests.simulation.leaving import was_in_doubt
from tests.simulation.met import ENOUGH, MET, unmet
from tests.simulation.run import simulate

BATCHES = 4
SEEDS = ENOUGH // BATCHES
"""The gate's own step runs 2,000."""


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test run, the same in every process of it."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.mark.long
@pytest.mark.parametrize("number", range(BATCHES))
def test_the_default_seeds(number: int, shared: Path) -> None:
    """Every invariant holds in every run, and together they met every situation."""
    met = batch.run(number * SEEDS, SEEDS)
    with (shared / "simulation.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (shared / f"simulation-{number}.json").write_bytes(msgspec.json.encode(met))
        files = list(shared.glob("simulation-*.json"))
        if len(files) < BATCHES:
            return
        counts = [msgspec.json.decode(file.read_bytes(), type=dict[str, int]) for file in files]
    assert not unmet(sum(map(Counter[str], counts), Counter[str]()), BATCHES * SEEDS)


def test_situations_that_were_too_rare_are_reported() -> None:
    """Each must occur once in 500 seeds and three times in 2,000; a few seeds need none."""
    once = Counter(dict.fromkeys(MET, 1))
    assert unmet(once, 499) == unmet(once, 500) == unmet(Counter(), 499) == {}
    assert unmet(once - Counter(["SIGINT again"]), 500) == {"SIGINT again": 0}
    assert unmet(once, 2000) == once


def test_the_command_reports_the_situations_met(capsys: pytest.CaptureFixture[str]) -> None:
    """It runs the requested number of seeds, in any number of processes: exit 0."""
    assert main(["--start", "7", "--seeds", "12", "--processes", "2"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^ +12 run$", text, re.MULTILINE)


def test_the_command_fails_where_a_seed_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The violation is printed, and how to replay it; a replay ends with 1."""

    def fail(seed: int, **_options: object) -> None:
        raise Violation("nothing twice", f"seed {seed} did")

    for module in ("batch", "__main__"):
        monkeypatch.setattr(f"tests.simulation.{module}.simulate", fail)
    failed = batch.run_batch(3, 2).failed
    assert "nothing twice: seed 3 did" in failed
    assert "python -m tests.simulation --seed 3" in failed
    assert main(["--seed", "3"]) == 1
    assert "nothing twice: seed 3 did" in capsys.readouterr().out


@pytest.mark.parametrize(
    "seeds", [range(3000, 3005), pytest.param(range(3005, 3020), marks=pytest.mark.long)], ids=str
)
def test_a_seed_determines_the_run(seeds: range) -> None:
    """The same seed does the same, request by request and call by call."""
    for seed in seeds:
        first, second = list[str](), list[str]()
        simulate(seed, trace=first)
        simulate(seed, trace=second)
        assert first == second


def test_a_trace_shows_requests_calls_stops_and_results() -> None:
    """A replay prints enough to follow the run."""
    trace: list[str] = []
    for seed in range(10):
        simulate(seed, trace=trace)
    text = "\n".join(trace)
    for shown in (
        r"POST /api/v2/workspaces/ws-",
        r"write sync",
        r"-- killed",
        r"prod-0: succeeded",
    ):
        assert re.search(shown, text)


@pytest.mark.parametrize(
    ("earlier", "again"),
    [
        ([], False),
        (["intent"], True),
        (["intent", "in_doubt"], True),
        (["intent", "failed"], False),
        (["intent", "succeeded"], False),
    ],
)
def test_what_is_in_doubt_may_be_sent_again(earlier: list[str], *, again: bool) -> None:
    """Whether its answer was lost with its process, or is recorded as in doubt."""
    target = Target("ws-1", "prod-1")
    records: list[Record] = [
        Intent("attach:ws-1", "")
        if what == "intent"
        else Result(key="attach:ws-1", outcome=Outcome(what), at="")
        for what in [*earlier, "intent"]
    ]
    lines = b"".join(frame([encode(one)], n, n, 0)[0] for n, one in enumerate(records))
    assert was_in_doubt(Operation("attach", target, None, {}), lines) is again
