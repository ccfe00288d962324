"""Who is told what an execution does, and runs its gate."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bulkops.journal.records import Result, WaveReached
from bulkops.operations.model import Operation
from bulkops.runner.gate import RunGate, run_gate

OnResult = Callable[[Operation, Result], None]
"""Told every result as it is recorded."""

OnWave = Callable[[WaveReached], None]
"""Told how far a wave came as it is recorded."""


def ignore(*_event: object) -> None:
    """Default observer: ignore the event."""


class Observer(msgspec.Struct, frozen=True):
    """Who is told what an execution does, and runs its gate.

    Attributes:
        on_result: told every result as it is recorded.
        on_wave: told how far a wave came as it is recorded.
        gate: runs the job's gate.
    """

    on_result: OnResult = ignore
    on_wave: OnWave = ignore
    gate: RunGate = run_gate


IGNORING = Observer()
"""Default observer: ignore every event."""
