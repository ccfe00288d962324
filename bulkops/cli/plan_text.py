"""A plan for people: what changes from what to what, long lists folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkops.plan import Plan

SHOWN = 20
"""Operations listed one by one for people; --json lists all."""

_SIGNS = {"attach": "+", "create": "+", "detach": "-", "delete": "-"}


def lines(plan: Plan) -> list[str]:
    """Return a plan for people, long lists folded."""
    from collections import Counter

    from bulkops.cli.waves import plan_lines
    from bulkops.columns import filled, widest
    from bulkops.operations import wording

    operations = plan.operations[:SHOWN]
    width = widest(o.target.name for o in operations)
    made = [headline(plan), ""]
    for operation in operations:
        sign = _SIGNS.get(wording.verb(operation), "~")
        made.append(f"  {sign} {filled(operation.target.name, width)}  {wording.change(operation)}")
    if len(plan.operations) > SHOWN:
        made.append(f"    … and {len(plan.operations) - SHOWN} more (--json lists all)")
    for reason, count in sorted(Counter(s.reason for s in plan.skips if not s.blocked).items()):
        made.append(f"    {count} skipped: {reason}")
    made += blocked_lines(plan)
    made += plan_lines(plan)
    made += note_lines(plan)
    return [*made, *([""] if len(made) > 2 else []), summary(plan)]


def headline(plan: Plan) -> str:
    """Return what is planned, and where."""
    from bulkops.operations import wording

    kind = f"undo of {plan.job.operation_kind}" if plan.undo_of else plan.job.operation_kind
    task, replaces = (
        f"{ref.name} ({ref.id})" if ref else ""
        for ref in (plan.binding.task, plan.binding.replaces)
    )
    named = wording.subject(task, replaces)
    return f"{kind}{named and ' '}{named} in {plan.job.organization}"


def blocked_lines(plan: Plan) -> list[str]:
    """Return the workspaces that can't be brought to the job's wish, and why, folded."""
    from bulkops.columns import filled, widest

    shown = plan.blocked[:SHOWN]
    width = widest(s.target.name for s in shown)
    made = [f"  ! {filled(s.target.name, width)}  blocked: {s.reason}" for s in shown]
    if len(plan.blocked) > SHOWN:
        made.append(f"    … and {len(plan.blocked) - SHOWN} more blocked (--json lists all)")
    return made


def note_lines(plan: Plan) -> list[str]:
    """Return what a careful reader should know before saying yes."""
    return [f"    Note: {note}" for note in plan.notes]


def summary(plan: Plan) -> str:
    """Return one line: ``Plan: 3 to attach, 0 to update, 0 to detach; 12 skipped.``"""
    todo = ", ".join(f"{n} to {verb}" for verb, n in plan.counts.items()) or "nothing to do"
    blocked = f", {len(plan.blocked)} blocked" if plan.blocked else ""
    return f"Plan: {todo}; {len(plan.skips) - len(plan.blocked)} skipped{blocked}."
