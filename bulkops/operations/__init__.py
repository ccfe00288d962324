"""The kinds of operation, one module each, by the name a job file calls them. Pure."""

from __future__ import annotations

from typing import cast

from bulkops.operations.attach import Attach
from bulkops.operations.detach import Detach
from bulkops.operations.model import Binding, Kind, Wish
from bulkops.operations.task_delete import TaskDelete
from bulkops.operations.task_disable import TaskDisable
from bulkops.operations.task_enable import TaskEnable
from bulkops.operations.task_rotate_hmac import TaskRotateHmac
from bulkops.operations.task_update import TaskUpdate
from bulkops.operations.update import Update
from bulkops.operations.workspace_update import WorkspaceUpdate

KINDS: dict[str, type[Kind]] = {
    # Each kind takes a wish of its own type only, which no common constructor can say.
    kind.name: cast("type[Kind]", kind)
    for kind in (
        Attach,
        Update,
        Detach,
        TaskEnable,
        TaskDisable,
        TaskUpdate,
        TaskDelete,
        TaskRotateHmac,
        WorkspaceUpdate,
    )
}
"""``[operation] kind`` → its class."""


def bind(kind: str, wish: Wish, binding: Binding) -> Kind:
    """Return the kind named, bound to a wish of its own ``wish_type``."""
    return KINDS[kind](wish, binding)
