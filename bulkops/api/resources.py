"""The API's resources as typed values, read from its documents. Pure.

Each public type is flat; the corresponding ``…Resource`` is its JSON:API form, as in HashiCorp's
OpenAPI. None of them has an ``hmac-key``, which is write-only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.api.jsonapi import Resource, Text, ToOne
from bulkops.api.tolerant import included, unreadable, why_unknown
from bulkops.errors import ServerBroken

EnforcementLevel = Literal["advisory", "mandatory"]
Stage = Literal["pre_plan", "post_plan", "pre_apply", "post_apply"]

STAGES: tuple[Stage, ...] = ("pre_plan", "post_plan", "pre_apply", "post_apply")
"""In the order a Terraform run reaches them."""


_ID_END = re.compile("[1-9A-HJ-NP-Za-km-z]{16}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_id(text: str, kind: str) -> bool:
    """Return whether ``text`` is an id of this kind: ``ws-SihZTyXKfNXUWuUa`` for ``ws``.

    A name may begin like an id (a workspace named ``ws-prod``), but an id ends in 16 characters
    of base 58, or in a UUID on some compatible servers.
    """
    prefix, _, rest = text.partition("-")
    return prefix == kind and _ID_END.fullmatch(rest) is not None


def in_run_order(stages: Iterable[str]) -> list[str]:
    """Return the distinct stages in the order in which a run reaches them, unknown ones last.

    The API treats stages as a set and may return them in any order.
    """
    given = set(stages)
    return [s for s in STAGES if s in given] + sorted(given.difference(STAGES))


class GlobalConfiguration(msgspec.Struct, frozen=True, rename="kebab"):
    """A run task's organization-wide setting; absent if the organization isn't entitled to it."""

    enabled: bool = False
    stages: tuple[Text, ...] = ()
    enforcement_level: Text | None = None


class WorkspaceTask(msgspec.Struct, frozen=True):
    """A run task attached to a workspace.

    Attributes:
        id: ``wstask-…``.
        workspace_id, task_id: ``ws-…`` and ``task-…``; empty if not shown (see ``placed``).
        stages: the stages in run order; on a server without ``stages``, the only ``stage``.
        workspace_name: the workspace's name, if the answer includes the workspace.
        project: the workspace's project (see ``Workspace.project``), if the answer includes it.
        unread: what can't be read, by its API name, as in ``Resource``.
    """

    id: str
    workspace_id: str
    task_id: str
    enforcement_level: str
    stages: tuple[str, ...]
    workspace_name: str | None = None
    project: str | None = None
    unread: Mapping[str, str] = {}

    def on(self, workspace: Workspace) -> WorkspaceTask:
        """Return this attachment as one of a workspace, which the server may have left out."""
        return msgspec.structs.replace(
            self,
            workspace_id=workspace.id,
            workspace_name=workspace.name or None,
            project=workspace.project,
        )

    def is_of(self, task_id: str) -> bool:
        """Return whether this run task is attached.

        Raises:
            ServerBroken: the server doesn't show which run task it is, or where this one is
                attached.
        """
        if not self.task_id:
            raise self._unplaced("task")
        if self.task_id == task_id and not self.workspace_id:
            raise self._unplaced("workspace")
        return self.task_id == task_id

    def _unplaced(self, member: str) -> ServerBroken:
        why = why_unknown(member, self.unread, "relationships")
        return ServerBroken(f"{self.id}: {why}, so it is unknown where the run task is attached")

    def whole(self) -> WorkspaceTask:
        """Return this attachment.

        Raises:
            ServerBroken: the server doesn't show its level or its stages.
        """
        if not self.enforcement_level:
            raise unreadable(self.id, "enforcement-level", self.unread)
        if not self.stages or "stages" in self.unread:
            raise unreadable(self.id, "stages", self.unread)
        return self


class RunTask(msgspec.Struct, frozen=True):
    """A run task of an organization.

    Attributes:
        id: ``task-…``.
        enabled: whether it is called at all, ``None`` if the server doesn't show it.
        organization: the organization's name, ``None`` if the server doesn't show it.
        workspace_task_ids: the ids of its attachments, ``wstask-…``, if the server lists them.
        workspace_tasks: the attachments themselves, if ``include`` requested them.
        unread: what can't be read, by its API name, as in ``Resource``, and with an empty value
            what isn't shown although every server shows it. All have default values here.
    """

    id: str
    name: str
    url: str
    category: str = "task"
    description: str | None = None
    enabled: bool | None = True
    global_configuration: GlobalConfiguration | None = None
    agent_pool_id: str | None = None
    workspace_task_ids: tuple[str, ...] = ()
    workspace_tasks: tuple[WorkspaceTask, ...] = ()
    organization: str | None = None
    unread: Mapping[str, str] = {}

    def known(self, *members: str) -> RunTask:
        """Return this run task.

        Args:
            members: API names of what something depends on.

        Raises:
            ServerBroken: one of them can't be read, or the server doesn't show it.
        """
        for member in members:
            if member in self.unread:
                raise unreadable(self.id, member, self.unread)
        return self


class Workspace(msgspec.Struct, frozen=True):
    """A workspace, with what selecting and planning need.

    A value that the server doesn't show is unknown, which is different from none.

    Attributes:
        name: the name; empty if not shown.
        project_id: ``prj-…``; ``None`` for a workspace in no project; ``UNSET`` if not shown.
        project_name: the project's name; empty if the answer doesn't include it.
        tag_names: the tags; ``None`` if not shown.
        locked: whether it is locked; ``None`` if not shown.
        permissions: this token's permissions on the workspace, by their API names.
        tag_bindings: key → value, including inherited ones, with ``""`` for a key without a
            value; ``None`` if the server only links to them; ``UNSET`` if it doesn't link to
            them, like an older Terraform Enterprise, or if they were not requested.
        attributes: the requested attributes that the server shows, by their API names.
        unread: what can't be read, by its API name, as in ``Resource``.
    """

    id: str
    name: str
    project_id: str | UnsetType | None = UNSET
    project_name: str = ""
    tag_names: tuple[str, ...] | None = None
    locked: bool | None = None
    permissions: Mapping[str, object] = {}
    execution_mode: str | None = None
    terraform_version: str | None = None
    tag_bindings: Mapping[str, str] | UnsetType | None = UNSET
    attributes: Mapping[str, object] = {}
    auto_apply: bool | None = None
    working_directory: str | None = None
    unread: Mapping[str, str] = {}

    @property
    def project(self) -> str:
        """The project as people know it: its name, else its id; empty if neither is known."""
        return self.project_name or self.project_id or ""

    def may(self, permission: str) -> bool | None:
        """Return whether this token has a permission on the workspace, ``None`` if not shown."""
        allowed = self.permissions.get(permission)
        return allowed if isinstance(allowed, bool) else None


class _WorkspaceTaskAttributes(msgspec.Struct, frozen=True, rename="kebab"):
    enforcement_level: Text = ""
    stage: Text | None = None
    # A server that knows several stages shows them; null would hide all but the first.
    stages: tuple[Text, ...] | UnsetType = UNSET


class _WorkspaceTaskRelationships(msgspec.Struct, frozen=True, rename="kebab"):
    task: ToOne | UnsetType = UNSET
    workspace: ToOne | UnsetType = UNSET


class WorkspaceTaskResource(Resource, frozen=True):
    """A ``workspace-tasks`` resource."""

    attributes: _WorkspaceTaskAttributes = _WorkspaceTaskAttributes()
    relationships: _WorkspaceTaskRelationships | None = None

    def value(self) -> WorkspaceTask:
        """Return the flat form."""
        a, r = self.attributes, self.relationships or _WorkspaceTaskRelationships()
        stages = a.stages or ((a.stage,) if a.stage else ())
        return WorkspaceTask(
            id=self.id,
            workspace_id=(r.workspace and r.workspace.id) or "",
            task_id=(r.task and r.task.id) or "",
            enforcement_level=a.enforcement_level,
            stages=tuple(in_run_order(stages)),
            unread=self.unread,
        )


class WorkspaceAttributes(msgspec.Struct, frozen=True, rename="kebab"):
    """The attributes of a ``workspaces`` resource that ``Workspace`` needs."""

    name: Text = ""
    tag_names: tuple[Text, ...] | None = None
    locked: bool | None = None
    permissions: dict[str, object] | None = None
    execution_mode: Text | None = None
    terraform_version: Text | None = None
    auto_apply: bool | None = None
    working_directory: Text | None = None


class WorkspaceRelationships(msgspec.Struct, frozen=True, rename="kebab"):
    """The relationships of a ``workspaces`` resource that ``Workspace`` needs."""

    project: ToOne | None = None


class WorkspaceResource(Resource, frozen=True):
    """A ``workspaces`` resource."""

    attributes: WorkspaceAttributes = WorkspaceAttributes()
    relationships: WorkspaceRelationships | None = None

    def value(self, project_names: Mapping[str, str] | None = None) -> Workspace:
        """Return the flat form; ``project_names`` maps the ids of included projects."""
        a, project = self.attributes, self.relationships and self.relationships.project
        project_id = project.id if project else UNSET
        return Workspace(
            id=self.id,
            name=a.name,
            project_id=project_id,
            project_name=(project_names or {}).get(project_id or "", ""),
            tag_names=a.tag_names,
            locked=a.locked,
            permissions=a.permissions or {},
            execution_mode=a.execution_mode,
            terraform_version=a.terraform_version,
            auto_apply=a.auto_apply,
            working_directory=a.working_directory,
            unread=self.unread,
        )


def included_workspace_tasks(parts: Iterable[msgspec.Raw]) -> list[WorkspaceTask]:
    """Return the attachments among included resources, with workspace names if included, too.

    Those without an id are left out: compare their number with ``RunTask.workspace_task_ids``.

    Args:
        parts: the ``included`` of each document, with resources of any type.
    """
    parts = list(parts)
    shown = (w for part in parts for w in included(part, "workspaces", WorkspaceResource))
    workspaces = {workspace.id: workspace.value() for workspace in shown}
    attachments = (
        attachment.value()
        for part in parts
        for attachment in included(part, "workspace-tasks", WorkspaceTaskResource)
    )
    return [
        one.on(workspaces[one.workspace_id]) if one.workspace_id in workspaces else one
        for one in attachments
    ]
