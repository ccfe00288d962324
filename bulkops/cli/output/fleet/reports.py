"""What the JSON of a command about a fleet ends with."""

from __future__ import annotations

from bulkops import events
from bulkops.cli.output.json_lines import print_json
from bulkops.errors import ExitCode
from bulkops.fleet.report.model import FleetReport


def print_reports(fleet: FleetReport, code: ExitCode) -> None:
    """Print the report of each shard that has a journal, then that of the fleet.

    Args:
        code: the command's exit code.
    """
    for one in fleet.shards:
        if one.report is not None:
            print_json(events.Report.of(one.report).of_shard(one.shard))
    print_json(
        events.FleetReport(
            fleet=fleet.fleet,
            counts=fleet.counts,
            states=fleet.states,
            problems=fleet.problems,
            stopped=fleet.stopped,
            exit_code=code,
        )
    )
