"""A run task's JSON:API form, and what of it a server leaves out. Pure.

Every server shows a run task's name, URL, description and whether it is enabled. One that doesn't
is read nevertheless; what depends on such a member asks ``RunTask.known``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.api.jsonapi import Resource, Text, ToMany, ToOne
from bulkops.api.resources import GlobalConfiguration, RunTask, WorkspaceTask


class _GlobalConfiguration(msgspec.Struct, frozen=True, rename="kebab"):
    enabled: bool
    stages: tuple[Text, ...] | None = None
    enforcement_level: Text | None = None

    def value(self) -> GlobalConfiguration:
        return GlobalConfiguration(
            enabled=self.enabled,
            stages=self.stages or (),
            enforcement_level=self.enforcement_level,
        )


class _RunTaskAttributes(msgspec.Struct, frozen=True, rename="kebab"):
    name: Text | UnsetType = UNSET
    url: Text | UnsetType = UNSET
    category: Text = "task"
    description: Text | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    global_configuration: _GlobalConfiguration | None = None


class _RunTaskRelationships(msgspec.Struct, frozen=True, rename="kebab"):
    agent_pool: ToOne | UnsetType = UNSET
    organization: ToOne | None = None
    workspace_tasks: ToMany | None = None


class RunTaskResource(Resource, frozen=True):
    """A ``tasks`` resource."""

    attributes: _RunTaskAttributes = _RunTaskAttributes()
    relationships: _RunTaskRelationships | None = None

    def value(self, included: Iterable[WorkspaceTask] = ()) -> RunTask:
        """Return the flat form, with the attachments of this run task in ``included``."""
        a, r = self.attributes, self.relationships or _RunTaskRelationships()
        attached = (r.workspace_tasks and r.workspace_tasks.data) or ()
        return RunTask(
            id=self.id,
            name=a.name or "",
            url=a.url or "",
            category=a.category,
            description=None if a.description is UNSET else a.description,
            enabled=None if a.enabled is UNSET else a.enabled,
            global_configuration=a.global_configuration.value() if a.global_configuration else None,
            agent_pool_id=(r.agent_pool and r.agent_pool.id) or None,
            organization=(r.organization and r.organization.id) or None,
            workspace_task_ids=tuple(i.id for i in attached),
            workspace_tasks=tuple(w for w in included if w.task_id == self.id),
            unread={**dict.fromkeys(self._hidden(), ""), **self.unread, **dict(self._doubtful())},
        )

    def _hidden(self) -> Iterator[str]:
        a = self.attributes
        shown = {"name": a.name, "url": a.url, "description": a.description, "enabled": a.enabled}
        yield from (name for name, value in shown.items() if value is UNSET)
        pool = self.relationships and self.relationships.agent_pool
        if self.relationships is None or (pool and pool.data is UNSET):
            yield "agent-pool-id"

    def _doubtful(self) -> Iterator[tuple[str, str]]:
        if "agent-pool" in self.unread:
            yield "agent-pool-id", self.unread["agent-pool"]
        setting = self.attributes.global_configuration
        if (
            setting
            and setting.enabled
            and (setting.stages is None or not setting.enforcement_level)
        ):
            yield "global-configuration", "enabled, without stages or enforcement-level"
