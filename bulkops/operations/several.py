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


class Part(msgspec.Struct, frozen=True):
    """One step.

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
        self.parts: list[Part] = []
        self._part_of: dict[str, Part] = {}
        self._with_values: dict[tuple[int, ...], Several] = {}
        for number, kind in enumerate(kinds, 1):
            part = Part(number, kind, dict(self._named(kind)))
            self.parts.append(part)
            self._part_of.update(dict.fromkeys(part.aspects.values(), part))

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
        own = [part.kind.of(target) for part in self.parts]
        if all(kind is part.kind for kind, part in zip(own, self.parts, strict=True)):
            return self
        specs = tuple(map(id, own))
        if specs not in self._with_values:
            self._with_values[specs] = Several(self.resolved, own)
        return self._with_values[specs]

    def part_of(self, aspect: str) -> Part:
        """Return the step to which the operations of an aspect belong."""
        return self._part_of[aspect]

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """See the table above."""
        operations, skips = list[Operation](), list[str]()
        for part in self.parts:
            shown = {
                inner: observations[outer]
                for inner, outer in part.aspects.items()
                if outer in observations
            }
            earlier = tuple(operation.key for operation in operations)
            for one in part.kind.decided(target, shown):
                if isinstance(one, Operation):
                    operations.append(part.in_job(one, earlier))
                elif one.blocked:
                    return (Skip(target, f"{part.words}: {one.reason}", blocked=True),)
                else:
                    skips.append(f"{part.words}: {one.reason}")
        return operations or (Skip(target, "; ".join(skips)),)

    def verb(self, operation: Operation) -> str:
        """Return the verb of the step's kind."""
        part = self.part_of(operation.aspect)
        return part.kind.verb(part.within(operation))

    def kind_of_inverse(self, inverse: Operation) -> str:
        """Return the verb with the step's number."""
        return f"{self.part_of(inverse.aspect).number}-{self.verb(inverse)}"

    def right_for(self, operation: Operation) -> Right:
        """Return the right of the step's kind."""
        return self.part_of(operation.aspect).kind.right

    def beside(self, operation: Operation) -> Sequence[str]:
        """Return the same for the step's kind."""
        part = self.part_of(operation.aspect)
        return [part.aspects[inner] for inner in part.kind.beside(part.within(operation))]

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Return the notes of all steps."""
        by_part: dict[int, list[Operation]] = {part.number: [] for part in self.parts}
        for operation in operations:
            part = self.part_of(operation.aspect)
            by_part[part.number].append(part.within(operation))
        found = [note for part in self.parts for note in part.kind.notes(by_part[part.number])]
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
