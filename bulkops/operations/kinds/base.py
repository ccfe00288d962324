"""What every kind of operation has, with the defaults, and the bases of those alike. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from bulkops.api.organizations import Entitlements
from bulkops.operations.aspects import attachment
from bulkops.operations.aspects.attachment import WorkspaceTaskAspect
from bulkops.operations.aspects.base import Aspect, Words
from bulkops.operations.aspects.run_task import RunTaskAspect
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
)
from bulkops.text import counted

AgentPool = Annotated[
    str, Meta(pattern=r"^apool-[A-Za-z0-9]+\Z", description='an agent pool\'s id, "apool-…"')
]
"""A wish's field that names one."""

WORKSPACE_GONE = "the workspace is gone"
"""Why nothing can be done with one."""

VERB = "[a-z][a-z-]*"
"""What an operation does is such a word: it stands in the keys of an undo and in ``--json``."""

SHOWN_STATES = 4
"""Different levels and stages of what will be lost that a note spells out."""


class Kind(ABC):
    """One kind of operation, bound to one job's wish.

    Attributes:
        name: what a job file calls it.
        spec_type: the fields of its ``[operation]`` table.
        scope: what it goes over; a job has ``[select]`` where that is the selected workspaces.
        right: what the token must be allowed on each of the workspaces.
        creates, changes, removes: what its operations do, in one word, by what was there before
            and what is wanted; see ``verb``.
        verbs: those that a plan counts even where none occurs.
        destructive: what it changes is lost to whoever doesn't have the journal, so that a plain
            yes is not enough to start a job.
        never_empty: of what its aspects show of a target, one at least stays.
        reversible: undo takes back what it did.
        ends_task: it deletes its run task; of any other kind, a run task that is gone stops a job.
        words: how what its operations change is said as a whole; else attribute by attribute.
        aspects: what its operations change, by ``Operation.aspect``.
    """

    name: ClassVar[str]
    spec_type: ClassVar[type[Spec]]
    scope: ClassVar[Scope] = Scope.SELECTED
    right: ClassVar[Right] = Right.RUN_TASKS
    creates: ClassVar[str] = "create"
    changes: ClassVar[str] = "update"
    removes: ClassVar[str] = "delete"
    verbs: ClassVar[Sequence[str]] = ()
    destructive: ClassVar[bool] = False
    never_empty: ClassVar[bool] = False
    reversible: ClassVar[bool] = True
    ends_task: ClassVar[bool] = False
    words: ClassVar[Sequence[Words]] = ()
    aspects: Mapping[str, Aspect]

    def __init__(self, spec: Spec, resolved: Resolved) -> None:
        self.spec = spec
        self.resolved = resolved

    @abstractmethod
    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """Return the writes that bring ``target`` to the wish, or why there is none."""

    def decided(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """Return what ``decide`` does, each operation with its verb."""
        return [
            one
            if isinstance(one, Skip) or one.verb
            else msgspec.structs.replace(one, verb=self.verb(one))
            for one in self.decide(target, observations)
        ]

    def verb(self, operation: Operation) -> str:
        """Return in one word what an operation of this kind, or of its undo, does.

        Lower-case letters and ``-``: it stands in plans, reports, ``--json`` and the keys of an
        undo.
        """
        if operation.before is None:
            return self.creates
        return self.removes if operation.desired is None else self.changes

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:  # noqa: ARG002 - there are none
        """Return in words what of these a careful reader of the plan should know."""
        return ()

    def one_call(self, allowed: Entitlements) -> str:  # noqa: ARG002 - there is none
        """Return the one call that does the same for every workspace of a place, in words."""
        return ""


class WorkspaceTaskKind(Kind):
    """Base of the kinds that write one attachment of one run task with each workspace."""

    creates: ClassVar[str] = "attach"
    removes: ClassVar[str] = "detach"
    verbs: ClassVar[Sequence[str]] = ("attach", "update", "detach")
    words: ClassVar[Sequence[Words]] = (attachment.WORDS,)

    def __init__(self, spec: Spec, resolved: Resolved) -> None:
        super().__init__(spec, resolved)
        assert resolved.task is not None, "its wish names one"  # noqa: S101 - inventory's promise
        self.task = resolved.task
        aspect = WorkspaceTaskAspect(
            resolved.task, single_stage=resolved.single_stage, organization=resolved.organization
        )
        self.aspects = {"": aspect}

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """Decide by the attachments with the target."""
        return (self.decide_by(target, observations[""].get(target.id, ())),)

    @abstractmethod
    def decide_by(self, target: Target, observed: Sequence[Observed]) -> Operation | Skip:
        """Return the one write that brings ``target`` to the wish, or why there is none."""

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Say what is lost where yes is not enough."""
        return lost_attachments(operations, self.resolved) if self.destructive else ()

    def operation(
        self, target: Target, before: Observed | None, desired: Attributes | None
    ) -> Operation:
        """Return the operation with its stable key."""
        return Operation(self.name, target, before, desired)


class AttributesKind(Kind):
    """Base of the kinds that bring some attributes of each target to those wanted.

    Attributes:
        already: why nothing is done where they are so.
        gone: why nothing can be done where the target isn't there.

    Args:
        aspect: reads these attributes, and no other.
        desired: attributes it shall have, by their API names.
    """

    already: ClassVar[str] = "already as wanted"
    gone: ClassVar[str]

    def __init__(self, spec: Spec, resolved: Resolved, aspect: Aspect, desired: Attributes) -> None:
        super().__init__(spec, resolved)
        self.aspects = {"": aspect}
        self.desired = desired

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """Change what differs from the wish."""
        observed = observations[""].get(target.id, ())
        if not observed:
            return (Skip(target, self.gone, blocked=True),)
        if observed[0].attributes == self.desired:
            return (Skip(target, self.already),)
        if hidden := self.hidden(observed[0].attributes):
            # Nobody could tell what it was before, nor whether it was changed.
            reason = f"the server does not show its {', '.join(hidden)}"
            return (Skip(target, reason, blocked=True),)
        return (Operation(self.name, target, observed[0], self.desired),)

    def hidden(self, attributes: Attributes) -> Sequence[str]:  # noqa: ARG002 - there are none
        """Return which of the attributes wanted the server doesn't show, of those it does."""
        return ()


class RunTaskKind(AttributesKind):
    """Base of the kinds that change attributes of the one run task they name."""

    scope: ClassVar[Scope] = Scope.TASK
    gone: ClassVar[str] = "the run task is gone"

    def __init__(self, spec: Spec, resolved: Resolved, desired: Attributes) -> None:
        aspect = RunTaskAspect(resolved.organization, tuple(desired))
        super().__init__(spec, resolved, aspect, desired)


def lost_attachments(operations: Sequence[Operation], resolved: Resolved) -> Sequence[str]:
    """Return what is gone afterwards: of which run task, on how many workspaces, which states."""
    removed = [
        o.before.attributes
        for o in operations
        if o.before and o.desired is None and attachment.WORDS.marker in o.before.attributes
    ]
    if not removed or resolved.task is None:
        return ()
    states = Counter(map(attachment.WORDS.state, removed)).most_common()
    said = ", ".join(f"{number} {state}" for state, number in states[:SHOWN_STATES])
    more = f", {len(states) - SHOWN_STATES} more" if len(states) > SHOWN_STATES else ""
    places = counted(len(removed), "workspace")
    return (f"{resolved.task.name} will be lost on {places}: {said}{more}",)
