"""The organization's run tasks: create, list, show, update, delete, and list their attachments.

API page: "Run Tasks".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from bulkops.api import endpoints
from bulkops.api.endpoints import Include, RunTaskChange
from bulkops.api.jsonapi import Many, One, decode
from bulkops.api.messages import Response
from bulkops.api.resources import (
    RunTask,
    WorkspaceTaskResource,
    included_workspace_tasks,
)
from bulkops.api.run_task_resource import RunTaskResource
from bulkops.api.verdict import is_missing
from bulkops.client.caller import Caller
from bulkops.client.paging import everything
from bulkops.client.rows import Rows, Whole
from bulkops.client.workspaces import attachments_on
from bulkops.errors import ApiError, NotFoundOrForbidden

C = TypeVar("C", bound=Rows[Any])


class RunTasks:
    """``client.run_tasks``; every method raises ``ApiError`` or a subclass."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def create(self, organization: str, change: RunTaskChange) -> RunTask:
        """Create a run task; ``change`` must have at least ``name`` and ``url``."""
        return _one(await self._caller.call(endpoints.create_run_task(organization, change)))

    async def list(self, organization: str, include: Sequence[Include] = ()) -> list[RunTask]:
        """Return all run tasks of the organization."""
        request = endpoints.list_run_tasks(organization, include)
        rows = await everything(
            self._caller, request, Many[RunTaskResource], _run_tasks, Whole[RunTask]
        )
        return rows.values()

    async def show(self, task_id: str, include: Sequence[Include] = ()) -> RunTask:
        """Return one run task by its ``task-…`` id."""
        return _one(await self._caller.call(endpoints.show_run_task(task_id, include)))

    async def update(self, task_id: str, change: RunTaskChange) -> RunTask:
        """Update the attributes that ``change`` sets; the others are unchanged."""
        return _one(await self._caller.call(endpoints.update_run_task(task_id, change)))

    async def delete(self, task_id: str) -> None:
        """Delete a run task; the server refuses if it is still attached."""
        await self._caller.call(endpoints.delete_run_task(task_id))

    async def attachments(self, task_id: str, rows: Callable[[], C]) -> C | None:
        """Return all attachments of a run task, collected by ``rows``, in ⌈n/100⌉ requests.

        An older TFE or a compatible server has no such list; then the attachments included with
        the run task are used, if they are complete. ``None`` means that the server
        shows neither, so that only the workspaces' lists remain (``client.workspace_tasks.list``).
        """
        try:
            return await everything(
                self._caller,
                endpoints.list_attachments(task_id),
                Many[WorkspaceTaskResource],
                attachments_on,
                rows,
            )
        except ApiError as error:
            if not is_missing(error):
                raise
            return await self._included(task_id, rows)

    async def _included(self, task_id: str, rows: Callable[[], C]) -> C | None:
        try:
            task = await self.show(task_id, include=("workspace_tasks",))
        except NotFoundOrForbidden:
            raise
        except ApiError as error:
            if not is_missing(error):
                raise
            return None
        if not task.workspace_tasks:
            return None
        kept = rows()
        for attachment in task.workspace_tasks:
            kept.add(attachment)
        return kept if kept.count() == len(task.workspace_task_ids) else None


def _run_tasks(page: Many[RunTaskResource]) -> Iterator[RunTask]:
    included = included_workspace_tasks([page.included])
    return (resource.value(included) for resource in page.data)


def _one(answer: Response) -> RunTask:
    document = decode(answer, One[RunTaskResource])
    return document.data.value(included_workspace_tasks([document.included]))
