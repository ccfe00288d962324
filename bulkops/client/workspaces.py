"""Workspaces and the run tasks attached to them.

API pages: "Workspaces", "Run Tasks".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from bulkops.api import endpoints
from bulkops.api.jsonapi import Many, One, decode, request_id
from bulkops.api.messages import Response
from bulkops.api.resources import (
    EnforcementLevel,
    Stage,
    Workspace,
    WorkspaceResource,
    WorkspaceTask,
    WorkspaceTaskResource,
    is_id,
)
from bulkops.api.workspace_details import (
    INCLUDE_BINDINGS,
    DetailedWorkspaceResource,
    ShownWorkspace,
    detailed_workspaces,
)
from bulkops.client.caller import Caller
from bulkops.client.paging import everything
from bulkops.client.rows import Rows, Whole
from bulkops.errors import ServerBroken

C = TypeVar("C", bound=Rows[Any])


class Workspaces:
    """``client.workspaces``; every method raises the ``ApiError`` tree."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def list(
        self, organization: str, filters: Mapping[str, str] | None = None
    ) -> list[Workspace]:
        """Return all workspaces by name.

        Args:
            filters: the API's own parameters: ``{"search[tags]": "prod,eu"}``,
                ``search[name]``, ``search[wildcard-name]``, ``search[exclude-tags]``,
                ``filter[project][id]``, …
        """
        return (await self.read(organization, filters or {}, Whole[Workspace])).values()

    async def read(self, organization: str, filters: Mapping[str, str], rows: Callable[[], C]) -> C:
        """Return what ``rows`` keeps of all workspaces: of many, not everything is needed."""
        request = endpoints.list_workspaces(organization, filters)
        return await everything(self._caller, request, Many[WorkspaceResource], _workspaces, rows)

    async def read_details(
        self,
        organization: str,
        filters: Mapping[str, str],
        rows: Callable[[], C],
        attributes: Sequence[str] = (),
        *,
        bindings: bool = False,
    ) -> C:
        """Return what ``rows`` keeps of all workspaces, which come with more than else.

        Args:
            attributes: to read as well, by their API names: see ``Workspace.attributes``.
            bindings: ask for the tag bindings, too.
        """
        asked = {**filters, **(INCLUDE_BINDINGS if bindings else {})}
        return await everything(
            self._caller,
            endpoints.list_workspaces(organization, asked),
            Many[DetailedWorkspaceResource],
            lambda page: detailed_workspaces(page, attributes),
            rows,
        )

    async def read_shown(self, organization: str, rows: Callable[[], C]) -> C:
        """Return what ``rows`` keeps of all workspaces, each with all that is shown of it."""
        request = endpoints.list_workspaces(organization, {})
        return await everything(
            self._caller, request, Many[ShownWorkspace], lambda page: iter(page.data), rows
        )

    async def show(self, organization: str, name_or_id: str) -> Workspace:
        """Return one workspace by its name or its ``ws-…`` id."""
        if is_id(name_or_id, "ws"):
            request = endpoints.show_workspace_by_id(name_or_id)
        else:
            request = endpoints.show_workspace(organization, name_or_id)
        return decode(await self._caller.call(request), One[WorkspaceResource]).data.value()


class WorkspaceTasks:
    """``client.workspace_tasks``; every method raises the ``ApiError`` tree.

    Args:
        caller: sends the requests.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def attach(
        self,
        workspace_id: str,
        task_id: str,
        enforcement_level: EnforcementLevel,
        *,
        stages: Sequence[Stage] = (),
        stage: Stage | None = None,
    ) -> WorkspaceTask:
        """Attach a run task; the server's default stage is ``post_plan``.

        Args:
            stages: for HCP Terraform and TFE from v202404-1.
            stage: for an older TFE, which knows one stage only.
        """
        attributes = _attributes(enforcement_level, stages, stage)
        answer = await self._caller.call(endpoints.attach(workspace_id, task_id, attributes))
        if answer.body.strip():
            return _one(answer)
        # The seed API page has 204 without a body: only the list then tells the id.
        attached = [t for t in await self.list(workspace_id) if t.task_id == task_id]
        if not attached:
            raise ServerBroken(
                f"the server said {answer.status} to the attachment of {task_id}, "
                f"but does not list it",
                status=answer.status,
                request_id=request_id(answer),
            )
        return attached[-1]

    async def list(self, workspace_id: str) -> list[WorkspaceTask]:
        """Return the run tasks attached to a workspace."""
        request = endpoints.list_workspace_tasks(workspace_id)
        rows = await everything(
            self._caller, request, Many[WorkspaceTaskResource], attachments_on, Whole[WorkspaceTask]
        )
        return rows.values()

    async def show(self, workspace_id: str, workspace_task_id: str) -> WorkspaceTask:
        """Return one attachment by its ``wstask-…`` id."""
        request = endpoints.show_workspace_task(workspace_id, workspace_task_id)
        return _one(await self._caller.call(request))

    async def update(
        self,
        workspace_id: str,
        workspace_task_id: str,
        *,
        enforcement_level: EnforcementLevel | None = None,
        stages: Sequence[Stage] = (),
        stage: Stage | None = None,
    ) -> WorkspaceTask:
        """Change what is given, keep the rest."""
        attributes = _attributes(enforcement_level, stages, stage)
        request = endpoints.update_workspace_task(workspace_id, workspace_task_id, attributes)
        return _one(await self._caller.call(request))

    async def detach(self, workspace_id: str, workspace_task_id: str) -> None:
        """Remove an attachment; the run task itself stays."""
        await self._caller.call(endpoints.detach(workspace_id, workspace_task_id))


def _attributes(
    enforcement_level: EnforcementLevel | None, stages: Sequence[Stage], stage: Stage | None
) -> dict[str, object]:
    attributes: dict[str, object] = {}
    if enforcement_level is not None:
        attributes["enforcement-level"] = enforcement_level
    if stages:
        attributes["stages"] = list(stages)
    if stage is not None:
        attributes["stage"] = stage
    return attributes


def attachments_on(page: Many[WorkspaceTaskResource]) -> Iterator[WorkspaceTask]:
    """Yield a page's attachments."""
    return (resource.value() for resource in page.data)


def _workspaces(page: Many[WorkspaceResource]) -> Iterator[Workspace]:
    return (resource.value() for resource in page.data)


def _one(answer: Response) -> WorkspaceTask:
    return decode(answer, One[WorkspaceTaskResource]).data.value()
