"""The base class of all kinds of operation, and bases for groups of similar kinds. Pure."""

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
from bulkops.operations.inheritance import as_desired
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
    str, Meta(pattern=r"^apool-[A-Za-z0-9-]+\Z", description='an agent pool\'s id, "apool-…"')
]
"""The type of a spec's field that names an agent pool."""

WORKSPACE_GONE = "the workspace no longer exists"
"""The reason of the skip for such a workspace."""

VERB = "[a-z][a-z-]*"
"""The form of a verb, since verbs are part of an undo's keys and of ``--json``."""

SHOWN_STATES = 4
"""Distinct levels and stages that a note about lost attachments spells out."""


class Kind(ABC):
    """One kind of operation, for one job's spec.

    Attributes:
        name: its name in job files.
        spec_type: the fields of its ``[operation]`` table.
        scope: what it applies to; only jobs on selected workspaces have a ``[select]`` table.
        right: the permission that the token needs on each workspace.
        creates, changes, removes: the verbs of its operations, depending on the states before and
            desired (see ``verb``).
        verbs: verbs that a plan counts even if none of its operations has them.
        destructive: the change can't be reconstructed without the journal, so that ``--yes`` is
            not enough to start a job.
        never_empty: at least one of its aspects must stay on each target.
        reversible: undo can revert it.
        ends_task: it deletes its run task; for all other kinds, a run task that no longer exists
            stops the job.
        words: describe the states of its targets as a whole instead of attribute by attribute.
        aspects: ``Operation.aspect`` → the part of the targets that its operations change.
        per_workspace: workspace id or name → this kind with the spec of that workspace; empty if
            all have the same (see ``of``).
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
    per_workspace: Mapping[str, Kind] = {}

    def __init__(self, spec: Spec, resolved: Resolved) -> None:
        self.spec = spec
        self.resolved = resolved

    def of(self, target: Target) -> Kind:
        """Return the kind that decides about a target: with that workspace's own spec, if any.

        What it decides is carried out and read back with its own ``aspects``, too. They have the
        names of this kind's.
        """
        if not self.per_workspace:
            return self
        by_id = self.per_workspace.get(target.id)
        return by_id or self.per_workspace.get(target.name, self)

    @abstractmethod
    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """Return the writes that bring ``target`` to the desired state, or a skip with the reason.

        It is called again when a journal is opened, with what the journal says of its targets.
        """

    def decided(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """Return the result of ``decide``, each operation with its verb."""
        return [
            one
            if isinstance(one, Skip) or one.verb
            else msgspec.structs.replace(one, verb=self.verb(one))
            for one in self.of(target).decide(target, observations)
        ]

    def verb(self, operation: Operation) -> str:
        """Return the verb of an operation of this kind, or of its undo.

        It has lower-case letters and ``-`` only: plans, reports, ``--json`` and the keys of an undo
        contain it.
        """
        if operation.before is None:
            return self.creates
        return self.removes if operation.desired is None else self.changes

    def kind_of_inverse(self, inverse: Operation) -> str:
        """Return ``Operation.kind`` of an operation of an undo: its verb."""
        return self.verb(inverse)

    def right_for(self, operation: Operation) -> Right:  # noqa: ARG002 - the same for all
        """Return the permission that the token needs for an operation."""
        return self.right

    def beside(self, operation: Operation) -> Sequence[str]:
        """Return the aspects of which one must stay if an operation removes its own.

        Empty unless ``never_empty``.
        """
        others = (aspect for aspect in self.aspects if aspect != operation.aspect)
        return list(others) if self.never_empty else ()

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:  # noqa: ARG002 - there are none
        """Return notes on these operations for a careful reader of the plan."""
        return ()

    def one_call(self, allowed: Entitlements) -> str:  # noqa: ARG002 - there is none
        """Return a note on a single API call that has the same effect on every workspace."""
        return ""


class WorkspaceTaskKind(Kind):
    """Base of the kinds that change one run task's attachment to each workspace."""

    creates: ClassVar[str] = "attach"
    removes: ClassVar[str] = "detach"
    verbs: ClassVar[Sequence[str]] = ("attach", "update", "detach")
    words: ClassVar[Sequence[Words]] = (attachment.WORDS,)

    def __init__(self, spec: Spec, resolved: Resolved) -> None:
        super().__init__(spec, resolved)
        assert resolved.task is not None, "its spec names one"  # noqa: S101 - inventory's promise
        self.task = resolved.task
        aspect = WorkspaceTaskAspect(
            resolved.task, single_stage=resolved.single_stage, organization=resolved.organization
        )
        self.aspects = {"": aspect}

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """Decide by the attachments to the target."""
        return (self.decide_by(target, observations[""].get(target.id, ())),)

    @abstractmethod
    def decide_by(self, target: Target, observed: Sequence[Observed]) -> Operation | Skip:
        """Return the one write that brings ``target`` to the desired state, or a skip."""

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:
        """List what will be lost, if the kind is destructive."""
        return lost_attachments(operations, self.resolved) if self.destructive else ()

    def operation(
        self, target: Target, before: Observed | None, desired: Attributes | None
    ) -> Operation:
        """Return the operation on a target."""
        return Operation(self.name, target, before, desired)


class AttributesKind(Kind):
    """Base of the kinds that set some attributes of each target.

    Attributes:
        already: the reason of the skip if they are already as desired.
        gone: the reason of the skip if the target no longer exists.

    Args:
        aspect: reads exactly these attributes.
        desired: API name → desired value.
    """

    already: ClassVar[str] = "already as desired"
    gone: ClassVar[str]

    def __init__(self, spec: Spec, resolved: Resolved, aspect: Aspect, desired: Attributes) -> None:
        super().__init__(spec, resolved)
        self.aspects = {"": aspect}
        self.desired = desired

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """Change the attributes that differ."""
        observed = observations[""].get(target.id, ())
        if not observed:
            return (Skip(target, self.gone, blocked=True),)
        if as_desired(observed[0].attributes, self.desired):
            return (Skip(target, self.already),)
        if hidden := self.hidden(observed[0].attributes):
            # Otherwise the journal would not know the state before, and nothing could be verified.
            reason = f"the server doesn't show its {', '.join(hidden)}"
            return (Skip(target, reason, blocked=True),)
        return (Operation(self.name, target, observed[0], self.desired),)

    def hidden(self, attributes: Attributes) -> Sequence[str]:  # noqa: ARG002 - there are none
        """Return the desired attributes that the server doesn't show.

        Args:
            attributes: those that it shows.
        """
        return ()


class RunTaskKind(AttributesKind):
    """Base of the kinds that change attributes of the run task they name."""

    scope: ClassVar[Scope] = Scope.TASK
    gone: ClassVar[str] = "the run task no longer exists"

    def __init__(self, spec: Spec, resolved: Resolved, desired: Attributes) -> None:
        aspect = RunTaskAspect(resolved.organization, tuple(desired))
        super().__init__(spec, resolved, aspect, desired)


def lost_attachments(operations: Sequence[Operation], resolved: Resolved) -> Sequence[str]:
    """Return a note on the attachments that will be lost: on how many workspaces, which states."""
    removed = [
        o.before.attributes
        for o in operations
        if o.before and o.desired is None and attachment.WORDS.marker in o.before.attributes
    ]
    if not removed or resolved.task is None:
        return ()
    states = Counter(map(attachment.WORDS.state, removed)).most_common()
    first = ", ".join(f"{number} {state}" for state, number in states[:SHOWN_STATES])
    more = f", {len(states) - SHOWN_STATES} more" if len(states) > SHOWN_STATES else ""
    workspaces = counted(len(removed), "workspace")
    return (f"{resolved.task.name} will be lost on {workspaces}: {first}{more}",)
