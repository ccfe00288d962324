"""``bulkops fleet apply FLEET``: run one job in many organizations, a shard each."""

from __future__ import annotations

from pathlib import Path

from bulkops.cli.commands.fleet.arguments import FLEET, SERVERS, SHARD
from bulkops.cli.options import (
    CONFIRM,
    CONTINUE,
    DESPITE_UNFINISHED,
    DRAIN_TIMEOUT,
    EXIT_OUTSIDE_WINDOW,
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
from bulkops.cli.output.printing import note
from bulkops.cli.run.closed import end_if_closed
from bulkops.cli.run.fleet import apply_fleet
from bulkops.cli.run.fleet_view.metrics import FleetMetrics
from bulkops.cli.run.open_fleet import FleetServer, open_fleet
from bulkops.errors import JournalLocked
from bulkops.fleet.file import load_fleet, load_fleet_job
from bulkops.fleet.shard_job import How

APPLYING = Together(
    "options",
    RunOptions,
    (
        *(YES, CONFIRM, JSON, CONTINUE, RETRY_FAILED, EXIT_OUTSIDE_WINDOW, DESPITE_UNFINISHED),
        *(WAIT, DRAIN_TIMEOUT, METRICS_FILE, TRUST_FILES),
    ),
)


@command(FLEET, SHARD, APPLYING, SERVERS)
def apply(*, fleet: Path, shard: str | None, options: RunOptions, server: FleetServer) -> None:
    """Run a job in each organization of a fleet, or resume it from the journals.

    Plans all shards, asks once, then carries them out side by side, in the waves of the fleet's
    [rollout]. Each shard runs as a separate apply, with a journal of its own. If the command is
    killed or interrupted, run it again: it resumes every shard.

    A failed shard doesn't stop those that have begun. If more than max_failed_shards (default 0)
    have failed, no further one begins until --continue is given. One that another process runs is
    left to it (exit 11), or waited for with --wait. The exit code is the worst of all shards.

    The report is on stdout. The plan, the waves, and why a shard fails, are on stderr: a log that
    is to have all of it needs 2>&1.

    --metrics-file has the metrics of all shards of this process, each with the label shard.

    With --shard, or an index in the environment, this process runs only its own shards, and needs
    only their tokens. It waits while other processes run the waves before them, and ends with exit
    1 once none has for an hour; all processes see a stop. They need the same fleet file, and
    journals in the same bucket or folder.

    \b
    Exit codes:
      EXIT_CODES

    \b
    Examples:
      bulkops fleet apply fleet.toml
      bulkops fleet apply fleet.toml --yes --wait
      bulkops fleet apply fleet.toml --yes --shard 3/3
      bulkops fleet apply detach-everywhere.toml --confirm legacy-lint
    """
    if options.exit_outside_window:
        end_if_closed(
            load_fleet_job(load_fleet(fleet, trust_files=options.trust_files)), json=options.json
        )
    opened = open_fleet(fleet, server, how_of(options), shard)
    with FleetMetrics(options.metrics_file, opened) as metrics:
        apply_fleet(opened, options, metrics)


def how_of(options: RunOptions) -> How:
    """Return how the shards are run, by the command's options."""
    return How(
        retry_failed=options.retry_failed,
        continue_paused=options.continue_paused,
        trust_files=options.trust_files,
        wait=options.wait,
        despite_unfinished=options.despite_unfinished,
        exit_outside_window=options.exit_outside_window,
        on_wait=_waiting,
    )


def _waiting(name: str, busy: JournalLocked) -> None:
    note(f"{name}: {busy.held}. Waiting until it ends.", passing=True)
