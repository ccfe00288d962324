"""A workspace's lock: locking, unlocking, and reading it with its reason. Pure.

The server lets only the user or team that holds a lock unlock it, and never shows whether that is
this token's. The reason distinguishes several locks of the same holder.
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
"""Compared only if a run holds the lock: such a lock is never ours and ends with the run."""

UNLOCKED: Attributes = {LOCKED: False, REASON: None}


def locked_for(reason: str | None) -> Attributes:
    """Return the attributes of a workspace that is locked with this reason."""
    return {LOCKED: True, REASON: reason}


def in_words(attributes: Attributes | None) -> str:
    """Describe a lock: ``locked ("change freeze")``, ``not locked``."""
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
    """Derives the attributes to compare from what a workspace shows of its lock.

    They are ``{"locked": None}`` if the server shows neither true nor false, or no
    readable reason.

    Args:
        reason: assumed for every lock if the server shows no reasons (an older TFE).
    """

    def __init__(self, reason: str | None) -> None:
        self._reason = reason

    def __call__(self, attributes: Attributes) -> Attributes:
        """Return the attributes to compare."""
        locked = attributes.get(LOCKED)
        if not isinstance(locked, bool):
            return {LOCKED: None}
        if not locked:
            return UNLOCKED
        reason = attributes.get(REASON, self._reason)
        if reason is not None and not isinstance(reason, str):
            # It may be the reason that tells whose lock it is.
            return {LOCKED: None}
        there = locked_for(reason or None)
        holder = attributes.get(HOLDER)
        by_a_run = isinstance(holder, str) and holder.startswith("run-")
        return {**there, HOLDER: holder} if by_a_run else there

    def __eq__(self, other: object) -> bool:
        """Return whether both show locks: two jobs about locks change the same thing."""
        return isinstance(other, LockShown)

    def __hash__(self) -> int:
        """Return the same hash for all instances."""
        return hash(LockShown)


class LockAspect(WorkspaceAspect):
    """The lock of each workspace.

    Args:
        reason: same as in ``LockShown``.
    """

    def __init__(self, organization: str, reason: str | None = None) -> None:
        super().__init__(organization, (LOCKED, REASON, HOLDER), LockShown(reason))

    def request(self, operation: Operation) -> Request:
        """Lock or unlock the workspace, as desired."""
        desired = operation.desired or {}
        if not desired.get(LOCKED):
            return endpoints.unlock_workspace(operation.target.id)
        reason = desired.get(REASON)
        return endpoints.lock_workspace(
            operation.target.id, None if reason is None else str(reason)
        )

    def shown(self, resource: ShownWorkspace) -> Observed:
        """Return the lock as it is compared; ``ServerBroken`` if the answer doesn't show it."""
        observed = super().shown(resource)
        if observed.attributes[LOCKED] is None:
            raise ServerBroken("the server's answer does not show whether the workspace is locked")
        return observed
