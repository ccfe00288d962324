"""What is known of a running execution."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bulkops.journal.records import Holder
from bulkops.journal.replay import Replay
from bulkops.runner.execution import JobExecution
from tests.engine.world import HOLDER
from tests.simulation.weather import CALM, Weather


class Running:
    """An execution that runs, or the last one.

    Attributes:
        weather: its weather.
        replay: the state of its journal.
        started: the time at which it started.
        execution: the engine's part, ``None`` before.
        holder: names its process.
    """

    holder: Holder = HOLDER

    def __init__(self, weather: Weather = CALM) -> None:
        self.weather = weather
        self.replay: Replay | None = None
        self.started = 0.0
        self.execution: JobExecution | None = None

    def requests(self, asked: Sequence[object]) -> int:
        """Return how many requests it has sent, of all that were."""
        return len(asked)

    async def run(self, call: Callable[[], None]) -> None:
        """Run a call that writes the journal outside of an execution."""
        call()
