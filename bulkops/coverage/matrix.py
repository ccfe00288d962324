"""The matrix of workspaces and run tasks, and what a job would still change in it. Pure.

| the plan of the job says     | and the workspace has the task | state     |
|------------------------------|--------------------------------|-----------|
| nothing, it is not selected  |                                | none      |
| skip                         |                                | as_desired |
| an operation, or blocked     | no                             | missing   |
| an operation, or blocked     | yes                            | differs   |
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
    """Where a selected workspace stands by the job."""

    AS_DESIRED = "as_desired"
    MISSING = "missing"
    DIFFERS = "differs"


class Desired(msgspec.Struct, frozen=True, gc=False):
    """What the job says of one workspace it selects.

    Attributes:
        why: in words, what it wants there, or why that can't be had or is there already.
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
        observed: its attachments of each run task, in the order of the columns.
        desired: ``None`` where the job does not select it, or there is no job.
    """

    workspace: Target
    observed: Sequence[Sequence[Observed]]
    desired: Desired | None


class Coverage(msgspec.Struct, frozen=True):
    """Which workspaces have which run tasks.

    Attributes:
        workspaces: all that the token may see, by name.
        columns: by name of the run task.
        job: the job's name, empty where none was given.
        desired: workspace id → what the job says of it, for those it selects.
    """

    organization: str
    workspaces: Sequence[Target]
    columns: Sequence[Column]
    job: str = ""
    desired: Mapping[str, Desired] = {}

    def rows(self) -> Iterator[Row]:
        """Yield the workspaces by name; made one at a time, a million need not be kept."""
        for workspace in self.workspaces:
            observed = [column.attached.get(workspace.id, ()) for column in self.columns]
            yield Row(workspace, observed, self.desired.get(workspace.id))

    def count(self, status: Status) -> int:
        """Return on how many selected workspaces the job stands so."""
        return sum(desired.status is status for desired in self.desired.values())

    @property
    def gaps(self) -> int:
        """On how many workspaces the task is missing, or differs."""
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
    """Keeps, of the workspaces it is given, ids and names: see ``client.rows.Rows``."""

    def __init__(self) -> None:
        self._rows: dict[str, Target] = {}

    def add(self, workspace: Workspace) -> None:
        """See ``Rows``."""
        self._rows[workspace.id] = Target(workspace.id, workspace.name)

    def count(self) -> int:
        """See ``Rows``."""
        return len(self._rows)

    def by_name(self) -> list[Target]:
        """Return the workspaces."""
        return sorted(self._rows.values(), key=lambda target: (target.name, target.id))

    def same(self, workspace_id: str, ident: str) -> tuple[str, str]:
        """Return the ids with the workspace's as it is in memory already: see ``ByWorkspace``."""
        known = self._rows.get(workspace_id)
        return (workspace_id if known is None else known.id), ident


def desired_by(plan: Plan, attached: ByTarget) -> dict[str, Desired]:
    """Return workspace id → what the plan says of it.

    Args:
        attached: where the job's run task is.
    """
    found = {o.target.id: _by_operation(o) for o in plan.operations}
    for skip in plan.skips:
        found[skip.target.id] = _by_skip(skip, has_it=skip.target.id in attached)
    return found


def global_setting(task: RunTask) -> str:
    """Return in words what a run task does without any attachment, empty for nothing."""
    setting = task.global_configuration
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
