"""A plan for programs: one JSON object per line."""

from __future__ import annotations

from bulkops import events
from bulkops.cli.output.json_lines import print_json
from bulkops.plan.model import Plan


def print_objects(plan: Plan, saved: str | None = None, sha256: str | None = None) -> None:
    """Print a plan on stdout, one JSON object per line; ``saved``: the file it was saved in."""
    for operation in plan.operations:
        print_json(events.Operation.of(operation))
    for skip in plan.skips:
        print_json(events.Skip.of(skip))
    print_json(events.Plan.of(plan, saved, sha256))
