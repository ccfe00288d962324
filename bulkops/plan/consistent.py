"""Whether a journal, or a saved plan, agrees with itself: digest, job, counts, operations. Pure.

The CRCs of a journal find damage; whoever writes a journal of their own makes them right. So what a
journal says is held against its own job before anything is sent: its digest is computed again, and
so is each operation, see ``bulkops.plan.decidable``. None of it is a signature: a journal that
agrees with itself may still be somebody else's, see ``bulkops.journal.ownership``.
"""

from __future__ import annotations

from collections.abc import Mapping

from bulkops.job.job import Job, digest_of, job_from_builtins
from bulkops.journal.identity import digest_of_plan, digest_of_undo
from bulkops.journal.records import Header
from bulkops.journal.replay import Replay
from bulkops.operations.model import Attributes, TaskRef
from bulkops.plan.decidable import key_of
from bulkops.plan.model import Plan
from bulkops.text import counted, quoted


def disagreement_of_header(replay: Replay) -> str:
    """Return, in words, what a header says that isn't so; empty if it agrees. Needs no kind."""
    return _digest(replay.header) or _counts(replay)


def disagreement_of_job(header: Header, job: Job) -> str:
    """Return, in words, which organization or run task is not the one that the job names."""
    if header.organization != job.organization:
        return f"it is for {quoted(header.organization)}, its job for {quoted(job.organization)}"
    named = job.spec.run_tasks
    refs: dict[str, TaskRef | None] = {"task": header.task, "replaces": header.replaces}
    found = {field: ref for field, ref in {**refs, **header.others}.items() if ref is not None}
    if found.keys() != named.keys():
        return f"it has {_listed(found)}, its job names {_listed(named)}"
    for field, asked in named.items():
        ref = found[field]
        if asked not in (ref.id, ref.name):
            what = f"{quoted(ref.name)} ({quoted(ref.id)})"
            return f"its {field} is {what}, its job names {quoted(asked)}"
    return ""


def disagreement_with_plan(replay: Replay, plan: Plan) -> str:
    """Return, in words, how a journal differs from the saved plan it carries out; empty if not."""
    header = replay.header
    job = job_from_builtins(header.job, folder=header.folder)
    if job != plan.job or header.resolved != plan.resolved:
        return "its job is not that of the plan"
    held = [progress.operation for progress in replay.operations.values()]
    if len(held) != len(plan.operations):
        return f"it has {len(held):,} operations, the plan {len(plan.operations):,}"
    pairs = zip(held, plan.operations, strict=True)
    differing = next((ours for ours, planned in pairs if ours != planned), None)
    return f"{key_of(differing)} is not as planned" if differing else ""


def disagreement_with_undone(replay: Replay, undone: Replay) -> str:
    """Return, in words, what an undo's journal takes back that was never done; empty for nothing.

    Args:
        undone: the journal that it takes back.
    """
    header = replay.header
    if _meaning(header) != _meaning(undone.header) or header.resolved != undone.header.resolved:
        return "its job is not the one that it takes back"
    restored: dict[tuple[str, str], list[Attributes | None]] = {}
    for progress in undone.operations.values():
        place = progress.operation.aspect, progress.operation.target.id
        attributes = progress.restore.attributes if progress.restore else None
        restored.setdefault(place, []).append(attributes)
    for progress in replay.operations.values():
        operation = progress.operation
        if operation.desired not in restored.get((operation.aspect, operation.target.id), ()):
            return f"{key_of(operation)} takes back no change of that journal"
    return ""


def _digest(header: Header) -> str:
    if header.plan:
        expected = digest_of_plan(header.plan)
    elif header.undo_of:
        expected = digest_of_undo(header.undo_of)
    else:
        expected = _meaning(header)
    return "" if header.digest == expected else "its digest is not that of the job in it"


def _meaning(header: Header) -> str:
    try:
        return digest_of(header.job)
    except (KeyError, TypeError, ValueError, AttributeError):
        return "none"


def _counts(replay: Replay) -> str:
    header, operations, skips = replay.header, len(replay.operations), len(replay.skips)
    if (operations, skips) == (header.operations, header.skips):
        return ""
    said = f"{counted(header.operations, 'operation')} and {counted(header.skips, 'skip')}"
    return f"its header says {said}, it holds {operations:,} and {skips:,}"


def _listed(fields: Mapping[str, object]) -> str:
    return ", ".join(map(quoted, sorted(fields))) or "no run task"
