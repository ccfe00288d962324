"""A plan as GitHub-flavored Markdown. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bulkops.operations import wording
from bulkops.plan.model import Plan
from bulkops.report.markdown_text import FEW, ROOM, code, folded, plain, size, step, table
from bulkops.text import counted

_ALL = "`bulkops plan JOB --json` lists all"

MOST_NAMES = 100
"""Names per reason for being blocked; `--json` lists all."""


def document(plan: Plan, *, next_steps: Sequence[str] = (), room: int = ROOM) -> Iterator[str]:
    """Yield a plan as Markdown, in pieces.

    Args:
        next_steps: sentences that say what to run next.
        room: bytes, at least 10,000; the document says how many rows did not fit.
    """
    head = "".join(_head(plan))
    tail = "".join(f"- {step(sentence)}\n" for sentence in next_steps)
    tail = f"### Next\n\n{tail}\n" if tail else ""
    yield head
    room -= size(head) + size(tail)
    if plan.blocked:
        # What needs a decision comes first, and leaves room for the rest.
        reasons = _blocked(plan)
        lists = "".join(
            folded(
                f"{len(plan.blocked):,} blocked",
                ("reason", "number:", "names"),
                reasons,
                number=len(reasons),
                room=room // 2,
                rest=_ALL,
            )
        )
        room -= size(lists)
        yield lists
    if plan.operations:
        yield from folded(
            f"{len(plan.operations):,} to do",
            ("action", "name", "change"),
            ((o.verb, code(o.target.name), code(wording.change(o))) for o in plan.operations),
            number=len(plan.operations),
            room=room,
            rest=_ALL,
        )
    yield tail


def _head(plan: Plan) -> Iterator[str]:
    refs = filter(None, (plan.resolved.replaces, plan.resolved.task))
    tasks = " by ".join(code(ref.name) for ref in refs)
    kind = wording.kind_in_words(plan.job.operation_kind, undo=bool(plan.undo_of))
    what = f"{plain(kind)}{tasks and ' '}{tasks}"
    yield f"## Plan of {code(plan.job.name)}: {what} in {code(plan.job.organization)}\n\n"
    todo = ", ".join(f"{n:,} to {verb}" for verb, n in plan.counts.items()) or "nothing to do"
    blocked = f", {len(plan.blocked):,} blocked" if plan.blocked else ""
    yield f"**{todo}**; {len(plan.skips) - len(plan.blocked):,} skipped{blocked}.\n\n"
    if plan.operations:
        yield from _changes(plan)
    reasons = Counter((skip.reason, skip.blocked) for skip in plan.skips).most_common()
    for (reason, is_blocked), number in reasons[:FEW]:
        yield f"- {number:,} {'blocked' if is_blocked else 'skipped'}: {code(reason)}\n"
    if len(reasons) > FEW:
        yield f"- … and {sum(n for _, n in reasons[FEW:])} more, for other reasons\n"
    yield from _values(plan)
    yield from _waves(plan)
    for note in plan.notes:
        yield f"- Note: {plain(note)}\n"
    yield "\n"


def _blocked(plan: Plan) -> list[tuple[str, str, str]]:
    """Return a row per reason."""
    found: dict[str, list[str]] = {}
    for skip in plan.blocked:
        found.setdefault(skip.reason, []).append(skip.target.name)
    return [(code(reason), str(len(names)), _listed(names)) for reason, names in found.items()]


def _listed(names: Sequence[str]) -> str:
    more = f", … and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(code, names[:MOST_NAMES])) + more


def _changes(plan: Plan) -> Iterator[str]:
    found = Counter((o.verb, wording.change(o)) for o in plan.operations).most_common()
    rows = ((verb, code(change), str(number)) for (verb, change), number in found[:FEW])
    yield from table(("action", "change", "operations:"), rows)
    if len(found) > FEW:
        yield f"\n… and {sum(n for _, n in found[FEW:])} more, with other changes.\n"
    yield "\n"


def _values(plan: Plan) -> Iterator[str]:
    values = list(plan.values.items())
    for words, number in values[:FEW]:
        yield f"- Values: {counted(number, 'workspace')} with {code(words)}\n"
    if len(values) > FEW:
        yield f"- … and {sum(n for _, n in values[FEW:]):,} more, with other values\n"


def _waves(plan: Plan) -> Iterator[str]:
    rollout = plan.rollout
    waves = rollout.steps(len(plan.operations))
    if len(waves) > 1:
        sizes = ", ".join(str(wave.size) for wave in waves[:FEW])
        more = f", … ({len(waves)} waves)" if len(waves) > FEW else ""
        pause = f", with a pause between them ({rollout.pause})" if rollout.pause else ""
        yield f"- Waves: {sizes}{more} operations{pause}\n"
    if rollout.gate is not None:
        yield f"- Gate after each wave: {code(rollout.gate)}\n"
    if plan.operations:
        tolerated = counted(rollout.tolerated(len(plan.operations)), "failure")
        yield f"- Stops after more than {tolerated}\n"
