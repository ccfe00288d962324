"""Attributes of the organization's run tasks: how they are read and written. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bulkops.api import endpoints
from bulkops.api.endpoints import RunTaskChange
from bulkops.api.jsonapi import Many, One
from bulkops.api.messages import Request
from bulkops.api.resources import RunTask
from bulkops.api.run_task_resource import RunTaskResource
from bulkops.operations.aspects.base import ResourceAspect, RunTasksOf
from bulkops.operations.model import Observed, Operation


def observed_of(task: RunTask, fields: Sequence[str]) -> Observed:
    """Return a run task as it is compared.

    Args:
        fields: API names of the attributes to compare.

    Raises:
        ServerBroken: one of them can't be read.
    """
    task.known(*fields)
    return Observed(task.id, {name: getattr(task, name.replace("-", "_")) for name in fields})


class RunTaskAspect(ResourceAspect):
    """Some attributes of the organization's run tasks.

    Args:
        fields: their API names; changes to any other attribute are not a conflict.
    """

    page = Many[RunTaskResource]
    document = One[RunTaskResource]

    def __init__(self, organization: str, fields: tuple[str, ...]) -> None:
        self._organization = organization
        self._fields = fields

    @property
    def source(self) -> RunTasksOf | None:
        """The organization's list of run tasks."""
        return RunTasksOf(self._organization, self._fields)

    def request(self, operation: Operation) -> Request:
        """Send only the attributes that differ, or delete the run task."""
        if operation.desired is None:
            return endpoints.delete_run_task(operation.target.id)
        change = msgspec.convert(operation.changed, RunTaskChange)
        return endpoints.update_run_task(operation.target.id, change)

    def look(self, _operation: Operation) -> Request:
        """List the run tasks: a list proves that one is gone; a 404 may have other causes."""
        return endpoints.list_run_tasks(self._organization)

    def shown(self, resource: RunTaskResource) -> Observed:
        """Return a run task as it is compared."""
        return observed_of(resource.value(), self._fields)
