"""Sets up and changes the simulated world directly, for tests and the demo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bulkops.simulator.profiles import DEFAULT_STAGE
from bulkops.simulator.state import (
    Entitlements,
    Organization,
    Project,
    Task,
    Workspace,
    WorkspaceTask,
)
from bulkops.simulator.world import World


class Setup:
    """Changes without requests: they are not checked, limited, counted or listed as effects.

    Organizations, projects and workspaces are referred to by name. ``organization`` is by default
    the one that was added first. ``now`` (monotonic seconds) determines the timestamps. A name
    that does not exist raises KeyError.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    def add_organization(
        self, name: str, *, entitlements: Entitlements | None = None, now: float = 0.0
    ) -> Organization:
        """Add an organization; by default it is entitled to everything without limits."""
        return self.world.create_organization(
            name, entitlements=entitlements or Entitlements(), now=now
        )

    def add_project(
        self,
        name: str,
        *,
        organization: str = "",
        tag_bindings: Mapping[str, str] | None = None,
        now: float = 0.0,
    ) -> Project:
        """Add a project."""
        return self.world.create_project(
            self._organization(organization), name, tag_bindings=tag_bindings, now=now
        )

    def add_agent_pool(self, ident: str, *, organization: str = "") -> str:
        """Add an agent pool with this id, ``apool-…``, which is also its name; return the id."""
        return self.world.create_agent_pool(self._organization(organization), ident, ident)

    def add_workspace(
        self,
        name: str,
        *,
        organization: str = "",
        project: str = "",
        tags: Iterable[str] = (),
        tag_bindings: Mapping[str, str] | None = None,
        locked: bool = False,
        now: float = 0.0,
    ) -> Workspace:
        """Add a workspace to the project, or to the default one."""
        owner = self._organization(organization)
        workspace = self.world.create_workspace(
            owner, name, project=owner.projects[project] if project else None, now=now
        )
        self.world.tag(workspace, tuple(tags))
        workspace.tag_bindings = dict(tag_bindings or {})
        if locked:
            self.lock(name, organization=organization)
        return workspace

    def lock(
        self,
        workspace: str,
        *,
        organization: str = "",
        by: str = "user-somebody",
        reason: str | None = None,
    ) -> None:
        """Lock a workspace; ``by`` is a ``user-…``, a ``team-…`` or a ``run-…``."""
        record = self._organization(organization).workspaces[workspace]
        record.locked, record.locked_by, record.locked_reason = True, by, reason

    def unlock(self, workspace: str, *, organization: str = "") -> None:
        """Unlock a workspace, regardless of the lock's holder."""
        record = self._organization(organization).workspaces[workspace]
        record.locked, record.locked_by, record.locked_reason = False, None, None

    def remove_workspace(self, name: str, *, organization: str = "") -> None:
        """Delete a workspace with its workspace tasks."""
        self.world.delete_workspace(self._organization(organization).workspaces[name])

    def add_task(
        self,
        name: str,
        *,
        organization: str = "",
        url: str = "https://run-tasks.example/hook",
        now: float = 0.0,
    ) -> Task:
        """Add a run task."""
        return self.world.create_task(self._organization(organization), name, url, now=now)

    def remove_task(self, name: str, *, organization: str = "") -> None:
        """Delete a run task with its workspace tasks."""
        self.world.delete_task(self._organization(organization).tasks[name])

    def attach(
        self,
        workspace: str,
        task: str,
        *,
        organization: str = "",
        enforcement_level: str = "advisory",
        stages: tuple[str, ...] = (DEFAULT_STAGE,),
        now: float = 0.0,
    ) -> WorkspaceTask:
        """Attach a run task to a workspace, even if it is already attached."""
        owner = self._organization(organization)
        return self.world.attach(
            owner.workspaces[workspace],
            owner.tasks[task],
            enforcement_level=enforcement_level,
            stages=stages,
            now=now,
        )

    def detach(self, workspace: str, task: str, *, organization: str = "") -> None:
        """Detach a run task from a workspace, including duplicate attachments."""
        for record in self.attachments(workspace, task, organization=organization):
            self.world.detach(record)

    def attachments(
        self, workspace: str, task: str, *, organization: str = ""
    ) -> list[WorkspaceTask]:
        """Return a run task's attachments to a workspace: none, one, or duplicates."""
        owner = self._organization(organization)
        this = owner.tasks[task]
        return [
            record for record in owner.workspaces[workspace].tasks.values() if record.task is this
        ]

    def _organization(self, name: str) -> Organization:
        return self.world.organizations[name or next(iter(self.world.organizations), "")]
