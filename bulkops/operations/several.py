"""Several kinds on each workspace, one after the other. Pure.

| one of the steps, on a workspace | decided                                                     |
|----------------------------------|-------------------------------------------------------------|
| is blocked                       | skip, blocked, with its reason: no step is carried out there |
| has something to do              | its operations, after those of all steps before it          |
| has nothing to do                | none; if that is so for all of them, skip with each reason  |

An operation belongs to the step that its aspect names: the run task whose attachment it writes,
``workspace`` for the workspace's own attributes. Its key begins with the step's number,
``2-detach:ws-…``, since two steps may be of one kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bulkops.operations.aspects.base import Aspect, Attached, WorkspacesOf
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import (
    Observations,
    Operation,
    Resolved,
    Right,
    Skip,
    Spec,
    Target,
)
from bulkops.operations.named_steps import NamedStep

WORKSPACE = "workspace"
"""The aspect of a workspace's own attributes."""


class BoundStep(msgspec.Struct, frozen=True):
    """One step, bound to its run tasks.

    Attributes:
        number: from 1.
        aspects: its kind's aspect → the name that this aspect has in the job.
    """

    number: int
    kind: Kind
    aspects: Mapping[str, str]

    @property
    def words(self) -> str:
        """What it does: ``attach modern-scan``."""
        resolved = self.kind.resolved
        return NamedStep.of(self.kind.name, resolved.task, resolved.replaces).words

    def within(self, operation: Operation) -> Operation:
        """Return an operation of the job as the step's kind decides it."""
        prefix = f"{self.number}-"
        own = {outer: inner for inner, outer in self.aspects.items()}
        return msgspec.structs.replace(
            operation,
            kind=operation.kind.removeprefix(prefix),
            aspect=own[operation.aspect],
            after=tuple(k.removeprefix(prefix) for k in operation.after if k.startswith(prefix)),
        )

    def in_job(self, operation: Operation, earlier: Sequence[str]) -> Operation:
        """Return an operation of the step's kind as the job's.

        Args:
            earlier: keys of the operations of earlier steps on its target.
        """
        return msgspec.structs.replace(
            operation,
            kind=f"{self.number}-{operation.kind}",
            aspect=self.aspects[operation.aspect],
            after=(*earlier, *(f"{self.number}-{key}" for key in operation.after)),
        )


class Several(Kind):
    """A kind made of several, which change different things of the selected workspaces."""

    name = "several"
    spec_type = Spec

    def __init__(self, resolved: Resolved, kinds: Sequence[Kind]) -> None:
        super().__init__(Spec(), resolved)
        self.aspects: dict[str, Aspect] = {}
        self.steps: list[BoundStep] = []
        self._step_with: dict[str, BoundStep] = {}
        self._with_values: dict[tuple[int, ...], Several] = {}
        for number, kind in enumerate(kinds, 1):
            step = BoundStep(number, kind, dict(self._named(kind)))
            self.steps.append(step)
            self._step_with.update(dict.fromkeys(step.aspects.values(), step))

    def _named(self, kind: Kind) -> Iterator[tuple[str, str]]:
        """Add a kind's aspects; yield the own name of each, and that in the job."""
        for inner, aspect in kind.aspects.items():
            plain = _plain_name(kind, inner, aspect)
            names = (plain, *(f"{plain} {number}" for number in range(2, len(self.aspects) + 3)))
            outer = next(name for name in names if name not in self.aspects)
            self.aspects[outer] = aspect
            yield inner, outer

    def of(self, target: Target) -> Kind:
        """Return the steps with the target's own specs."""
        own = [step.kind.of(target) for step in self.steps]
        if all(kind is step.kind for kind, step in zip(own, self.steps, strict=True)):
            return self
        specs = tuple(map(id, own))
        if specs not in self._with_values:
            self._with_values[specs] = Several(self.resolved, own)
        return self._with_values[specs]

    def step_with(self, aspect: str) -> BoundStep:
        """Return the step to which the operations of an aspect belong."""
        return self._step_with[aspect]

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """See the table above."""
        operations, skips = list[Operation](), list[str]()
        for step in self.steps:
            shown = {
                inner: observations[outer]
                for inner, outer in step.aspects.items()
                if outer in observations
            }
            earlier = tuple(operation.key for operation in operations)
            for one in step.kind.decided(target, shown):
                if isinstance(one, Operation):
                    operations.append(step.in_job(one, earlier))
                elif one.blocked:
                    return (Skip(target, f"{step.words}: {one.reason}", blocked=True),)
                else:
                    skips.append(f"{step.words}: {one.reason}")
        return operations or (Skip(target, "; ".join(skips)),)

    def verb(self, operation: Operation) -> str:
        """Return the verb of the step's kind."""
        step = self.step_with(operation.aspect)
        return step.kind.verb(step.within(operation))

    def kind_of_inverse(self, inverse: Operation) -> str:
        """Return the verb with the step's number."""
        return f"{self.step_with(inverse.aspect).number}-{self.verb(inverse)}"

    def right_for(self, operation: Operation) -> Right:
        """Return the right of the step's kind."""
        return self.step_with(operation.aspect).kind.right

    def beside(self, operation: Operation) -> Sequence[str]:
        """Return the same for the step's kind."""
        step = self.step_with(operation.aspect)
        return [step.aspects[inner] for inner in step.kind.beside(step.within(operation))]

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Return the notes of all steps."""
        by_step: dict[int, list[Operation]] = {step.number: [] for step in self.steps}
        for operation in operations:
            step = self.step_with(operation.aspect)
            by_step[step.number].append(step.within(operation))
        found = [note for step in self.steps for note in step.kind.notes(by_step[step.number])]
        return list(dict.fromkeys(found))


def step_of(operation: Operation) -> int:
    """Return the number of an operation's step, by its key; 0 in a job of one step."""
    number = operation.kind.partition("-")[0]
    return int(number) if number.isdecimal() else 0


def things(kind: Kind) -> frozenset[object]:
    """Return what a kind changes of a target, with any of its specs: run tasks, fields, a lock."""
    # Another value may need another aspect.
    kinds = {id(one): one for one in (kind, *kind.per_workspace.values())}
    return frozenset(
        thing for one in kinds.values() for aspect in one.aspects.values() for thing in _of(aspect)
    )


def _of(aspect: Aspect) -> Sequence[object]:
    match aspect.source:
        case Attached(task_id=task_id):
            return [(Attached, task_id)]
        case WorkspacesOf(fields=fields):
            return [(WorkspacesOf, field) for field in fields]
        case _:
            return [(type(aspect), "")]


def _plain_name(kind: Kind, inner: str, aspect: Aspect) -> str:
    """Return the name of an aspect in the job, if it is the only one of that name."""
    match aspect.source:
        case Attached(task_id=task_id):
            resolved = kind.resolved
            known = (resolved.task, resolved.replaces, *resolved.others.values())
            return next((ref.name for ref in known if ref and ref.id == task_id), task_id)
        case WorkspacesOf():
            return WORKSPACE
        case _:
            return f"{kind.name} {inner}".rstrip()
