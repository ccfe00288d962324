"""Whole runs: the default seeds, what they must have met, and that a seed says everything."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from filelock import FileLock

from tests.simulation import batch
from tests.simulation.run import simulate
from tests.simulation.weather import HARMLESS, LOSING

BATCHES = 8
SEEDS = 2000 // BATCHES

CALLS = ("append", "create", "write", "sync", "rename", "truncate", "sync_folder")
STOPS = (*CALLS, "read request", "write request")
MET = (
    *(f"fault {kind}" for kind in (*LOSING, *HARMLESS)),
    *(f"killed {when} {what}" for when in ("before", "after") for what in STOPS),
    *(f"somebody else: {how}" for how in ("attach", "change", "detach", "delete")),
    *(f"outcome {outcome}" for outcome in ("succeeded", "skipped", "failed", "conflict")),
    *(f"ended: {how}" for how in ("complete", "tolerance", "SIGINT")),
    "JournalWriteFailed",
    "SIGINT again",
    "ServerBroken",
    "abandoned",
    "effect that lands late",
    "failures retried",
    "read that lagged",
    "request that arrives after its sender's end",
    "resumed in doubt",
    "resumed pending",
    "resumed with a torn tail",
    "second runner refused",
    "undone 1",
    "undone 2",
    "unsynced bytes at stake",
    "wall clock jumped",
)
"""All that the default seeds must really have met: a sweep that matches nothing passes falsely."""


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test run, the same in every process of it."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.mark.parametrize("number", range(BATCHES))
def test_the_default_seeds(number: int, shared: Path) -> None:
    """Every invariant holds in every run, and all together they met all there is to meet."""
    met = batch.run(number * SEEDS, SEEDS)
    with FileLock(shared / "simulation.lock"):
        (shared / f"simulation-{number}.json").write_bytes(msgspec.json.encode(met))
        files = list(shared.glob("simulation-*.json"))
        if len(files) < BATCHES:
            return
        told = [msgspec.json.decode(file.read_bytes(), type=dict[str, int]) for file in files]
    met = sum(map(Counter[str], told), Counter[str]())
    assert not {what: met[what] for what in MET if met[what] < 3}


def test_a_seed_says_everything() -> None:
    """The same seed does the same, request by request and call by call."""
    for seed in range(3000, 3020):
        first, second = list[str](), list[str]()
        simulate(seed, trace=first)
        simulate(seed, trace=second)
        assert first == second


def test_a_trace_shows_requests_calls_stops_and_results() -> None:
    """What a replay prints is enough to follow the run."""
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
