"""The steps of a job with the run tasks they are about, as plans and reports name them. Pure.

A report loads no kind: the header of a journal has the names of kinds and run tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bulkops.operations import wording
from bulkops.operations.model import Resolved, TaskRef


class NamedStep(msgspec.Struct, frozen=True):
    """One step of a job.

    Attributes:
        kind: the kind of operation, as in the job file.
        task: the run task's name; null for a kind without one.
        task_id: that run task's id, `task-…`; null for a kind without one.
        replaces: name of the run task that is replaced; null for a kind without one.
        replaces_id: that run task's id, `task-…`; null for a kind without one.
    """

    kind: str
    task: str | None = None
    task_id: str | None = None
    replaces: str | None = None
    replaces_id: str | None = None

    @classmethod
    def of(cls, kind: str, task: TaskRef | None, replaces: TaskRef | None) -> NamedStep:
        """Return the step of a kind with these run tasks."""
        named = ((ref.name, ref.id) if ref else (None, None) for ref in (task, replaces))
        return cls(kind, *(text for pair in named for text in pair))

    @property
    def words(self) -> str:
        """What it does: ``attach security-scan``."""
        return wording.step(self.kind, self.task or "", self.replaces or "")

    @property
    def words_with_ids(self) -> str:
        """What it does: ``attach security-scan (task-…)``."""
        task = f"{self.task} ({self.task_id})" if self.task else ""
        replaces = f"{self.replaces} ({self.replaces_id})" if self.replaces else ""
        return wording.step(self.kind, task, replaces)


def named_steps(kinds: Iterable[str], resolved: Resolved) -> tuple[NamedStep, ...]:
    """Return the steps of these kinds, with their run tasks (see ``steps.run_tasks``)."""
    names = tuple(kinds)
    if len(names) == 1:
        return (NamedStep.of(names[0], resolved.task, resolved.replaces),)
    refs = resolved.others
    return tuple(
        NamedStep.of(kind, refs.get(f"{number}.task"), refs.get(f"{number}.replaces"))
        for number, kind in enumerate(names, 1)
    )


def recorded_steps(operation: object, resolved: Resolved) -> tuple[NamedStep, ...]:
    """Return the steps of a job in a journal's header.

    Args:
        operation: ``operation`` as it is there (see ``steps.to_tables``).
    """
    tables = operation if isinstance(operation, list) else [operation]
    kinds = (str(one.get("kind")) if isinstance(one, dict) else "" for one in tables)
    return named_steps(kinds, resolved)


def tasks_of(steps: Sequence[NamedStep]) -> dict[str, dict[str, str]]:
    """Return aspect → name and id of its run task, in a job of several steps."""
    if len(steps) == 1:
        return {}
    refs = [ref for s in steps for ref in ((s.task, s.task_id), (s.replaces, s.replaces_id))]
    return {name: {"task": name, "task_id": ident} for name, ident in refs if name and ident}


def words_of(steps: Iterable[NamedStep], *, undo: bool) -> str:
    """Return what a job does: ``attach modern-scan, then detach legacy-scan``."""
    return wording.kind_in_words(wording.in_order(step.words for step in steps), undo=undo)
