"""The simulated server's data: plain records, changed only through ``world.World``."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A token's user and permissions. A user may read all of an organization, except one list.

    Attributes:
        name: the user's name; the rate limit is per name.
        manage_run_tasks: whether to allow creating, updating and deleting run tasks.
        list_run_tasks: whether to allow listing the organization's run tasks; every user may
            read one by its id.
        manage_workspace_run_tasks: whether to allow attaching, updating and detaching; or the
            names of the workspaces for which it is allowed.
        manage_workspaces: whether to allow creating, updating and deleting workspaces, projects
            and tags.
        organizations: organization → this user with the permissions there; the user doesn't see
            any other organization. None for these permissions in every organization.
    """

    name: str
    manage_run_tasks: bool = True
    list_run_tasks: bool = True
    manage_workspace_run_tasks: bool | AbstractSet[str] = True
    manage_workspaces: bool = True
    organizations: Mapping[str, User] | None = None

    @classmethod
    def read_only(cls, name: str) -> User:
        """Return a user without the permission to change anything."""
        return cls(
            name=name,
            manage_run_tasks=False,
            manage_workspace_run_tasks=False,
            manage_workspaces=False,
        )

    @classmethod
    def of_workspaces(cls, name: str) -> User:
        """Return a user who only has "Manage Workspace Run Tasks"."""
        return cls(name=name, manage_run_tasks=False, list_run_tasks=False, manage_workspaces=False)

    def within(self, organization: str) -> User | None:
        """Return this user with the permissions in an organization; None if it can't see it."""
        return self if self.organizations is None else self.organizations.get(organization)

    def may_attach(self, workspace: Workspace) -> bool:
        """Return whether this user has "Manage Workspace Run Tasks" on the workspace."""
        rights = self.manage_workspace_run_tasks
        return rights if isinstance(rights, bool) else workspace.name in rights


class Entitlements(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """What an organization's plan includes; None means no limit.

    The mandatory limit counts workspace tasks, and the workspace limit counts workspaces with at
    least one workspace task; HashiCorp documents the limits but not how they are counted. Those
    without ``run_task`` in their name are only shown.
    """

    agents: bool = True
    assessments: bool = True
    audit_logging: bool = True
    change_requests: bool = True
    configuration_designer: bool = True
    cost_estimation: bool = True
    global_run_tasks: bool = True
    hyok: bool = True
    infragraph: bool = True
    infragraph_with_nrtu: bool = False
    module_tests_generation: bool = True
    operations: bool = True
    policy_enforcement: bool = True
    policy_limit: int | None = None
    policy_mandatory_enforcement_limit: int | None = None
    policy_set_limit: int | None = None
    private_module_registry: bool = True
    private_policy_agents: bool = True
    private_run_tasks: bool = True
    private_vcs: bool = True
    run_task_limit: int | None = None
    run_task_mandatory_enforcement_limit: int | None = None
    run_task_workspace_limit: int | None = None
    run_tasks: bool = True
    self_serve_billing: bool = True
    sentinel: bool = True
    sso: bool = True
    stacks: bool = True
    state_storage: bool = True
    teams: bool = True
    terraform_actions: bool = True
    usage_reporting: bool = True
    user_limit: int | None = None
    vcs_integrations: bool = True
    versioned_policy_set_limit: int | None = None
    waypoint_actions: bool = False
    waypoint_templates_and_addons: bool = True


class GlobalConfiguration(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """A run task's setting to run in every workspace."""

    enabled: bool = False
    stages: tuple[str, ...] = ()
    enforcement_level: str | None = None


class Organization(msgspec.Struct, eq=False, kw_only=True):
    """One organization; its projects, workspaces, run tasks and tags are keyed by name.

    Attributes:
        execution_mode, agent_pool: what its projects inherit.
        agent_pools: the pool's id → its name.
        orders: cached sorted lists of the workspaces, cleared when a workspace changes.
        settings: the attributes that a request set, by their API names, and nothing acts on.
        tags: workspace tag → its id.
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
    execution_mode: str | None = None
    agent_pool: str | None = None
    agent_pools: dict[str, str] = {}
    settings: dict[str, object] = {}
    orders: dict[str, list[Workspace]] = {}


class Project(msgspec.Struct, eq=False, kw_only=True):
    """One project of an organization; its workspaces inherit its tag bindings.

    Attributes:
        organization: the name of its organization.
        execution_mode, agent_pool: what its workspaces inherit; None for the organization's.
        settings: the attributes that a request set, by their API names, and nothing acts on.
    """

    id: str
    name: str
    organization: str
    created_at: str
    description: str | None = None
    tag_bindings: dict[str, str] = {}
    execution_mode: str | None = None
    agent_pool: str | None = None
    settings: dict[str, object] = {}


class Workspace(msgspec.Struct, eq=False, kw_only=True):
    """One workspace.

    Attributes:
        execution_mode, agent_pool: its own; None for the project's.
        locked_by: the lock's holder: ``user-…``, ``team-…`` or ``run-…``.
        consumers: the ids of the workspaces that may read its state; some may be deleted.
        settings: the attributes that a request set, by their API names, and nothing acts on.
        tasks: its workspace tasks by id, in the order in which they were attached.
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
    execution_mode: str | None = None
    terraform_version: str = "1.13.5"
    working_directory: str | None = None
    assessments_enabled: bool = False
    agent_pool: str | None = None
    settings: dict[str, object] = {}
    consumers: list[str] = []
    tags: list[str] = []
    tag_bindings: dict[str, str] = {}
    tasks: dict[str, WorkspaceTask] = {}


class Task(msgspec.Struct, eq=False, kw_only=True):
    """One run task.

    Attributes:
        attached: its workspace tasks by id, in the order in which they were attached.
    """

    id: str
    name: str
    url: str
    organization: Organization
    created_at: str
    updated_at: str
    description: str | None = None
    enabled: bool = True
    hmac_key: str | None = None
    global_configuration: GlobalConfiguration = GlobalConfiguration()
    agent_pool: str | None = None
    attached: dict[str, WorkspaceTask] = {}


class WorkspaceTask(msgspec.Struct, eq=False, kw_only=True):
    """One attachment of a run task to a workspace."""

    id: str
    workspace: Workspace
    task: Task
    enforcement_level: str
    stages: tuple[str, ...]
    created_at: str
    updated_at: str
