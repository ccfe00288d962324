"""The kinds of operation, one module each, by the name a job file calls them. Pure.

What a kind is made of can be imported from here: ``CONTRIBUTING.md`` shows how somebody else's
package adds one.
"""

from __future__ import annotations

from typing import cast

from bulkops.checking import not_allowed, one_of
from bulkops.operations import installed as installed_kinds
from bulkops.operations.aspects.attachment import (
    Stages,
    WorkspaceTaskAspect,
    WorkspaceTaskKind,
    attributes_of,
    several,
)
from bulkops.operations.kinds.attach import Attach
from bulkops.operations.kinds.detach import Detach
from bulkops.operations.kinds.replace import Replace
from bulkops.operations.kinds.task_delete import TaskDelete
from bulkops.operations.kinds.task_disable import TaskDisable
from bulkops.operations.kinds.task_enable import TaskEnable
from bulkops.operations.kinds.task_rotate_hmac import TaskRotateHmac
from bulkops.operations.kinds.task_update import TaskUpdate
from bulkops.operations.kinds.update import Update
from bulkops.operations.kinds.workspace_update import WorkspaceUpdate
from bulkops.operations.model import (
    Aspect,
    Attached,
    Attributes,
    Binding,
    Kind,
    Operation,
    Over,
    Right,
    RunTasksOf,
    Seen,
    Showing,
    Skip,
    Target,
    TaskRef,
    TaskWish,
    Wish,
    WorkspacesOf,
)

__all__ = [
    "KINDS",
    "Aspect",
    "Attached",
    "Attributes",
    "Binding",
    "Kind",
    "Operation",
    "Over",
    "Right",
    "RunTasksOf",
    "Seen",
    "Showing",
    "Skip",
    "Stages",
    "Target",
    "TaskRef",
    "TaskWish",
    "Wish",
    "WorkspaceTaskAspect",
    "WorkspaceTaskKind",
    "WorkspacesOf",
    "attributes_of",
    "bind",
    "kind_named",
    "kind_names",
    "several",
]

KINDS: dict[str, type[Kind]] = {
    # Each kind takes a wish of its own type only, which no common constructor can say.
    kind.name: cast("type[Kind]", kind)
    for kind in (
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
    )
}
"""``[operation] kind`` → its class, of those built in."""


def kind_named(name: object, where: str = "operation.kind") -> type[Kind]:
    """Return the kind of that name: built in, else of another installed package.

    Args:
        where: what stands before ``= name`` in a message.

    Raises:
        JobError: there is none, or the installed one is broken.
    """
    kind = None
    if isinstance(name, str):
        kind = KINDS.get(name) or installed_kinds.load(name, where)
    if kind is None:
        raise not_allowed(where, name, one_of(kind_names()))
    return kind


def kind_names() -> list[str]:
    """Return the names of all kinds, those built in first; ``JobError`` as ``kind_named``."""
    return list(dict.fromkeys([*KINDS, *installed_kinds.names()]))


def bind(kind: str, wish: Wish, binding: Binding) -> Kind:
    """Return the kind named, bound to a wish of its own ``wish_type``."""
    return kind_named(kind)(wish, binding)
