"""Mutations that each remove a safeguard of a single kind or of saved plans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

import msgspec

from bulkops.api import endpoints
from bulkops.api.messages import Request
from bulkops.journal.records import Record, Result
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.operations.aspects.workspace import WorkspaceAspect
from bulkops.operations.kinds import replace
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Operation
from bulkops.operations.several import BoundStep
from bulkops.plan import decidable, undo
from bulkops.plan.reconcile import reconcile
from bulkops.runner import execution
from bulkops.runner.starts import dependencies as order
from tests.simulation.found import Mutation


def detach_does_not_wait() -> AbstractContextManager[Any]:
    """Detach the old run task without waiting for the attachment of the new one."""
    writes = replace._writes

    def at_once(*decided: Any) -> list[Operation]:
        return [msgspec.structs.replace(operation, after=()) for operation in writes(*decided)]

    return mock.patch.object(replace, "_writes", at_once)


@contextmanager
def steps_do_not_wait() -> Iterator[None]:
    """Carry out all steps of a workspace at once."""
    in_job = BoundStep.in_job

    def at_once(self: BoundStep, operation: Operation, _earlier: Sequence[str]) -> Operation:
        return in_job(self, operation, ())

    with (
        mock.patch.object(BoundStep, "in_job", at_once),
        # Without this, each journal would be refused before anything is sent.
        mock.patch.object(decidable._Decisions, "_follows", return_value=True),
    ):
        yield


def undo_does_not_wait() -> AbstractContextManager[Any]:
    """Detach the new run task without waiting for the restored old one."""
    return mock.patch.object(undo, "_after", lambda inverse, *_others: inverse)


def failed_counts_as_done() -> AbstractContextManager[Any]:
    """Detach the old run task though the new one could not be attached."""
    return mock.patch.multiple(order, DONE=tuple(Outcome), RETRIED=())


def conflict_written_over() -> AbstractContextManager[Any]:
    """Apply a saved plan over changes made since."""

    def never_mind(replay: Replay, *arguments: Any, **options: Any) -> Iterator[Record]:
        for record in reconcile(replay, *arguments, **options):
            conflict = isinstance(record, Result) and record.outcome is Outcome.CONFLICT
            if not (conflict and replay.header.plan):
                yield record

    return mock.patch.object(execution, "reconcile", never_mind)


def saved_plan_decided_anew() -> AbstractContextManager[Any]:
    """Decide failed operations of a saved plan again when they are retried."""

    def as_a_job(replay: Replay, *arguments: Any, **options: Any) -> Iterator[Record]:
        header = msgspec.structs.replace(replay.header, plan="")
        unsaved = msgspec.structs.replace(replay, header=header)
        return reconcile(unsaved, *arguments, **options)

    return mock.patch.object(execution, "reconcile", as_a_job)


def settings_written_whole() -> AbstractContextManager[Any]:
    """Send a setting that the job doesn't name along with those that differ."""

    def more(_self: WorkspaceAspect, operation: Operation) -> Request:
        whole = {"execution-mode": "remote", **(operation.desired or {})}
        return endpoints.update_workspace(operation.target.id, whole)

    return mock.patch.object(WorkspaceAspect, "request", more)


def one_value_for_all() -> AbstractContextManager[Any]:
    """Decide about every workspace by the values of the first group."""
    return mock.patch.object(Kind, "of", lambda kind, _target: kind)


def values_forgotten_on_retry() -> AbstractContextManager[Any]:
    """Decide what failed again by the job's first values."""

    def without_values(replay: Replay, *arguments: Any, **options: Any) -> Iterator[Record]:
        observations, kind, *others = arguments
        with mock.patch.object(Kind, "of", lambda kind, _target: kind):
            yield from reconcile(replay, observations, kind, *others, **options)

    return mock.patch.object(execution, "reconcile", without_values)


OF_KINDS: tuple[Mutation, ...] = (
    detach_does_not_wait,
    steps_do_not_wait,
    undo_does_not_wait,
    failed_counts_as_done,
    conflict_written_over,
    saved_plan_decided_anew,
    settings_written_whole,
    one_value_for_all,
    values_forgotten_on_retry,
)
"""All of them."""
