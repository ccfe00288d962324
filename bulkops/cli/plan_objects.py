"""A plan for machines: one JSON object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkops.cli.printing import print_json

if TYPE_CHECKING:
    from bulkops.plan import Plan


def print_objects(plan: Plan, saved: dict[str, str] | None = None) -> None:
    """Print a plan on stdout, one JSON object a line; ``saved``: where, and its SHA-256."""
    from bulkops.cli.waves import plan_facts
    from bulkops.operations import wording

    for o in plan.operations:
        print_json(
            {
                "type": "operation",
                "key": o.key,
                **o.target.said,
                "aspect": o.aspect,
                "action": wording.verb(o),
                "before": o.before.attributes if o.before else None,
                "wanted": o.wanted,
            }
        )
    for s in plan.skips:
        print_json(
            {
                "type": "skip",
                **s.target.said,
                "reason": s.reason,
                "blocked": s.blocked,
            }
        )
    print_json(
        {
            "type": "plan",
            "job": plan.job.name,
            "kind": plan.job.operation_kind,
            "organization": plan.job.organization,
            "task": plan.binding.task.name if plan.binding.task else None,
            "task_id": plan.binding.task.id if plan.binding.task else None,
            "replaces": plan.binding.replaces.name if plan.binding.replaces else None,
            "replaces_id": plan.binding.replaces.id if plan.binding.replaces else None,
            **plan.counts,
            "skipped": len(plan.skips) - len(plan.blocked),
            "blocked": len(plan.blocked),
            **plan_facts(plan),
            "notes": plan.notes,
            **(saved or {}),
        }
    )
