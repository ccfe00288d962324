"""A workspace's lock: taken, given back, and read with its reason. Pure.

The server gives a lock back only to the user or team that holds it; whether that is this token's is
not shown anywhere. The reason tells one lock of theirs from another.
"""

from __future__ import annotations

from bulkops.api import endpoints
from bulkops.api.messages import Request
from bulkops.api.workspace_details import ShownWorkspace
from bulkops.checking import shown
from bulkops.errors import ServerBroken
from bulkops.operations.aspects.base import Words
from bulkops.operations.aspects.workspace import WorkspaceAspect
from bulkops.operations.model import Attributes, Observed, Operation

LOCKED = "locked"
REASON = "locked-reason"
HOLDER = "locked-by"
"""Compared only where a run holds the lock: that is never ours, and ends by itself."""

UNLOCKED: Attributes = {LOCKED: False, REASON: None}


def locked_for(reason: str | None) -> Attributes:
    """Return the attributes of a workspace that somebody has locked with this reason."""
    return {LOCKED: True, REASON: reason}


def in_words(attributes: Attributes | None) -> str:
    """Return a lock in words: ``locked ("change freeze")``, ``not locked``."""
    locked = (attributes or {}).get(LOCKED)
    if attributes is None or locked is None:
        return "neither locked nor unlocked" if attributes else "not there"
    if not locked:
        return "not locked"
    holder, reason = attributes.get(HOLDER), attributes.get(REASON)
    by = f" by {holder}" if holder else ""
    return f"locked{by} ({shown(reason)})" if reason else f"locked{by}"


WORDS = Words(LOCKED, in_words)


class LockShown:
    """Returns what is compared of the attributes that a workspace shows of its lock.

    ``{"locked": None}`` where that is neither true nor false: not told is not unlocked.

    Args:
        reason: taken for that of a lock on a server that shows none (an older TFE).
    """

    def __init__(self, reason: str | None) -> None:
        self._reason = reason

    def __call__(self, attributes: Attributes) -> Attributes:
        """Return them."""
        locked = attributes.get(LOCKED)
        if not isinstance(locked, bool):
            return {LOCKED: None}
        if not locked:
            return UNLOCKED
        reason = attributes.get(REASON, self._reason)
        there = locked_for(str(reason) if reason else None)
        holder = attributes.get(HOLDER)
        by_a_run = isinstance(holder, str) and holder.startswith("run-")
        return {**there, HOLDER: holder} if by_a_run else there

    def __eq__(self, other: object) -> bool:
        """Return whether both show locks: jobs that do are about the same thing."""
        return isinstance(other, LockShown)

    def __hash__(self) -> int:
        """Return the same for all."""
        return hash(LockShown)


class LockAspect(WorkspaceAspect):
    """The lock of each workspace.

    Args:
        reason: as of ``LockShown``.
    """

    def __init__(self, organization: str, reason: str | None = None) -> None:
        super().__init__(organization, (LOCKED, REASON, HOLDER), LockShown(reason))

    def request(self, operation: Operation) -> Request:
        """Lock it, or unlock it, by what is wanted."""
        desired = operation.desired or {}
        if not desired.get(LOCKED):
            return endpoints.unlock_workspace(operation.target.id)
        reason = desired.get(REASON)
        return endpoints.lock_workspace(
            operation.target.id, None if reason is None else str(reason)
        )

    def shown(self, resource: ShownWorkspace) -> Observed:
        """Return the lock as compared; ``ServerBroken`` where it isn't shown."""
        observed = super().shown(resource)
        if observed.attributes[LOCKED] is None:
            raise ServerBroken("the server's answer does not show whether the workspace is locked")
        return observed
