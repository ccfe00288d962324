"""A plan for programs: one JSON object per line."""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from bulkops import events
from bulkops.cli.output.json_lines import print_json
from bulkops.plan.model import Plan


def print_objects(
    plan: Plan, saved: str | None = None, sha256: str | None = None, shard: str | UnsetType = UNSET
) -> None:
    """Print a plan on stdout, one JSON object per line.

    Args:
        saved: the file that it was saved in.
        sha256: the digest of that file.
        shard: the name of the fleet's shard that it is for.
    """
    for operation in plan.operations:
        print_json(replace(events.Operation.of(operation), shard=shard))
    for skip in plan.skips:
        print_json(replace(events.Skip.of(skip), shard=shard))
    print_json(replace(events.Plan.of(plan, saved, sha256), shard=shard))
