"""``bulkops fleet undo FLEET``: undo what a fleet did, in all organizations at once."""

from __future__ import annotations

from pathlib import Path

from bulkops.cli.commands.fleet.apply import how_of
from bulkops.cli.commands.fleet.arguments import FLEET, SERVERS
from bulkops.cli.options import (
    CONTINUE,
    DESPITE_UNFINISHED,
    DRAIN_TIMEOUT,
    JSON,
    METRICS_FILE,
    RETRY_FAILED,
    TRUST_FILES,
    WAIT,
    YES,
    RunOptions,
    Together,
    command,
)
from bulkops.cli.run.fleet import apply_fleet
from bulkops.cli.run.fleet_view.metrics import FleetMetrics
from bulkops.cli.run.open_fleet import FleetServer
from bulkops.cli.run.recorded_fleet import open_undo

UNDOING = Together(
    "options",
    RunOptions,
    (
        *(YES, JSON, CONTINUE, RETRY_FAILED, DESPITE_UNFINISHED),
        *(WAIT, DRAIN_TIMEOUT, METRICS_FILE, TRUST_FILES),
    ),
)


@command(FLEET, UNDOING, SERVERS)
def undo(*, fleet: Path, options: RunOptions, server: FleetServer) -> None:
    """Undo what a fleet did.

    Undoes the newest journal of each shard, as undo does: plans all shards, asks once, then carries
    them out side by side. There are no waves: what went wrong is undone everywhere at once, and a
    shard that can't be undone does not stop the others. Whatever has since been changed outside the
    job is left alone and listed (exit 3). If the command is killed or interrupted, run it again: it
    resumes every shard's undo. A shard without a journal has nothing to undo; it is an error if
    none has one. Older journals are not undone: use undo for these.

    The exit code is the worst of all shards.

    \b
    Examples:
      bulkops fleet undo fleet.toml
      bulkops fleet undo fleet.toml --yes --wait
    """
    opened = open_undo(fleet, server, how_of(options))
    with FleetMetrics(options.metrics_file, opened) as metrics:
        apply_fleet(opened, options, metrics)
