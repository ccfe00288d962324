"""The result of a fleet and of its shards at a glance, for people who did not watch it. Pure."""

from __future__ import annotations

from collections import Counter

from bulkops.errors import ExitCode
from bulkops.fleet.report.model import FleetReport, ShardReport
from bulkops.fleet.report.text import ORDER, stopped_in_words
from bulkops.fleet.standing import worst
from bulkops.fleet.waves import State
from bulkops.journal.states import Outcome
from bulkops.report.html.words import Verdict, changed, verdict, verdict_of
from bulkops.report.model import PENDING
from bulkops.text import counted

_NOT_STARTED = Verdict("Not started", PENDING)


def shard_verdict(one: ShardReport) -> Verdict:
    """Return the verdict on a shard."""
    if one.problem:
        return Verdict("Failed", Outcome.FAILED)
    if one.undone:
        return Verdict("Undone", Outcome.SKIPPED)
    if one.report is not None:
        return verdict(one.report)
    return _NOT_STARTED if one.exit_code is None else verdict_of(one.exit_code)


def fleet_verdict(fleet: FleetReport) -> Verdict:
    """Return the verdict on a fleet: that on its worst shard, unless it isn't finished."""
    states = {one.state for one in fleet.shards}
    if State.RUNNING in states:
        return Verdict("Running", PENDING)
    if states <= {State.NOT_BEGUN}:
        return _NOT_STARTED
    if any(one.problem for one in fleet.shards):
        return Verdict("Failed", Outcome.FAILED)
    # What was killed is unfinished, and says nothing about the others.
    ended = (one for one in fleet.shards if one.report is None or one.report.exit_code is not None)
    code = worst(one.exit_code for one in ended if one.exit_code is not None)
    unfinished = states & {State.NOT_BEGUN, State.INTERRUPTED}
    if unfinished and code in (ExitCode.DONE, ExitCode.UNFULFILLED):
        return Verdict("Unfinished", Outcome.CONFLICT)
    return verdict_of(code)


def sentences(fleet: FleetReport, noun: str) -> list[str]:
    """Return the result in sentences, for readers who have never seen bulkops.

    Args:
        noun: what is counted: ``workspace``, ``run task`` or ``operation``.
    """
    in_order = sorted(fleet.shards, key=lambda one: ORDER.index(one.state))
    states = Counter(one.state_name for one in in_order)
    listed = ", ".join(f"{number:,} {state}" for state, number in states.items())
    of = f"{counted(len(fleet.shards), 'shard')}{': ' if listed else ''}{listed}."
    stopped = [f"{stopped_in_words(fleet)}."] if fleet.stopped else []
    return [of, changed(fleet.counts, noun), *stopped] if fleet.counts else [of, *stopped]
