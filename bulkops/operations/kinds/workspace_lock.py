"""``workspace-lock`` and ``workspace-unlock``: make Terraform runs wait, or let them go. Pure.

Each undoes the other. A lock has no id: bulkops recognizes its own locks by their reason, and the
server lets only the holder unlock. A 409 doesn't say whether the lock is ours, so bulkops reads the
workspace back and decides by what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from bulkops.operations.aspects.base import Words
from bulkops.operations.aspects.workspace_lock import (
    HOLDER,
    LOCKED,
    UNLOCKED,
    WORDS,
    LockAspect,
    locked_for,
)
from bulkops.operations.kinds.base import WORKSPACE_GONE, Kind
from bulkops.operations.model import (
    Attributes,
    Observations,
    Operation,
    Resolved,
    Right,
    Skip,
    Spec,
    Target,
)

ONLY_ITS_HOLDER = (
    "the server unlocks only workspaces locked by this token's user or team; any other unlock "
    "fails with the server's error"
)

Reason = Annotated[
    str,
    Meta(
        pattern=r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,298}[^\s\x00-\x1f\x7f])?\Z",
        description="1 to 300 characters of text on one line",
    ),
]


class WorkspaceLockSpec(Spec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``workspace-lock``.

    Attributes:
        reason: shown to anyone who finds the workspace locked; undo unlocks only workspaces that
            are still locked with this reason.
    """

    reason: Reason | None = None


class WorkspaceUnlockSpec(Spec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``workspace-unlock``."""


class _LockKind(Kind):
    words: ClassVar[Sequence[Words]] = (WORDS,)
    already: ClassVar[str]

    def __init__(
        self, spec: Spec, resolved: Resolved, desired: Attributes, reason: str | None
    ) -> None:
        super().__init__(spec, resolved)
        self.aspects = {"": LockAspect(resolved.organization, reason)}
        self._desired = desired

    def verb(self, operation: Operation) -> str:
        """Return ``lock`` or ``unlock``; an undo does the opposite."""
        return "lock" if (operation.desired or {}).get(LOCKED) else "unlock"

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """See the tables of the two kinds."""
        observed = observations[""].get(target.id, ())
        if not observed:
            return (Skip(target, WORKSPACE_GONE, blocked=True),)
        shown = observed[0].attributes
        if shown[LOCKED] is None:
            return (Skip(target, "the server doesn't show whether it is locked", blocked=True),)
        if HOLDER in shown:
            return (Skip(target, "locked by a run, until that run ends", blocked=True),)
        if shown[LOCKED] == self._desired[LOCKED]:
            return (Skip(target, self.already),)
        return (Operation(self.name, target, observed[0], self._desired),)

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Warn that only the holder of a lock can unlock."""
        return (ONLY_ITS_HOLDER,) if any(self.verb(one) == "unlock" for one in operations) else ()


class WorkspaceLock(_LockKind):
    """Lock each workspace: its Terraform runs wait until it is unlocked.

    | the server shows           | decided                                |
    |----------------------------|----------------------------------------|
    | not there                  | skip, blocked                          |
    | not locked                 | lock it, with the reason               |
    | locked                     | skip, whoever holds it                 |
    | locked by a run            | skip, blocked                          |
    | neither locked nor not     | skip, blocked                          |
    """

    name: ClassVar[str] = "workspace-lock"
    spec_type: ClassVar[type[WorkspaceLockSpec]] = WorkspaceLockSpec
    right: ClassVar[Right] = Right("can-lock", "this token can't lock it")
    already: ClassVar[str] = "already locked"

    def __init__(self, spec: WorkspaceLockSpec, resolved: Resolved) -> None:
        super().__init__(spec, resolved, locked_for(spec.reason), spec.reason)


class WorkspaceUnlock(_LockKind):
    """Unlock each workspace that this token's user or team has locked.

    | the server shows           | decided                                |
    |----------------------------|----------------------------------------|
    | not there                  | skip, blocked                          |
    | locked                     | unlock it                              |
    | locked by a run            | skip, blocked                          |
    | not locked                 | skip                                   |
    | neither locked nor not     | skip, blocked                          |
    """

    name: ClassVar[str] = "workspace-unlock"
    spec_type: ClassVar[type[WorkspaceUnlockSpec]] = WorkspaceUnlockSpec
    right: ClassVar[Right] = Right("can-unlock", "this token can't unlock it")
    already: ClassVar[str] = "not locked"

    def __init__(self, spec: WorkspaceUnlockSpec, resolved: Resolved) -> None:
        super().__init__(spec, resolved, UNLOCKED, None)
