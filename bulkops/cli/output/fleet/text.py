"""A fleet's plans, question and report for people: a line for each shard, and totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bulkops.cli.output.plan_text import summary
from bulkops.fleet.shard_run import ShardRun
from bulkops.fleet.standing import worst
from bulkops.fleet.waves import State
from bulkops.journal.replay import Replay
from bulkops.journal.states import RETRIED, Outcome
from bulkops.operations import wording
from bulkops.plan.model import Plan
from bulkops.report.columns import filled, widest
from bulkops.report.model import report
from bulkops.report.text import lines as report_lines
from bulkops.report.text import totals
from bulkops.report.words import counts_in_words
from bulkops.text import counted


def headline(name: str, kind: str, task: str, shards: int, waves: int = 1) -> str:
    """Return one line: ``fleet: attach security-scan in 8 shards, in 3 waves``."""
    in_waves = f", in {waves} waves" if waves > 1 else ""
    what = f"{wording.kind_in_words(kind, undo=False)}{task and ' '}{task}"
    return f"{name}: {what} in {counted(shards, 'shard')}{in_waves}"


def shard_lines(runs: Sequence[ShardRun], texts: Sequence[str]) -> Iterator[str]:
    """Yield a line for each shard: name, organization, text; one of several lines is indented."""
    names = widest(run.name for run in runs)
    organizations = widest(run.job.organization for run in runs)
    for run, text in zip(runs, texts, strict=True):
        first, *rest = text.split("\n")
        organization = filled(run.job.organization, organizations)
        yield f"  {filled(run.name, names)}  {organization}  {first}"
        yield from (f"    {line}" for line in rest)


def planned(run: ShardRun, *, retry_failed: bool = False) -> str:
    """Return what a shard that was looked at will do."""
    if run.problem is not None:
        return str(run.problem)
    if run.replay is not None:
        return resumed(run.replay, retry_failed=retry_failed, stopped=run.state is State.FAILED)
    return plan_in_words(run.plan) if run.plan is not None else "not planned"


def plan_in_words(plan: Plan) -> str:
    """Return what a plan does: ``3 to attach, 0 to update; 12 skipped``."""
    return summary(plan).removeprefix("Plan: ").removesuffix(".")


def resumed(replay: Replay, *, retry_failed: bool, stopped: bool) -> str:
    """Return what is left of a journal's job.

    Args:
        stopped: the failure tolerance stopped it, and ``--continue`` is not given.
    """
    if stopped:
        return "stopped by the failure tolerance: --continue continues past it"
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
    if run.problem is not None or run.state is State.FAILED:
        return 0
    if run.replay is not None:
        again = RETRIED if retry_failed else ()
        return run.replay.count(None, Outcome.IN_DOUBT, *again)
    return len(run.plan.operations) if run.plan is not None else 0


def plan_summary(plans: Sequence[Plan], problems: int) -> str:
    """Return one line with the totals of all plans."""
    actions = actions_of(plans)
    todo = ", ".join(f"{n:,} to {verb}" for verb, n in actions.items()) or "nothing to do"
    blocked = sum(len(plan.blocked) for plan in plans)
    skipped = sum(len(plan.skips) for plan in plans) - blocked
    more = f", {blocked:,} blocked" if blocked else ""
    failed = f"; {counted(problems, 'shard')} can't be planned" if problems else ""
    return f"Plan: {todo}; {skipped:,} skipped{more}{failed}."


def actions_of(plans: Sequence[Plan]) -> dict[str, int]:
    """Return action → number of operations in all plans."""
    total = Counter[str]()
    for plan in plans:
        total.update(plan.counts)
    return dict(total)


def state_in_words(run: ShardRun) -> str:
    """Return how far a shard is: ``done: 12 succeeded of 12 operations``."""
    state = "in use" if run.state is State.RUNNING else run.state.value
    done = totals(report(run.replay)) if run.replay is not None else ""
    if run.plan is not None and run.replay is None:
        done = plan_in_words(run.plan)
    return "\n".join(filter(None, (f"{state}{': ' * bool(done)}{done}", str(run.problem or ""))))


def end_lines(runs: Sequence[ShardRun]) -> Iterator[str]:
    """Yield the report: a line for each shard, a section for each that isn't plain success."""
    yield from shard_lines(runs, [state_in_words(run) for run in runs])
    for run in runs:
        if run.replay is not None and worst([run.exit_code]):
            yield from ("", f"{run.name}: {run.place}", *report_lines(report(run.replay)))
    counts = counts_of(runs)
    operations = counted(sum(counts.values()), "operation")
    yield ""
    yield f"Total: {counts_in_words(counts) or 'nothing to do'} of {operations}"


def counts_of(runs: Sequence[ShardRun]) -> dict[str, int]:
    """Return outcome (or ``pending``) → number of operations in the journals of all shards."""
    total = Counter[str]()
    for run in runs:
        if run.replay is not None:
            total.update(report(run.replay).counts)
    return dict(total)
