"""What the simulated server knows: plain records, changed only through ``world.World``."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import msgspec


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who a token belongs to, and what they may do; reading is open to every user but for one list.

    Attributes:
        name: the user's name; rate limits are counted by it.
        manage_run_tasks: may create, change and delete the organization's run tasks.
        list_run_tasks: may list the organization's run tasks; every user may read one by its id.
        manage_workspace_run_tasks: may attach, change and detach: True for every workspace,
            or the names of the workspaces where it holds.
        manage_workspaces: may create, change and delete workspaces, projects and tags.
    """

    name: str
    manage_run_tasks: bool = True
    list_run_tasks: bool = True
    manage_workspace_run_tasks: bool | AbstractSet[str] = True
    manage_workspaces: bool = True

    @classmethod
    def read_only(cls, name: str) -> User:
        """Return a user who may change nothing."""
        return cls(
            name=name,
            manage_run_tasks=False,
            manage_workspace_run_tasks=False,
            manage_workspaces=False,
        )

    @classmethod
    def of_workspaces(cls, name: str) -> User:
        """Return a user with "Manage Workspace Run Tasks" and nothing else."""
        return cls(name=name, manage_run_tasks=False, list_run_tasks=False, manage_workspaces=False)

    def may_attach(self, workspace: Workspace) -> bool:
        """Whether this user holds "Manage Workspace Run Tasks" on the workspace."""
        rights = self.manage_workspace_run_tasks
        return rights if isinstance(rights, bool) else workspace.name in rights


class Entitlements(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """What an organization has paid for; a limit of None is no limit.

    The mandatory limit counts workspace tasks, the workspace limit counts workspaces with at
    least one workspace task: HashiCorp documents the limits, but not how they are counted.
    """

    run_tasks: bool = True
    global_run_tasks: bool = True
    private_run_tasks: bool = True
    run_task_limit: int | None = None
    run_task_workspace_limit: int | None = None
    run_task_mandatory_enforcement_limit: int | None = None


class GlobalConfiguration(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """A run task's own wish to run in every workspace."""

    enabled: bool = False
    stages: tuple[str, ...] = ()
    enforcement_level: str | None = None


class Organization(msgspec.Struct, eq=False, kw_only=True):
    """One organization; its workspaces and run tasks are keyed by name, projects and tags too.

    Attributes:
        orders: sorted lists of the workspaces, made on demand and forgotten when one changes.
        tags: the id of each workspace tag.
    """

    id: str
    name: str
    created_at: str
    entitlements: Entitlements
    default_project: Project
    projects: dict[str, Project] = {}
    workspaces: dict[str, Workspace] = {}
    tasks: dict[str, Task] = {}
    tags: dict[str, str] = {}
    orders: dict[str, list[Workspace]] = {}


class Project(msgspec.Struct, eq=False, kw_only=True):
    """One project of the organization named; its workspaces inherit its tag bindings."""

    id: str
    name: str
    organization: str
    created_at: str
    description: str | None = None
    tag_bindings: dict[str, str] = {}


class Workspace(msgspec.Struct, eq=False, kw_only=True):
    """One workspace; ``tasks`` are its workspace tasks by id, in the order of attaching.

    Attributes:
        locked_by: who holds the lock: ``user-…``, ``team-…`` or ``run-…``.
    """

    id: str
    name: str
    organization: Organization
    project: Project
    created_at: str
    updated_at: str
    description: str | None = None
    locked: bool = False
    locked_by: str | None = None
    locked_reason: str | None = None
    auto_apply: bool = False
    execution_mode: str = "remote"
    terraform_version: str = "1.13.5"
    working_directory: str | None = None
    assessments_enabled: bool = False
    agent_pool: str | None = None
    tags: list[str] = []
    tag_bindings: dict[str, str] = {}
    tasks: dict[str, WorkspaceTask] = {}


class Task(msgspec.Struct, eq=False, kw_only=True):
    """One run task; ``attached`` are its workspace tasks by id, in the order of attaching."""

    id: str
    name: str
    url: str
    organization: Organization
    created_at: str
    updated_at: str
    description: str | None = None
    enabled: bool = True
    hmac_key: str | None = None
    global_configuration: GlobalConfiguration | None = None
    agent_pool: str | None = None
    attached: dict[str, WorkspaceTask] = {}


class WorkspaceTask(msgspec.Struct, eq=False, kw_only=True):
    """One run task's association with one workspace."""

    id: str
    workspace: Workspace
    task: Task
    enforcement_level: str
    stages: tuple[str, ...]
    created_at: str
    updated_at: str
