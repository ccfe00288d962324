"""The matrix of workspaces and run tasks, and a job's status for each workspace. Pure.

| the job's plan has           | the workspace has the task     | status     |
|------------------------------|--------------------------------|------------|
| nothing: it is not selected  |                                | none       |
| a skip                       |                                | as_desired |
| an operation, or blocked     | no                             | missing    |
| an operation, or blocked     | yes                            | differs    |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from bulkops.api.resources import RunTask, Workspace
from bulkops.operations.model import ByTarget, Observed, Operation, Skip, Target
from bulkops.operations.wording import attachment
from bulkops.plan.model import Plan


class Status(StrEnum):
    """How a selected workspace compares with what the job wants."""

    AS_DESIRED = "as_desired"
    MISSING = "missing"
    DIFFERS = "differs"


class Desired(msgspec.Struct, frozen=True, gc=False):
    """What the job wants on one workspace that it selects.

    Attributes:
        status: how the workspace compares with it.
        why: the desired attachment, or the reason of the skip.
    """

    status: Status
    why: str


class Column(msgspec.Struct, frozen=True):
    """A run task, and where it is attached."""

    task: RunTask
    attached: ByTarget


class Row(msgspec.Struct, frozen=True):
    """One workspace.

    Attributes:
        observed: its attachments per run task, in the order of the columns.
        desired: ``None`` if the job does not select it, or there is no job.
    """

    workspace: Target
    observed: Sequence[Sequence[Observed]]
    desired: Desired | None


class Coverage(msgspec.Struct, frozen=True):
    """Which workspaces have which run tasks.

    Attributes:
        workspaces: all workspaces that the token can see, by name.
        columns: the run tasks, by name.
        job: the job's name, empty without a job.
        desired: workspace id → what the job wants there, for those it selects.
    """

    organization: str
    workspaces: Sequence[Target]
    columns: Sequence[Column]
    job: str = ""
    desired: Mapping[str, Desired] = {}

    def rows(self) -> Iterator[Row]:
        """Yield the workspaces by name, one at a time, so that a million rows need no memory."""
        for workspace in self.workspaces:
            observed = [column.attached.get(workspace.id, ()) for column in self.columns]
            yield Row(workspace, observed, self.desired.get(workspace.id))

    def count(self, status: Status) -> int:
        """Return the number of selected workspaces with this status."""
        return sum(desired.status is status for desired in self.desired.values())

    @property
    def gaps(self) -> int:
        """The number of workspaces on which the job's run task is missing or differs."""
        return self.count(Status.MISSING) + self.count(Status.DIFFERS)

    def surplus(self, column: Column) -> Iterator[str]:
        """Yield the names of the workspaces to which the run task is attached more than once."""
        for workspace in self.workspaces:
            if len(column.attached.get(workspace.id, ())) > 1:
                yield workspace.name

    def covered(self, column: Column) -> int:
        """Return how many of the workspaces have the run task."""
        return sum(workspace.id in column.attached for workspace in self.workspaces)


class Targets:
    """Keeps the ids, names and projects of the added workspaces (see ``client.rows.Rows``)."""

    def __init__(self) -> None:
        self._rows: dict[str, Target] = {}
        self._projects: dict[str, str] = {}

    def add(self, workspace: Workspace) -> None:
        """See ``Rows``."""
        project = self._projects.setdefault(workspace.project, workspace.project)
        self._rows[workspace.id] = Target(workspace.id, workspace.name, project)

    def count(self) -> int:
        """See ``Rows``."""
        return len(self._rows)

    def by_name(self) -> list[Target]:
        """Return the workspaces, sorted by name."""
        return sorted(self._rows.values(), key=lambda target: (target.name, target.id))

    def same(self, workspace_id: str, ident: str) -> tuple[str, str]:
        """Return the ids, the workspace's as the string already in memory (see ``ByWorkspace``)."""
        known = self._rows.get(workspace_id)
        return (workspace_id if known is None else known.id), ident


def desired_by(plan: Plan, attached: ByTarget) -> dict[str, Desired]:
    """Return workspace id → what the plan wants there.

    Args:
        attached: the attachments of the job's run task.
    """
    result = {o.target.id: _by_operation(o) for o in plan.operations}
    for skip in plan.skips:
        result[skip.target.id] = _by_skip(skip, has_it=skip.target.id in attached)
    return result


def global_setting(task: RunTask) -> str:
    """Describe the level and stages of a global run task; empty if it is not global.

    Raises:
        ServerBroken: the server doesn't show readably whether it is.
    """
    setting = task.known("global-configuration").global_configuration
    if setting is None or not setting.enabled:
        return ""
    return attachment({"enforcement-level": setting.enforcement_level, "stages": setting.stages})


def _by_operation(operation: Operation) -> Desired:
    status = Status.MISSING if operation.before is None else Status.DIFFERS
    return Desired(status, attachment(operation.desired))


def _by_skip(skip: Skip, *, has_it: bool) -> Desired:
    if not skip.blocked:
        return Desired(Status.AS_DESIRED, skip.reason)
    return Desired(Status.DIFFERS if has_it else Status.MISSING, skip.reason)
