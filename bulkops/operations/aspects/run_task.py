"""What the kinds share that change a run task itself, as the organization lists it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from bulkops.api import endpoints
from bulkops.api.endpoints import RunTaskChange
from bulkops.api.jsonapi import Many, One, decode
from bulkops.api.messages import Request, Response
from bulkops.api.resources import RunTask, RunTaskResource
from bulkops.operations.model import (
    Attributes,
    Binding,
    Operation,
    Over,
    Right,
    RunTasksOf,
    Seen,
    Showing,
    Skip,
    Target,
)

GONE = "the run task is not there any more"


def seen_of(task: RunTask, fields: Sequence[str]) -> Seen:
    """Return a run task as compared, with these of its attributes by their API names."""
    return Seen(task.id, {name: getattr(task, name.replace("-", "_")) for name in fields})


class RunTaskAspect:
    """Some attributes of the organization's run tasks.

    Args:
        fields: their API names; all others may change meanwhile without a conflict.
    """

    def __init__(self, organization: str, fields: tuple[str, ...]) -> None:
        self._organization = organization
        self._fields = fields

    @property
    def source(self) -> RunTasksOf | None:
        """The organization's run tasks."""
        return RunTasksOf(self._organization, self._fields)

    def request(self, operation: Operation) -> Request:
        """Change the attributes that differ, and send no other; or delete the run task."""
        if operation.wanted is None:
            return endpoints.delete_run_task(operation.target.id)
        before = operation.before.attributes if operation.before else {}
        wanted = operation.wanted
        changed = {name: value for name, value in wanted.items() if before.get(name) != value}
        return endpoints.update_run_task(
            operation.target.id, msgspec.convert(changed, RunTaskChange)
        )

    def look(self, _operation: Operation) -> Request:
        """List the run tasks: a list says that one is gone, a 404 may say anything."""
        return endpoints.list_run_tasks(self._organization)

    def seen(self, operation: Operation, answer: Response) -> list[Seen]:
        """Return the operation's run task, where it is on this page of that list."""
        tasks = decode(answer, Many[RunTaskResource]).data
        return [self._seen(task) for task in tasks if task.id == operation.target.id]

    def echo(self, answer: Response) -> Seen | None:
        """Return the run task in a write's answer; an empty body shows none."""
        return (
            self._seen(decode(answer, One[RunTaskResource]).data) if answer.body.strip() else None
        )

    def _seen(self, task: RunTaskResource) -> Seen:
        return seen_of(task.value(), self._fields)


class RunTaskKind:
    """Base of the kinds that change attributes of the one run task they name.

    Args:
        wanted: attributes it shall have, by their API names.
    """

    name: ClassVar[str]
    already: ClassVar[str] = "already as wanted"
    over: ClassVar[Over] = Over.TASK
    right: ClassVar[Right] = Right.RUN_TASKS
    destroys: ClassVar[bool] = False
    keeps_one: ClassVar[bool] = False
    verbs: ClassVar[Sequence[str]] = ()
    reversible: ClassVar[bool] = True

    def __init__(self, binding: Binding, wanted: Attributes) -> None:
        self._wanted = wanted
        self.aspects = {"": RunTaskAspect(binding.organization, tuple(wanted))}

    def decide(self, target: Target, showing: Showing) -> Sequence[Operation | Skip]:
        """Change what differs from the wish."""
        seen = showing[""].get(target.id, ())
        if not seen:
            return (Skip(target, GONE, blocked=True),)
        if seen[0].attributes == self._wanted:
            return (Skip(target, self.already),)
        return (Operation(self.name, target, seen[0], self._wanted),)

    def notes(self, _operations: Sequence[Operation]) -> Sequence[str]:
        """Say nothing beside the operations."""
        return ()
