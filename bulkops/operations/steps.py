"""The steps of a job: its ``[operation]`` tables, one or several, in their order. Pure.

A job of one step is carried out by its kind alone. One of several steps is carried out by
``Several``, a kind made of theirs. The run tasks that the steps name are looked up together: in a
job of several steps, ``2.task`` is the field ``task`` of the second one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import msgspec

from bulkops.checking import one_of
from bulkops.errors import JobError
from bulkops.operations import bind as bind_kind
from bulkops.operations import kind_named, kind_names, wording
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Resolved, Right, Scope, Spec, TaskRef
from bulkops.operations.secret import Secret
from bulkops.operations.several import Several, things
from bulkops.operations.values import Valued, to_builtins


class Step(msgspec.Struct, frozen=True):
    """One ``[operation]`` table of a job.

    Attributes:
        kind: the kind's name (see ``kind_named``).
        spec: an instance of that kind's ``spec_type``; with ``values``, the first one of them.
        values: the groups of workspaces with specs of their own; all listed workspaces are in one.
            Empty if all workspaces have the same.
    """

    kind: str
    spec: Spec
    values: tuple[Valued, ...] = ()

    @property
    def specs(self) -> Sequence[Spec]:
        """Its different specs; they name the same run tasks."""
        return [one.spec for one in self.values] or [self.spec]

    @property
    def by_entry(self) -> dict[str, Spec]:
        """Listed workspace id or name → its spec; empty if all workspaces have the same."""
        return {entry: one.spec for one in self.values for entry in one.workspaces}

    @property
    def words(self) -> str:
        """What it does, with run tasks as the job names them: ``attach security-scan``."""
        named = self.spec.run_tasks
        return wording.step(self.kind, named.get("task", ""), named.get("replaces", ""))


Steps = tuple[Step, ...]
"""At least one."""


class StepTable(NamedTuple):
    """One ``[operation]`` table whose kind is read, and nothing else yet.

    Attributes:
        source: where it is, for error messages: ``job.toml``, or ``job.toml: step 1`` for the first
            of several.
        rest: the table without its ``kind``.
    """

    source: str
    kind: type[Kind]
    rest: Mapping[str, object]


ReadSpecs = Callable[[StepTable], tuple[Spec, tuple[Valued, ...]]]
"""Reads the spec and the values per workspace in a table of a job file."""


def read_kinds(
    tables: Mapping[str, object] | Sequence[Mapping[str, object]], source: str
) -> list[StepTable]:
    """Return ``[operation]``, or each of several ``[[operation]]`` tables, with its kind.

    Args:
        source: the job file's name, for error messages.

    Raises:
        JobError: there is none, or one has no known kind.
    """
    tables = [tables] if isinstance(tables, Mapping) else tables
    if not tables:
        raise JobError(f"{source}: operation = []: give at least one [[operation]] table")
    if len(tables) == 1:
        return [_read_kind(tables[0], source)]
    return [_read_kind(one, f"{source}: step {n}") for n, one in enumerate(tables, 1)]


def read_steps(
    tables: Sequence[StepTable], source: str, organization: str, read: ReadSpecs
) -> Steps:
    """Return the steps of a job.

    Args:
        source: the job file's name, for error messages.

    Raises:
        JobError: a table is wrong, or the steps can't be combined.
    """
    steps = tuple(Step(one.kind.name, *read(one)) for one in tables)
    if len(steps) > 1 and (problem := why_not_together(steps, organization)):
        raise JobError(f"{source}: {problem}")
    return steps


def to_tables(steps: Steps) -> dict[str, object] | list[dict[str, object]]:
    """Return the steps as ``read_steps`` reads them; a single one as bulkops 0.2 wrote it."""
    tables = [{"kind": step.kind, **to_builtins(step.spec, step.values)} for step in steps]
    return tables[0] if len(tables) == 1 else tables


def _read_kind(table: Mapping[str, object], source: str) -> StepTable:
    if "kind" not in table:
        raise JobError(f"{source}: operation.kind is missing: give {one_of(kind_names())}")
    kind = kind_named(table["kind"], f"{source}: operation.kind")
    return StepTable(source, kind, {name: v for name, v in table.items() if name != "kind"})


def bind(steps: Steps, resolved: Resolved) -> Kind:
    """Return the kind that carries the steps out.

    Args:
        resolved: the run tasks of ``run_tasks``, looked up.
    """
    if len(steps) == 1:
        (only,) = steps
        return bind_kind(only.kind, only.spec, resolved, only.values)
    kinds = [
        bind_kind(step.kind, step.spec, _resolved_for(number, step, resolved), step.values)
        for number, step in enumerate(steps, 1)
    ]
    return Several(resolved, kinds)


def kinds_of(steps: Iterable[Step]) -> Iterator[type[Kind]]:
    """Yield the class of each step's kind."""
    return (kind_named(step.kind) for step in steps)


def name_of(steps: Iterable[Step]) -> str:
    """Return the kinds as one word, for reports and metrics: ``attach+detach``."""
    return wording.joined(step.kind for step in steps)


def words_of(steps: Iterable[Step]) -> str:
    """Return what a job does: ``attach modern-scan, then detach legacy-scan``."""
    return wording.in_order(step.words for step in steps)


def scope_of(steps: Steps) -> Scope:
    """Return what the steps apply to; it is the same for all."""
    return kind_named(steps[0].kind).scope


def rights_of(steps: Iterable[Step]) -> tuple[Right, ...]:
    """Return the permissions that the token needs on each workspace, without duplicates."""
    return tuple(dict.fromkeys(kind.right for kind in kinds_of(steps)))


def verbs_of(steps: Iterable[Step]) -> list[str]:
    """Return the verbs that a plan counts even if none of its operations has them."""
    return list(dict.fromkeys(verb for kind in kinds_of(steps) for verb in kind.verbs))


def is_destructive(steps: Iterable[Step]) -> bool:
    """Return whether ``--yes`` is not enough to start the job."""
    return any(kind.destructive for kind in kinds_of(steps))


def irreversible(steps: Iterable[Step]) -> str:
    """Return the first kind that an undo can't revert, empty if it can revert all."""
    return next((kind.name for kind in kinds_of(steps) if not kind.reversible), "")


def secret_of(steps: Steps) -> Secret | None:
    """Return where the secret is that the job needs; only a job of one step may need one."""
    return steps[0].spec.secret


def run_tasks(steps: Steps) -> dict[str, str]:
    """Return field → name or id of each run task that the steps name."""
    return {
        _field(steps, number, field): named
        for number, step in enumerate(steps, 1)
        for field, named in step.spec.run_tasks.items()
    }


def place_of(steps: Steps, number: int, field: str) -> str:
    """Return where a field is in the job file: ``operation.stages``, ``step 2: operation.stages``.

    Args:
        number: of the step, from 1.
    """
    step = f"step {number}: " if len(steps) > 1 else ""
    return f"{step}operation.{field}"


def place_of_task(steps: Steps, field: str) -> str:
    """Return where a field of ``run_tasks`` is in the job file."""
    number, _, inner = field.rpartition(".")
    return place_of(steps, int(number or 1), inner)


def why_not_together(steps: Steps, organization: str) -> str:
    """Return why steps can't be combined in one job, to follow the file's name; empty if they can.

    Whether two names are those of one run task is known only after the lookup.
    """
    own = "Give it a job of its own"
    for number, (step, kind) in enumerate(zip(steps, kinds_of(steps), strict=True), 1):
        place = place_of(steps, number, "kind")
        if kind.scope is not Scope.SELECTED:
            applies = f"{step.kind} applies to {kind.scope.value}"
            return f"{place}: {applies}, and can't be combined with others. {own}"
        if step.spec.secret is not None:
            return f"{place}: {step.kind} needs a secret, and can't be combined with others. {own}"
    names = run_tasks(steps)
    refs = {field: TaskRef(named, named) for field, named in names.items()}
    several = bind(steps, Resolved(organization=organization, others=refs))
    assert isinstance(several, Several)  # noqa: S101 - there are at least two
    changed = {one.number: things(one.kind) for one in several.steps}
    for one, other in combinations(several.steps, 2):
        if not changed[one.number].isdisjoint(changed[other.number]):
            first, second = steps[one.number - 1], steps[other.number - 1]
            return (
                f"step {other.number}: {second.words} changes the same thing of a workspace as "
                f"step {one.number}, {first.words}. {own}"
            )
    return ""


def refs_of(resolved: Resolved) -> Mapping[str, TaskRef]:
    """Return field → run task, for all fields of ``run_tasks``."""
    own = {"task": resolved.task, "replaces": resolved.replaces}
    return {field: ref for field, ref in {**own, **resolved.others}.items() if ref is not None}


def to_confirm(steps: Steps, resolved: Resolved) -> str:
    """Return what confirms a destructive job: the run tasks that its destructive steps name.

    Empty if they name none. For a job without such a step, the run tasks of all.
    """
    refs, numbered = refs_of(resolved), list(enumerate(kinds_of(steps), 1))
    destructive = [number for number, kind in numbered if kind.destructive]
    numbers = destructive or [number for number, _ in numbered]
    found = (refs.get(_field(steps, number, "task")) for number in numbers)
    return ", ".join(ref.name for ref in found if ref)


def _field(steps: Sequence[Step], number: int, field: str) -> str:
    return f"{number}.{field}" if len(steps) > 1 else field


def _resolved_for(number: int, step: Step, resolved: Resolved) -> Resolved:
    """Return what one of several steps needs beside its spec."""
    refs = {field: resolved.others[f"{number}.{field}"] for field in step.spec.run_tasks}
    return msgspec.structs.replace(
        resolved,
        task=refs.pop("task", None),
        replaces=refs.pop("replaces", None),
        others=refs,
    )
