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

from bulkops.api.jsonapi import Resource, Text, ToMany, ToOne, decode_included
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
    """

    id: str
    workspace_id: str
    task_id: str
    enforcement_level: str
    stages: tuple[str, ...]
    workspace_name: str | None = None

    def placed(self) -> WorkspaceTask:
        """Return this attachment.

        Raises:
            ServerBroken: the server does not show its workspace or its run task.
        """
        if self.workspace_id and self.task_id:
            return self
        raise ServerBroken(
            f"the server does not show the run task and workspace of {self.id}, so it is unknown "
            "where the run task is attached"
        )


class RunTask(msgspec.Struct, frozen=True):
    """A run task of an organization.

    Attributes:
        id: ``task-…``.
        organization: the organization's name, ``None`` if the server doesn't show it.
        workspace_task_ids: the ids of its attachments, ``wstask-…``, if the server lists them.
        workspace_tasks: the attachments themselves, if ``include`` requested them.
    """

    id: str
    name: str
    url: str
    category: str = "task"
    description: str | None = None
    enabled: bool = True
    global_configuration: GlobalConfiguration | None = None
    agent_pool_id: str | None = None
    workspace_task_ids: tuple[str, ...] = ()
    workspace_tasks: tuple[WorkspaceTask, ...] = ()
    organization: str | None = None


class Workspace(msgspec.Struct, frozen=True):
    """A workspace, with what selecting and planning need.

    A value that the server doesn't show is unknown, which is different from none.

    Attributes:
        name: the name; empty if not shown.
        project_id: ``prj-…``; ``None`` for a workspace in no project; ``UNSET`` if not shown.
        tag_names: the tags; ``None`` if not shown.
        locked: whether it is locked; ``None`` if not shown.
        permissions: this token's permissions on the workspace, by their API names.
        tag_bindings: key → value, including inherited ones, with ``""`` for a key without a
            value; ``None`` if the server only links to them; ``UNSET`` if it doesn't link to
            them, like an older Terraform Enterprise, or if they were not requested.
        attributes: the requested attributes that the server shows, by their API names.
    """

    id: str
    name: str
    project_id: str | UnsetType | None = UNSET
    tag_names: tuple[str, ...] | None = None
    locked: bool | None = None
    permissions: Mapping[str, object] = {}
    execution_mode: str | None = None
    terraform_version: str | None = None
    tag_bindings: Mapping[str, str] | UnsetType | None = UNSET
    attributes: Mapping[str, object] = {}
    auto_apply: bool | None = None
    working_directory: str | None = None

    def may(self, permission: str) -> bool | None:
        """Return whether this token has a permission on the workspace, ``None`` if not shown."""
        allowed = self.permissions.get(permission)
        return allowed if isinstance(allowed, bool) else None


class _RunTaskAttributes(msgspec.Struct, frozen=True, rename="kebab"):
    name: Text = ""
    url: Text = ""
    category: Text = "task"
    description: Text | None = None
    enabled: bool = True
    global_configuration: GlobalConfiguration | None = None


class _RunTaskRelationships(msgspec.Struct, frozen=True, rename="kebab"):
    agent_pool: ToOne | None = None
    organization: ToOne | None = None
    workspace_tasks: ToMany | None = None


class RunTaskResource(Resource, frozen=True):
    """A ``tasks`` resource."""

    attributes: _RunTaskAttributes = _RunTaskAttributes()
    relationships: _RunTaskRelationships = _RunTaskRelationships()

    def value(self, included: Iterable[WorkspaceTask] = ()) -> RunTask:
        """Return the flat form, with the attachments of this run task in ``included``."""
        a, r = self.attributes, self.relationships
        attached = (r.workspace_tasks and r.workspace_tasks.data) or ()
        return RunTask(
            id=self.id,
            name=a.name,
            url=a.url,
            category=a.category,
            description=a.description,
            enabled=a.enabled,
            global_configuration=a.global_configuration,
            agent_pool_id=(r.agent_pool and r.agent_pool.id) or None,
            organization=(r.organization and r.organization.id) or None,
            workspace_task_ids=tuple(i.id for i in attached),
            workspace_tasks=tuple(w for w in included if w.task_id == self.id),
        )


class _WorkspaceTaskAttributes(msgspec.Struct, frozen=True, rename="kebab"):
    enforcement_level: Text = ""
    stage: Text | None = None
    stages: tuple[Text, ...] | None = None


class _WorkspaceTaskRelationships(msgspec.Struct, frozen=True, rename="kebab"):
    task: ToOne = ToOne()
    workspace: ToOne = ToOne()


class WorkspaceTaskResource(Resource, frozen=True):
    """A ``workspace-tasks`` resource."""

    attributes: _WorkspaceTaskAttributes = _WorkspaceTaskAttributes()
    relationships: _WorkspaceTaskRelationships = _WorkspaceTaskRelationships()

    def value(self, workspace_names: dict[str, str] | None = None) -> WorkspaceTask:
        """Return the flat form; ``workspace_names`` maps the ids of included workspaces."""
        a, r = self.attributes, self.relationships
        stages = a.stages or ((a.stage,) if a.stage else ())
        workspace_id = r.workspace.id or ""
        return WorkspaceTask(
            id=self.id,
            workspace_id=workspace_id,
            task_id=r.task.id or "",
            enforcement_level=a.enforcement_level,
            stages=tuple(in_run_order(stages)),
            workspace_name=(workspace_names or {}).get(workspace_id),
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
    relationships: WorkspaceRelationships = WorkspaceRelationships()

    def value(self) -> Workspace:
        """Return the flat form."""
        a, project = self.attributes, self.relationships.project
        return Workspace(
            id=self.id,
            name=a.name,
            project_id=project.id if project else UNSET,
            tag_names=a.tag_names,
            locked=a.locked,
            permissions=a.permissions or {},
            execution_mode=a.execution_mode,
            terraform_version=a.terraform_version,
            auto_apply=a.auto_apply,
            working_directory=a.working_directory,
        )


class _Included(Resource, frozen=True):
    attributes: msgspec.Raw = msgspec.Raw(b"{}")
    relationships: msgspec.Raw = msgspec.Raw(b"{}")


def included_workspace_tasks(included: Iterable[msgspec.Raw]) -> list[WorkspaceTask]:
    """Return the attachments among included resources, with workspace names if included, too.

    Args:
        included: the ``included`` of each document, with resources of any type.
    """
    parts = [part for raw in included for part in decode_included(raw, tuple[_Included, ...])]
    names = {
        part.id: decode_included(part.attributes, WorkspaceAttributes).name
        for part in parts
        if part.type == "workspaces"
    }
    return [
        WorkspaceTaskResource(
            part.id,
            part.type,
            decode_included(part.attributes, _WorkspaceTaskAttributes),
            decode_included(part.relationships, _WorkspaceTaskRelationships),
        ).value(names)
        for part in parts
        if part.type == "workspace-tasks"
    ]
