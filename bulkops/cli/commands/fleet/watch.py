"""``bulkops fleet watch FLEET``: show a fleet that other processes run, from its journals."""

from __future__ import annotations

from pathlib import Path

from click.exceptions import Exit

from bulkops.cli.commands.fleet.arguments import FLEET
from bulkops.cli.options import JSON, TRUST_FILES, command
from bulkops.cli.run.fleet_view.follow import follow_fleet


@command(FLEET, JSON, TRUST_FILES)
def watch(*, fleet: Path, json: bool, trust_files: bool) -> None:
    """Show a running fleet live, from its journals.

    For a fleet that other processes run, on this machine or others: reads the newest journal of
    each shard until the fleet ends, then exits with the worst exit code of all shards. Sends no
    request, needs no token, and leaves the journals as they are. Ctrl-C stops watching, not the
    fleet.

    Shards whose address the fleet file leaves out are those at TFE_ADDRESS: set it as for apply.

    A shard appears when it begins. The fleet has ended when no shard is running and none is left to
    begin or to resume; if some are, and nothing happens for 15 seconds, watch ends, too, and the
    exit code is not 0.

    \b
    Examples:
      bulkops fleet watch fleet.toml
      bulkops fleet watch fleet.toml --json
    """
    raise Exit(follow_fleet(fleet, json=json, trust_files=trust_files))
