"""``bulkops fleet plan FLEET``: what an apply would change in each organization."""

from __future__ import annotations

from pathlib import Path

from click.exceptions import Exit

from bulkops.cli.commands.fleet.arguments import FLEET, SERVERS, SHARD
from bulkops.cli.commands.plan import DETAILED_EXITCODE, DetailedExit
from bulkops.cli.options import JSON, TRUST_FILES, command
from bulkops.cli.output.printing import fail
from bulkops.cli.run.fleet import plan_fleet
from bulkops.cli.run.open_fleet import FleetServer, open_fleet
from bulkops.errors import BulkopsError, ExitCode
from bulkops.fleet.shard_job import How


@command(FLEET, SHARD, JSON, DETAILED_EXITCODE, TRUST_FILES, SERVERS, cls=DetailedExit)
def plan(
    *,
    fleet: Path,
    shard: str | None,
    json: bool,
    detailed_exitcode: bool,
    trust_files: bool,
    server: FleetServer,
) -> None:
    """Show what an apply would change in each organization of a fleet.

    Changes nothing. Plans all shards at once, each in about 2·N/100 requests for N workspaces. If a
    shard can't begin, its line says why, and the exit code is that of its error.

    \b
    Examples:
      bulkops fleet plan fleet.toml
      bulkops fleet plan fleet.toml --json | jq 'select(.type == "fleet_plan")'
    """
    try:
        opened = open_fleet(fleet, server, How(trust_files=trust_files), shard, only_planned=True)
        operations, code = plan_fleet(opened, json=json)
    except BulkopsError as error:
        if not detailed_exitcode:
            raise
        # With this option, 2 means that there are changes.
        fail(error)
        raise Exit(ExitCode.ERROR) from error
    if detailed_exitcode:
        raise Exit(ExitCode.ERROR if code else 2 if operations else ExitCode.DONE)
    raise Exit(code)
