"""Run tasks and their attachments, one at a time. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bulkops.events.model import Event

if TYPE_CHECKING:
    from bulkops.api import resources


class GlobalConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """A run task's organization-wide setting.

    Attributes:
        enabled: whether it holds.
        stages: when in a run it is called, in the server's words.
        enforcement_level: whether a failure stops the run, in the server's words; null where
            the server has none.
    """

    enabled: bool
    stages: tuple[str, ...]
    enforcement_level: str | None


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A run task as it is attached to a workspace.

    Attributes:
        id: its id, `wstask-…`.
        workspace_id: the workspace's id, `ws-…`.
        task_id: the run task's id, `task-…`.
        enforcement_level: whether a failure stops the run, in the server's words.
        stages: when in a run it is called, in the server's words and a run's order.
        workspace_name: the workspace's name; null where it was not asked for.
    """

    id: str
    workspace_id: str
    task_id: str
    enforcement_level: str
    stages: tuple[str, ...]
    workspace_name: str | None


class RunTask(Event, frozen=True, kw_only=True, tag="run_task"):
    """A run task of the organization.

    Attributes:
        id: its id, `task-…`.
        name: its name.
        url: where it is called.
        category: `task`, the server's word.
        description: as the server has it; null for none.
        enabled: whether it is called at all.
        global_configuration: its organization-wide setting; null where the server shows none.
        agent_pool_id: of the agents that call it, `apool-…`; null for none.
        workspace_task_ids: ids of its attachments, `wstask-…`, where the server lists them.
        workspace_tasks: its attachments, where `--include` asked for them; else empty.
    """

    id: str
    name: str
    url: str
    category: str
    description: str | None
    enabled: bool
    global_configuration: GlobalConfiguration | None
    agent_pool_id: str | None
    workspace_task_ids: tuple[str, ...]
    workspace_tasks: tuple[Attachment, ...]

    @classmethod
    def of(cls, task: resources.RunTask) -> RunTask:
        """Return the event of a run task."""
        return msgspec.convert(task, cls, from_attributes=True)


class WorkspaceTask(Attachment, Event, frozen=True, kw_only=True, tag="workspace_task"):
    """A run task as it is attached to a workspace.

    Attributes:
        task_name: the run task's name; only `workspace-task list` looks it up, else null.
    """

    task_name: str | None

    @classmethod
    def of(cls, attached: resources.WorkspaceTask, task_name: str | None = None) -> WorkspaceTask:
        """Return the event of an attachment."""
        return cls(**msgspec.structs.asdict(attached), task_name=task_name)


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
        id: id of the attachment that is gone, `wstask-…`.
        workspace_id: the workspace's id, `ws-…`.
        task_id: the run task's id, `task-…`.
    """

    id: str
    workspace_id: str
    task_id: str
