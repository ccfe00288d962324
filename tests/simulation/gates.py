"""The gates of a run: the weather draws their verdicts, and the order is checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import anyio

from bulkops.job.gate import GateCall
from bulkops.journal.progress import Progress
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from tests.simulation.invariants import must

if TYPE_CHECKING:
    from tests.simulation.machine import Machine


async def ask(machine: Machine, call: GateCall) -> int:
    """Check that a gate's wave is carried out, and return its status after some time."""
    number, weather = int(call.variables["BULKOPS_WAVE"]), machine.weather
    machine.say(f"gate of wave {number}: {weather.gate}")
    replay = machine.replay_of(machine.journal)
    assert replay is not None
    ends = machine.ends(replay)
    must(len(ends) == int(call.variables["BULKOPS_WAVES"]), "as many waves as drawn", ends)
    done = list(replay.operations.values())[: ends[number - 1]]
    left = left_behind(done, replay)
    must(not left, "a gate comes after its wave", f"{number}: {left}")
    await anyio.sleep(weather.gate_seconds)
    machine.met[f"gate {weather.gate}"] += 1
    machine.gates.setdefault((machine.journal.name, number), set()).add(weather.gate)
    return weather.gate


def left_behind(operations: Iterable[Progress], replay: Replay) -> list[Progress]:
    """Return the pending operations whose predecessors are not in doubt."""
    return [p for p in operations if p.outcome is None and not _waits(p, replay)]


def _waits(progress: Progress, replay: Replay) -> bool:
    """Return whether a predecessor is in doubt, which only the next execution reads back."""
    first = (replay.operations[key] for key in progress.operation.after)
    return any(p.outcome is Outcome.IN_DOUBT for p in first)


def check(machine: Machine, journal: str, replay: Replay) -> None:
    """Check that no wave passed without a gate that passed or was inconclusive."""
    if not machine.scenario.gated or replay.header.undo_of:
        return
    for number in replay.waves:
        statuses = machine.gates.get((journal, number), set())
        must(statuses - {1}, "every wave has passed its gate", f"wave {number}: {statuses}")
