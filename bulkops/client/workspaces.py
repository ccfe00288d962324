"""The organization's workspaces, and the run tasks attached to them.

API pages: "Workspaces", "Run Tasks".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from bulkops.api import endpoints
from bulkops.api.failures import request_id
from bulkops.api.jsonapi import Many, One, decode
from bulkops.api.messages import Response
from bulkops.api.organizations import included_project_names
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
    DetailedWorkspaceResource,
    ShownWorkspace,
    detailed_workspaces,
)
from bulkops.client.caller import Caller
from bulkops.client.paging import everything
from bulkops.client.rows import Rows, Whole
from bulkops.errors import RequestRejected, ServerBroken

C = TypeVar("C", bound=Rows[Any])
T = TypeVar("T")

_PROJECT = "project"
_BINDINGS = "effective_tag_bindings"
_NO_SUCH_INCLUDE = (400, 422)


class Workspaces:
    """``client.workspaces``; every method raises ``ApiError`` or a subclass.

    Projects are read with their names, except from a server that can't include them.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def list(
        self, organization: str, filters: Mapping[str, str] | None = None
    ) -> list[Workspace]:
        """Return all workspaces, sorted by name.

        Args:
            filters: the API's query parameters: ``{"search[tags]": "prod,eu"}``,
                ``search[name]``, ``search[wildcard-name]``, ``search[exclude-tags]``,
                ``filter[project][id]``, …
        """
        return (await self.read(organization, filters or {}, Whole[Workspace])).values()

    async def read(self, organization: str, filters: Mapping[str, str], rows: Callable[[], C]) -> C:
        """Return all workspaces, collected by ``rows``, which may keep only a part of each."""
        return await _including(
            [_PROJECT],
            lambda include: everything(
                self._caller,
                endpoints.list_workspaces(organization, {**include, **filters}),
                Many[WorkspaceResource],
                _workspaces,
                rows,
            ),
        )

    async def read_details(
        self,
        organization: str,
        filters: Mapping[str, str],
        rows: Callable[[], C],
        attributes: Sequence[str] = (),
        *,
        bindings: bool = False,
    ) -> C:
        """Return all workspaces with further details, collected by ``rows``.

        Args:
            attributes: the API names of further attributes (see ``Workspace.attributes``).
            bindings: whether to read the tag bindings, too. An older Terraform Enterprise has
                none: there, ``Workspace.tag_bindings`` is ``UNSET``.
        """
        return await _including(
            [_PROJECT, *([_BINDINGS] if bindings else [])],
            lambda include: everything(
                self._caller,
                endpoints.list_workspaces(organization, {**include, **filters}),
                Many[DetailedWorkspaceResource],
                lambda page: detailed_workspaces(page, attributes),
                rows,
            ),
        )

    async def read_shown(self, organization: str, rows: Callable[[], C]) -> C:
        """Return all workspaces with everything the server shows, collected by ``rows``."""
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
        answer = await _including(
            [_PROJECT],
            lambda include: self._caller.call(replace(request, query=tuple(include.items()))),
        )
        document = decode(answer, One[WorkspaceResource])
        return document.data.value(included_project_names(document.included))


class WorkspaceTasks:
    """``client.workspace_tasks``; every method raises ``ApiError`` or a subclass.

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
        """Attach a run task to a workspace; the server's default stage is ``post_plan``.

        Args:
            stages: the stages, on HCP Terraform and TFE since v202404-1.
            stage: the stage, on an older TFE, which supports only one.
        """
        attributes = _attributes(enforcement_level, stages, stage)
        answer = await self._caller.call(endpoints.attach(workspace_id, task_id, attributes))
        if answer.body.strip():
            return _one(answer)
        # An older API page documents 204 without a body; then only the list shows the id.
        attached = [t for t in await self.list(workspace_id) if t.task_id == task_id]
        if not attached:
            raise ServerBroken(
                f"the server answered {answer.status} to the attachment of {task_id}, "
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
        """Update the attributes that are given; the others are unchanged."""
        attributes = _attributes(enforcement_level, stages, stage)
        request = endpoints.update_workspace_task(workspace_id, workspace_task_id, attributes)
        return _one(await self._caller.call(request))

    async def detach(self, workspace_id: str, workspace_task_id: str) -> None:
        """Remove an attachment; the run task itself is kept."""
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
    """Yield the attachments of a page."""
    return (resource.value() for resource in page.data)


def _workspaces(page: Many[WorkspaceResource]) -> Iterator[Workspace]:
    names = included_project_names(page.included)
    return (resource.value(names) for resource in page.data)


async def _including(
    included: Sequence[str], read: Callable[[Mapping[str, str]], Awaitable[T]]
) -> T:
    """Read with as many of these ``include``s as the server knows.

    Args:
        included: those that servers have had for longest first.
        read: reads with a query parameter ``include``.
    """
    for known in range(len(included), 0, -1):
        try:
            return await read({"include": ",".join(included[:known])})
        except RequestRejected as error:
            if error.status not in _NO_SUCH_INCLUDE:
                raise
    return await read({})


def _one(answer: Response) -> WorkspaceTask:
    return decode(answer, One[WorkspaceTaskResource]).data.value()
