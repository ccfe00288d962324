"""The kinds of operation, one module each, by their names in job files. Pure.

Everything a kind needs can be imported from here; ``CONTRIBUTING.md`` shows how another package
adds a kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from bulkops.checking import not_allowed, one_of
from bulkops.errors import JobError
from bulkops.operations import installed as installed_kinds
from bulkops.operations import wording
from bulkops.operations.aspects.attachment import (
    Stages,
    WorkspaceTaskAspect,
    attributes_of,
    several,
)
from bulkops.operations.aspects.base import (
    Aspect,
    Attached,
    ResourceAspect,
    RunTasksOf,
    Words,
    WorkspacesOf,
)
from bulkops.operations.aspects.run_task import RunTaskAspect
from bulkops.operations.aspects.workspace import WorkspaceAspect
from bulkops.operations.kinds.attach import Attach
from bulkops.operations.kinds.base import AttributesKind, Kind, RunTaskKind, WorkspaceTaskKind
from bulkops.operations.kinds.detach import Detach
from bulkops.operations.kinds.replace import Replace
from bulkops.operations.kinds.task_delete import TaskDelete
from bulkops.operations.kinds.task_rotate_hmac import TaskRotateHmac
from bulkops.operations.kinds.task_switch import TaskDisable, TaskEnable
from bulkops.operations.kinds.task_update import TaskUpdate
from bulkops.operations.kinds.update import Update
from bulkops.operations.kinds.workspace_lock import WorkspaceLock, WorkspaceUnlock
from bulkops.operations.kinds.workspace_update import WorkspaceUpdate
from bulkops.operations.model import (
    Attributes,
    Observations,
    Observed,
    Operation,
    Resolved,
    Right,
    Scope,
    Skip,
    Spec,
    Target,
    TaskRef,
    TaskSpec,
    any_of,
    exactly_one_of,
)
from bulkops.operations.secret import Secret
from bulkops.operations.values import Valued

__all__ = [
    "KINDS",
    "Aspect",
    "Attached",
    "Attributes",
    "AttributesKind",
    "Kind",
    "Observations",
    "Observed",
    "Operation",
    "Resolved",
    "ResourceAspect",
    "Right",
    "RunTaskAspect",
    "RunTaskKind",
    "RunTasksOf",
    "Scope",
    "Secret",
    "Skip",
    "Spec",
    "Stages",
    "Target",
    "TaskRef",
    "TaskSpec",
    "Words",
    "WorkspaceAspect",
    "WorkspaceTaskAspect",
    "WorkspaceTaskKind",
    "WorkspacesOf",
    "all_kinds",
    "any_of",
    "attributes_of",
    "bind",
    "exactly_one_of",
    "kind_named",
    "kind_names",
    "several",
]

_BUILT_IN: tuple[type[Kind], ...] = (
    Attach,
    Update,
    Detach,
    Replace,
    TaskEnable,
    TaskDisable,
    TaskUpdate,
    TaskDelete,
    TaskRotateHmac,
    WorkspaceUpdate,
    WorkspaceLock,
    WorkspaceUnlock,
)

KINDS: dict[str, type[Kind]] = {kind.name: kind for kind in _BUILT_IN}
"""``[operation] kind`` → its class, for the built-in kinds."""

for _kind in _BUILT_IN:
    wording.learn(_kind.words)


def kind_named(name: object, where: str = "operation.kind") -> type[Kind]:
    """Return the kind with this name, built in or from another installed package.

    Args:
        where: the place that errors name before ``= name``.

    Raises:
        JobError: there is no such kind, or the installed one is broken.
    """
    kind = None
    if isinstance(name, str):
        kind = KINDS.get(name) or installed_kinds.load(name, where)
    if kind is None:
        raise not_allowed(where, name, one_of(kind_names()))
    return kind


def kind_names() -> list[str]:
    """Return the names of all kinds, built-in ones first.

    Raises:
        JobError: the installed packages can't be read.
    """
    return list(dict.fromkeys([*KINDS, *installed_kinds.names()]))


def all_kinds() -> dict[str, type[Kind]]:
    """Return name → kind for the built-in kinds and the installed ones that can be loaded."""
    kinds = dict(KINDS)
    for name in installed_kinds.names():
        # A job that uses a broken kind gets the error from ``kind_named``.
        with suppress(JobError):
            kinds.setdefault(name, kind_named(name))
    return kinds


def bind(
    kind: str,
    spec: Spec,
    resolved: Resolved,
    values: Iterable[Valued] = (),
) -> Kind:
    """Return the named kind for one job.

    Args:
        spec: an instance of that kind's ``spec_type``.
        values: the groups of workspaces with specs of their own, one of which may be ``spec``.
    """
    made = kind_named(kind)
    bound = made(spec, resolved)
    bound.per_workspace = {
        entry: own
        for one in values
        for own in (bound if one.spec is spec else made(one.spec, resolved),)
        for entry in one.workspaces
    }
    return bound
