"""Events about single run tasks and their attachments. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bulkops.events.model import Event

if TYPE_CHECKING:
    from bulkops.api import resources


class GlobalConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """A run task's organization-wide configuration.

    Attributes:
        enabled: whether it is in effect.
        stages: stages of a run in which the run task is called, as the server names them.
        enforcement_level: whether a failure stops the run, as the server names it; null if the
            server has none.
    """

    enabled: bool
    stages: tuple[str, ...]
    enforcement_level: str | None


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """The attachment of a run task to a workspace.

    Attributes:
        id: the attachment's id, `wstask-…`.
        workspace_id: the workspace's id, `ws-…`.
        task_id: the run task's id, `task-…`.
        enforcement_level: whether a failure stops the run, as the server names it.
        stages: stages of a run in which the run task is called, as the server names them, in
            the order of a run.
        workspace_name: the workspace's name; null if it was not requested.
        project: name of the workspace's project, or the project's id if the server does not show
            the name; empty if the server shows no project; null if it was not requested.
    """

    id: str
    workspace_id: str
    task_id: str
    enforcement_level: str
    stages: tuple[str, ...]
    workspace_name: str | None
    project: str | None


class RunTask(Event, frozen=True, kw_only=True, tag="run_task"):
    """A run task of the organization.

    Attributes:
        id: its id, `task-…`.
        name: its name.
        url: URL at which it is called.
        category: `task`, as the server names it.
        description: its description on the server; null for none.
        enabled: whether it is called at all; null if the server doesn't show it.
        global_configuration: its organization-wide configuration; null if the server shows none.
        agent_pool_id: id of the agent pool that calls it, `apool-…`; null for none.
        workspace_task_ids: ids of its attachments, `wstask-…`, if the server lists them.
        workspace_tasks: its attachments, if `--include` requests them; else empty.
    """

    id: str
    name: str
    url: str
    category: str
    description: str | None
    enabled: bool | None
    global_configuration: GlobalConfiguration | None
    agent_pool_id: str | None
    workspace_task_ids: tuple[str, ...]
    workspace_tasks: tuple[Attachment, ...]

    @classmethod
    def of(cls, task: resources.RunTask) -> RunTask:
        """Return the event of a run task."""
        return msgspec.convert(task, cls, from_attributes=True)


class WorkspaceTask(Attachment, Event, frozen=True, kw_only=True, tag="workspace_task"):
    """The attachment of a run task to a workspace.

    Attributes:
        task_name: the run task's name; null except from `workspace-task list`.
    """

    task_name: str | None

    @classmethod
    def of(cls, attached: resources.WorkspaceTask, task_name: str | None = None) -> WorkspaceTask:
        """Return the event of an attachment."""
        shown = msgspec.structs.asdict(attached)
        del shown["unread"]
        return cls(**shown, task_name=task_name)


class Deleted(Event, frozen=True, kw_only=True, tag="deleted"):
    """A run task was deleted.

    Attributes:
        id: its id, `task-…`.
        name: its name.
    """

    id: str
    name: str


class Detached(Event, frozen=True, kw_only=True, tag="detached"):
    """A run task was detached from a workspace.

    Attributes:
        id: id of the former attachment, `wstask-…`.
        workspace_id: the workspace's id, `ws-…`.
        project: name of the workspace's project, or the project's id if the server does not show
            the name; empty if the server shows no project.
        task_id: the run task's id, `task-…`.
    """

    id: str
    workspace_id: str
    project: str
    task_id: str
