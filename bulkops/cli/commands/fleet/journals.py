"""``bulkops fleet status FLEET`` and ``fleet report FLEET``, which send no request."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from bulkops import events
from bulkops.cli.commands.fleet.arguments import FLEET
from bulkops.cli.commands.report import FORMAT, MODULES, ONLY
from bulkops.cli.options import JSON, OUTPUT, TRUST_FILES, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import print_text, print_to
from bulkops.cli.run.begun_fleet import read_fleet
from bulkops.fleet.report.model import FleetReport
from bulkops.fleet.report.text import overview, total


@command(FLEET, JSON, TRUST_FILES)
def status(*, fleet: Path, json: bool, trust_files: bool) -> None:
    """Show how far a fleet is, from its journals.

    A line for each shard, and totals. Sends no request and needs no token. If the fleet file has
    organizations instead of [[shard]], it shows those that its last apply found.

    Shards whose address the fleet file leaves out are those at TFE_ADDRESS: set it as for apply.

    \b
    Examples:
      bulkops fleet status fleet.toml
    """
    found = read_fleet(fleet, trust_files=trust_files)
    if not json:
        print_text(*overview(found), *total(found))
        return
    for one in found.shards:
        if one.report is not None:
            print_json(events.Status.of(one.report).of_shard(one.shard))
    print_json(
        events.FleetStatus(
            fleet=found.fleet,
            counts=found.counts,
            states=found.states,
            problems=found.problems,
            stopped=found.stopped,
            waits_for=found.waits_for,
            exit_code=found.exit_code,
        )
    )


@command(FLEET, FORMAT, OUTPUT, ONLY, TRUST_FILES)
def report(
    *, fleet: Path, output_format: str, output: Path | None, only: str | None, trust_files: bool
) -> None:
    """Report what a fleet did, from its journals.

    A line for each shard, a section for each that isn't plain success, and totals. The fleet need
    not be finished. Sends no request and needs no token.

    Shards whose address the fleet file leaves out are those at TFE_ADDRESS: set it as for apply.

    json: counts over all shards; each row names its shard.

    csv: the lines of all shards, with the shard in the first column.

    junit: one testcase per operation and one testsuite per shard.

    markdown: for a GitHub step summary or comment, at most 1 MiB.

    html: a single file that needs no network.

    \b
    Examples:
      bulkops fleet report fleet.toml
      bulkops fleet report fleet.toml --format html --output fleet.html
      bulkops fleet report fleet.toml --format junit --output fleet.xml
    """
    found = read_fleet(fleet, trust_files=trust_files)
    print_to(output, _pieces(output_format, found, only_failed=only == "failed"))


def _pieces(output_format: str, found: FleetReport, *, only_failed: bool) -> Iterator[str]:
    module = import_module(f"bulkops.fleet.report.{MODULES[output_format]}")
    pieces: Iterator[str] = module.document(found, only_failed=only_failed)
    return pieces
