"""What the shards of a fleet will do, and what became of them, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bulkops.cli.output.plan_text import blocked_lines
from bulkops.errors import ExitCode
from bulkops.fleet.report.model import ShardReport
from bulkops.fleet.shard_run import ShardRun
from bulkops.fleet.waves import State
from bulkops.journal.replay import Replay
from bulkops.journal.states import RETRIED, Outcome
from bulkops.plan.model import Plan
from bulkops.report.model import report
from bulkops.report.text import totals
from bulkops.report.words import counts_in_words
from bulkops.text import counted

NO_JOURNAL = "nothing to undo (no journal)"


def planned(run: ShardRun, *, retry_failed: bool = False) -> str:
    """Return what a shard that was looked at will do."""
    if run.problem is not None:
        return str(run.problem)
    if run.replay is not None and run.state is State.DONE:
        return f"undone already: {totals(report(run.replay))}"
    if run.replay is not None:
        return resumed(run.replay, run.state, retry_failed=retry_failed)
    if run.plan is None:
        return NO_JOURNAL if has_no_journal(run) else "not planned"
    return "\n".join((plan_in_words(run.plan), *map(str.strip, blocked_lines(run.plan))))


def has_no_journal(run: ShardRun) -> bool:
    """Return whether a shard was to be undone but has no journal."""
    return run.state is State.DONE and run.plan is None and run.replay is None


def notes_of(plans: Mapping[str, Plan]) -> Iterator[str]:
    """Yield each note of the shards' plans once: what to know before approving them.

    Args:
        plans: shard → plan.
    """
    shards = dict[str, list[tuple[str, str]]]()
    for name, plan in plans.items():
        for note in plan.notes:
            # Notes that differ only in the organization are the same.
            same = note.replace(plan.job.organization, "")
            shards.setdefault(same, []).append((name, note))
    for (name, note), *others in shards.values():
        more = f" and {counted(len(others), 'other shard')}" if others else ""
        yield f"  Note ({name}{more}): {note}"


def plan_in_words(plan: Plan) -> str:
    """Return what a plan does: ``3 to attach; 12 skipped``."""
    return in_words(plan.counts, skipped=len(plan.skips), blocked=len(plan.blocked))


def in_words(actions: Mapping[str, int], *, skipped: int, blocked: int) -> str:
    """Return what one plan or several do; what there is none of is left out.

    Args:
        actions: action → number of operations.
        skipped: number of targets without one, with those that are blocked.
    """
    rest = {"skipped": skipped - blocked, "blocked": blocked}
    todo = ", ".join(f"{n:,} to {verb}" for verb, n in actions.items() if n) or "nothing to do"
    others = ", ".join(f"{n:,} {word}" for word, n in rest.items() if n)
    return "; ".join(filter(None, (todo, others)))


def resumed(replay: Replay, state: State, *, retry_failed: bool) -> str:
    """Return what is left of a journal's job; ``state``: of its shard, before it is resumed."""
    if state is State.FAILED:
        return "stopped by the failure tolerance: --continue continues past it"
    if state is State.PAUSED:
        return "paused: --continue continues past the pause"
    numbers = {
        "{} to apply": replay.count(None),
        "{} in doubt to check": replay.count(Outcome.IN_DOUBT),
        "{} to retry": replay.count(*RETRIED) if retry_failed else 0,
    }
    parts = [words.format(f"{number:,}") for words, number in numbers.items() if number]
    return f"resumed: {', '.join(parts) or 'checked for drift'}"


def to_do(runs: Sequence[ShardRun], *, retry_failed: bool = False) -> int:
    """Return how many operations the shards will carry out or check."""
    return sum(_to_do(run, retry_failed=retry_failed) for run in runs)


def _to_do(run: ShardRun, *, retry_failed: bool) -> int:
    if run.problem is not None or run.state not in (State.NOT_BEGUN, State.INTERRUPTED):
        return 0
    if run.replay is not None:
        again = RETRIED if retry_failed else ()
        return run.replay.count(None, Outcome.IN_DOUBT, *again)
    return len(run.plan.operations) if run.plan is not None else 0


def plan_summary(plans: Sequence[Plan], problems: int) -> str:
    """Return one line with the totals of all plans."""
    blocked = sum(len(plan.blocked) for plan in plans)
    skipped = sum(len(plan.skips) for plan in plans)
    words = in_words(actions_of(plans), skipped=skipped, blocked=blocked)
    failed = f"; {counted(problems, 'shard')} can't begin" if problems else ""
    return f"Plan: {words}{failed}."


def actions_of(plans: Sequence[Plan]) -> dict[str, int]:
    """Return action → number of operations in all plans."""
    total = Counter[str]()
    for plan in plans:
        total.update(plan.counts)
    return dict(total)


def shard_report(run: ShardRun) -> ShardReport:
    """Return what became of a shard in this process."""
    return ShardReport(
        shard=run.name,
        organization=run.job.organization,
        state=run.state,
        journal=str(run.place or ""),
        report=report(run.replay) if run.replay is not None else None,
        problem=str(run.problem or ""),
        failed_with=ExitCode(run.problem.exit_code if run.problem else ExitCode.ERROR),
        blocked=run.blocked,
        note=_note(run),
    )


def _note(run: ShardRun) -> str:
    if has_no_journal(run):
        return NO_JOURNAL
    return plan_in_words(run.plan) if run.plan is not None and run.replay is None else ""


def progress_in_words(counts: Mapping[str, int], *, running: int, in_flight: int) -> str:
    """Return the progress of all shards in one line.

    Args:
        counts: outcome (or ``pending``) → number of operations.
        running: number of shards that run.
        in_flight: number of operations in flight.
    """
    shards, flying = counted(running, "shard"), counted(in_flight, "operation")
    return f"{counts_in_words(counts) or 'nothing to do'}; {shards} running, {flying} in flight"
