"""Whether a journal or saved plan agrees with itself: digest, job, counts, operations. Pure.

A journal's CRCs detect damage, not forgery: a forger computes them as well. So before anything is
sent, a journal is checked against its own job: its digest is computed again, and each operation is
decided again (see ``bulkops.plan.decidable``). None of this is a signature: a journal that agrees
with itself may still be forged (see ``bulkops.journal.local.ownership``).
"""

from __future__ import annotations

from collections.abc import Mapping

from bulkops.job.job import Job, job_from_builtins
from bulkops.journal.identity import digest_of_plan, digest_of_undo, meaning_of
from bulkops.journal.records import Header
from bulkops.journal.replay import Replay
from bulkops.operations.model import Attributes
from bulkops.operations.steps import refs_of, run_tasks
from bulkops.plan.decidable import key_of
from bulkops.plan.model import Plan
from bulkops.text import counted, quoted


def disagreement_of_header(replay: Replay) -> str:
    """Return what is wrong with a header, empty if nothing is; works without the job's kind."""
    return _digest(replay.header) or _counts(replay)


def disagreement_of_job(header: Header, job: Job) -> str:
    """Return which organization or run task is not the one that the job names; empty if none."""
    if header.organization != job.organization:
        return f"it is for {quoted(header.organization)}, its job for {quoted(job.organization)}"
    named, recorded = run_tasks(job.steps), refs_of(header.resolved)
    if recorded.keys() != named.keys():
        return f"it has {_listed(recorded)}, its job names {_listed(named)}"
    for field, name in named.items():
        ref = recorded[field]
        if name not in (ref.id, ref.name):
            what = f"{quoted(ref.name)} ({quoted(ref.id)})"
            return f"its {field} is {what}, its job names {quoted(name)}"
    return ""


def disagreement_with_plan(replay: Replay, plan: Plan) -> str:
    """Return how a journal differs from the saved plan that it applies; empty if it doesn't."""
    header = replay.header
    job = job_from_builtins(header.job, folder=header.folder)
    if job != plan.job or header.resolved != plan.resolved:
        return "its job is not that of the plan"
    recorded = [progress.operation for progress in replay.operations.values()]
    if len(recorded) != len(plan.operations):
        return f"it has {len(recorded):,} operations, the plan {len(plan.operations):,}"
    pairs = zip(recorded, plan.operations, strict=True)
    differing = next((ours for ours, planned in pairs if ours != planned), None)
    return f"{key_of(differing)} is not as planned" if differing else ""


def disagreement_with_undone(replay: Replay, undone: Replay) -> str:
    """Return what an undo's journal reverts that the job never did; empty if nothing.

    Args:
        undone: the journal that it undoes.
    """
    header = replay.header
    if meaning_of(header) != meaning_of(undone.header) or header.resolved != undone.header.resolved:
        return "its job is not the one that it undoes"
    restored: dict[tuple[str, str], list[Attributes | None]] = {}
    for progress in undone.operations.values():
        place = progress.operation.aspect, progress.operation.target.id
        attributes = progress.restore.attributes if progress.restore else None
        restored.setdefault(place, []).append(attributes)
    for progress in replay.operations.values():
        operation = progress.operation
        if operation.desired not in restored.get((operation.aspect, operation.target.id), ()):
            return f"{key_of(operation)} reverts no change of that journal"
    return ""


def _digest(header: Header) -> str:
    if header.plan:
        expected = {digest_of_plan(header.plan)}
    elif header.undo_of:
        expected = {digest_of_undo(header.undo_of)}
    else:
        expected = {meaning_of(header), meaning_of(header, any_case=False)}
    return "" if header.digest in expected else "its digest is not that of the job in it"


def _counts(replay: Replay) -> str:
    header, operations, skips = replay.header, len(replay.operations), len(replay.skips)
    if (operations, skips) == (header.operations, header.skips):
        return ""
    stated = f"{counted(header.operations, 'operation')} and {counted(header.skips, 'skip')}"
    return f"its header states {stated}, it has {operations:,} and {skips:,}"


def _listed(fields: Mapping[str, object]) -> str:
    return ", ".join(map(quoted, sorted(fields))) or "no run task"
