"""The simulated server's data and the ways to change it.

Permissions and the API's rules are not checked here, but by the routes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from bulkops.simulator.ids import Ids
from bulkops.simulator.state import (
    Entitlements,
    Organization,
    Project,
    Task,
    Workspace,
    WorkspaceTask,
)

_T = TypeVar("_T")


class World:
    """All records, by id if they have one, and by name within their organization.

    Args:
        seed: determines every id.
        epoch: the wall-clock time at monotonic time 0, in UTC.
    """

    def __init__(self, *, seed: int, epoch: datetime) -> None:
        self.ids = Ids(seed)
        self.epoch = epoch
        self.organizations: dict[str, Organization] = {}
        self.projects: dict[str, Project] = {}
        self.workspaces: dict[str, Workspace] = {}
        self.tasks: dict[str, Task] = {}

    def timestamp(self, now: float) -> str:
        """Return ``now`` (monotonic seconds) as a timestamp of the API."""
        moment = self.epoch + timedelta(seconds=now)
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"

    def organization(self, name: str) -> Organization | None:
        """Return the organization of this name, in upper or lower case; None if there is none."""
        return named(self.organizations, name)

    def create_organization(
        self, name: str, *, entitlements: Entitlements, now: float
    ) -> Organization:
        """Create an organization with its default project."""
        created_at = self.timestamp(now)
        default = Project(
            id=self.ids.new("prj"), name="Default Project", organization=name, created_at=created_at
        )
        organization = Organization(
            id=self.ids.new("org"),
            name=name,
            created_at=created_at,
            entitlements=entitlements,
            default_project=default,
            projects={default.name: default},
        )
        self.projects[default.id] = default
        self.organizations[name] = organization
        return organization

    def rename_organization(self, organization: Organization, name: str) -> None:
        """Give an organization a name that isn't taken."""
        del self.organizations[organization.name]
        organization.name = name
        self.organizations[name] = organization
        for project in organization.projects.values():
            project.organization = name

    def delete_organization(self, organization: Organization) -> None:
        """Delete an organization with everything in it."""
        for workspace in tuple(organization.workspaces.values()):
            self.delete_workspace(workspace)
        for task in tuple(organization.tasks.values()):
            self.delete_task(task)
        for project in organization.projects.values():
            del self.projects[project.id]
        del self.organizations[organization.name]

    def create_agent_pool(self, organization: Organization, name: str, ident: str = "") -> str:
        """Create an agent pool, and return its id: the given one, or a new one."""
        ident = ident or self.ids.new("apool")
        organization.agent_pools[ident] = name
        return ident

    def owner_of_tag(self, ident: str) -> Organization | None:
        """Return the organization that has the plain tag with this id."""
        owners = self.organizations.values()
        return next((owner for owner in owners if ident in owner.tags.values()), None)

    def owner_of_pool(self, ident: str) -> Organization | None:
        """Return the organization that has the agent pool with this id."""
        owners = self.organizations.values()
        return next((owner for owner in owners if ident in owner.agent_pools), None)

    def create_project(
        self,
        organization: Organization,
        name: str,
        *,
        now: float,
        description: str | None = None,
        tag_bindings: Mapping[str, str] | None = None,
    ) -> Project:
        """Create a project."""
        project = Project(
            id=self.ids.new("prj"),
            name=name,
            organization=organization.name,
            created_at=self.timestamp(now),
            description=description,
            tag_bindings=dict(tag_bindings or {}),
        )
        self.projects[project.id] = organization.projects[name] = project
        return project

    def rename_project(self, organization: Organization, project: Project, name: str) -> None:
        """Give a project of this organization a name that isn't taken."""
        del organization.projects[project.name]
        project.name = name
        organization.projects[name] = project

    def delete_project(self, organization: Organization, project: Project) -> None:
        """Delete a project of this organization that has no workspaces."""
        del organization.projects[project.name]
        del self.projects[project.id]

    def create_workspace(
        self, organization: Organization, name: str, *, now: float, project: Project | None = None
    ) -> Workspace:
        """Create a workspace in the project, or in the default one."""
        created_at = self.timestamp(now)
        workspace = Workspace(
            id=self.ids.new("ws"),
            name=name,
            organization=organization,
            project=project or organization.default_project,
            created_at=created_at,
            updated_at=created_at,
        )
        self.workspaces[workspace.id] = organization.workspaces[name] = workspace
        organization.orders.clear()
        return workspace

    def rename_workspace(self, workspace: Workspace, name: str) -> None:
        """Give a workspace a name that isn't taken."""
        organization = workspace.organization
        del organization.workspaces[workspace.name]
        workspace.name = name
        organization.workspaces[name] = workspace
        organization.orders.clear()

    def touch(self, workspace: Workspace, now: float) -> None:
        """Set the time of a workspace's latest change."""
        workspace.updated_at = self.timestamp(now)
        workspace.organization.orders.clear()

    def delete_workspace(self, workspace: Workspace) -> None:
        """Delete a workspace and its workspace tasks."""
        for workspace_task in tuple(workspace.tasks.values()):
            self.detach(workspace_task)
        del workspace.organization.workspaces[workspace.name]
        del self.workspaces[workspace.id]
        workspace.organization.orders.clear()

    def tag(self, workspace: Workspace, names: Sequence[str]) -> None:
        """Add tags, each in lower case and at most once; one new to the organization gets an id."""
        for name in map(str.lower, names):
            if name not in workspace.organization.tags:
                workspace.organization.tags[name] = self.ids.new("tag")
            if name not in workspace.tags:
                workspace.tags.append(name)

    def create_task(self, organization: Organization, name: str, url: str, *, now: float) -> Task:
        """Create a run task."""
        created_at = self.timestamp(now)
        task = Task(
            id=self.ids.new("task"),
            name=name,
            url=url,
            organization=organization,
            created_at=created_at,
            updated_at=created_at,
        )
        self.tasks[task.id] = organization.tasks[name] = task
        return task

    def rename_task(self, task: Task, name: str) -> None:
        """Give a run task a name that isn't taken."""
        del task.organization.tasks[task.name]
        task.name = name
        task.organization.tasks[name] = task

    def delete_task(self, task: Task) -> None:
        """Delete a run task and its workspace tasks."""
        for workspace_task in tuple(task.attached.values()):
            self.detach(workspace_task)
        del task.organization.tasks[task.name]
        del self.tasks[task.id]

    def attach(
        self,
        workspace: Workspace,
        task: Task,
        *,
        enforcement_level: str,
        stages: tuple[str, ...],
        now: float,
    ) -> WorkspaceTask:
        """Attach a run task to a workspace, even if it is already attached."""
        created_at = self.timestamp(now)
        workspace_task = WorkspaceTask(
            id=self.ids.new("wstask"),
            workspace=workspace,
            task=task,
            enforcement_level=enforcement_level,
            stages=stages,
            created_at=created_at,
            updated_at=created_at,
        )
        workspace.tasks[workspace_task.id] = workspace_task
        task.attached[workspace_task.id] = workspace_task
        return workspace_task

    def detach(self, workspace_task: WorkspaceTask) -> None:
        """Remove an attachment."""
        del workspace_task.workspace.tasks[workspace_task.id]
        del workspace_task.task.attached[workspace_task.id]


def named(records: Mapping[str, _T], name: str) -> _T | None:
    """Return the record of this name, in upper or lower case; None if there is none."""
    found = records.get(name)
    if found is None:
        folded = name.casefold()
        found = next((one for other, one in records.items() if other.casefold() == folded), None)
    return found


_ORDERS: dict[str, Callable[[Workspace], str]] = {
    # By id: arbitrary, but the same for every page.
    "": lambda workspace: workspace.id,
    "name": lambda workspace: workspace.name,
    "latest-change-at": lambda workspace: workspace.updated_at,
}


def in_order(organization: Organization, sort: str) -> list[Workspace]:
    """Return the organization's workspaces sorted by ``name``, ``-name``, …; else by id."""
    key = sort.removeprefix("-")
    if key not in _ORDERS:
        sort = key = ""
    ordered = organization.orders.get(sort)
    if ordered is None:
        ordered = sorted(
            organization.workspaces.values(), key=_ORDERS[key], reverse=sort.startswith("-")
        )
        organization.orders[sort] = ordered
    return ordered
