"""The metrics of a fleet: those of all its shards in one file, and as telemetry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bulkops.cli.run.metrics_file import WrittenMetrics, snapshot
from bulkops.cli.run.open_fleet import OpenFleet
from bulkops.fleet.shard_run import ShardRun
from bulkops.fleet.waves import State
from bulkops.operations import wording
from bulkops.report.metrics import Snapshot
from bulkops.runner.activity import Activity


class FleetMetrics(WrittenMetrics):
    """The metrics of the shards that a command runs, each with the label ``shard``.

    ::

        with FleetMetrics(path, opened) as metrics:
            async with metrics.watching():
                await fleet.run(clients)

    A shard that has not begun has no exit code.

    Args:
        path: see ``WrittenMetrics``.
    """

    def __init__(self, path: Path | None, opened: OpenFleet) -> None:
        super().__init__(path)
        self._runs, self._undo = opened.runs, opened.undo
        self._activities = dict[str, Activity]()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Write every 15 seconds while the block runs the shards."""
        async with self._written(self._look):
            yield

    def _look(self) -> None:
        for run in self._runs:
            if run.execution is not None:
                self._activities[run.name] = run.execution.activity()

    def _snapshots(self, code: int | None) -> Sequence[Snapshot]:
        return [self._snapshot(run, over=code is not None) for run in self._runs]

    def _snapshot(self, run: ShardRun, *, over: bool) -> Snapshot:
        ended = over and run.state is not State.NOT_BEGUN
        return snapshot(
            run.job,
            wording.kind_in_words(run.job.kind, undo=self._undo),
            run.replay,
            self._activities.get(run.name),
            started=self._started,
            code=run.exit_code if ended else None,
            shard=run.name,
        )
