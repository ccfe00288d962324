"""The organization's run tasks: create, list, show, update, delete, and where each is attached.

API page: "Run Tasks".
"""

from __future__ import annotations

from collections.abc import Sequence

from bulkops.client import endpoints
from bulkops.client.caller import Caller
from bulkops.client.endpoints import RunTaskChange
from bulkops.client.jsonapi import Many, One, decode
from bulkops.client.resources import (
    RunTask,
    RunTaskResource,
    WorkspaceTask,
    WorkspaceTaskResource,
    included_workspace_tasks,
)
from bulkops.errors import NotFoundOrForbidden
from bulkops.exchange import Response


class RunTasks:
    """``client.run_tasks``; every method raises the ``ApiError`` tree."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def create(self, organization: str, change: RunTaskChange) -> RunTask:
        """Create a run task from a change that has at least ``name`` and ``url``."""
        return _one(await self._caller.call(endpoints.create_run_task(organization, change)))

    async def list(self, organization: str, include: Sequence[str] = ()) -> list[RunTask]:
        """Return all run tasks; ``include`` as in ``endpoints.INCLUDES``."""
        request = endpoints.list_run_tasks(organization, include)
        tasks, pages = await self._caller.everything(request, Many[RunTaskResource])
        included = included_workspace_tasks(raw for page in pages for raw in page.included)
        return [task.value(included) for task in tasks]

    async def show(self, task_id: str, include: Sequence[str] = ()) -> RunTask:
        """Return one run task by its ``task-…`` id."""
        return _one(await self._caller.call(endpoints.show_run_task(task_id, include)))

    async def update(self, task_id: str, change: RunTaskChange) -> RunTask:
        """Change what ``change`` sets, keep the rest."""
        return _one(await self._caller.call(endpoints.update_run_task(task_id, change)))

    async def delete(self, task_id: str) -> None:
        """Delete a run task; one that is still attached is refused."""
        await self._caller.call(endpoints.delete_run_task(task_id))

    async def attachments(self, task_id: str) -> Sequence[WorkspaceTask] | None:
        """Return every attachment of one run task, in ⌈n/100⌉ requests.

        An older TFE has no such list: then the attachments included with the task itself, where
        those are complete; ``None`` where the server gives neither, and only the workspaces'
        own lists remain (``client.workspace_tasks.list``).
        """
        try:
            listed, _ = await self._caller.everything(
                endpoints.list_attachments(task_id), Many[WorkspaceTaskResource]
            )
        except NotFoundOrForbidden:
            task = await self.show(task_id, include=("workspace_tasks",))
            complete = task.workspace_tasks and len(task.workspace_tasks) == len(
                task.workspace_task_ids
            )
            return task.workspace_tasks if complete else None
        return [resource.value() for resource in listed]


def _one(answer: Response) -> RunTask:
    document = decode(answer, One[RunTaskResource])
    return document.data.value(included_workspace_tasks(document.included))
