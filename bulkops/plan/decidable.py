"""Whether a job could have decided the operations of its journal: each is decided again. Pure.

| an operation of  | is accepted if, from the recorded state before it,                       |
|------------------|--------------------------------------------------------------------------|
| a job, or a plan | its kind decides this operation: aspect, change, verb and order          |
| an undo          | its kind decides what this reverts, or (the undo of an undo) this change |

What the journal doesn't record is assumed in the job's favor: what another aspect of the target
showed, and what the server kept of a write that an undo reverts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from bulkops.inventory.matcher import RecordedMatcher
from bulkops.job.job import Job
from bulkops.journal.progress import Progress
from bulkops.journal.replay import Replay
from bulkops.operations.compare import showable
from bulkops.operations.deciding import Deciding, is_built_in
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Attributes, Operation, Scope, Target
from bulkops.operations.several import Several
from bulkops.text import quoted


def disagreement_of_operations(replay: Replay, job: Job, kind: Kind) -> str:
    """Return the first operation that the job could not have decided, and why; empty if none.

    Args:
        kind: the job's kind, resolved from the header; needs no secret.
    """
    if replay.header.undo_of and not kind.reversible:
        return f"it undoes a job of kind {job.kind}, which can't be undone"
    limit = job.select.limit
    if limit is not None and (number := len(replay.operations.target_ids)) > limit:
        return f"it covers {number} workspaces, its job at most {limit}"
    return _Decisions(replay, job, kind).objection()


def key_of(operation: Operation) -> str:
    """Return an operation's key and target name, for a message."""
    return f"{quoted(operation.key)} ({quoted(operation.target.name)})"


class _Decisions:
    """Decides the operations of a journal again."""

    def __init__(self, replay: Replay, job: Job, kind: Kind) -> None:
        self._operations = replay.operations
        self._job = job
        self._kind = kind
        self._undo = bool(replay.header.undo_of)
        # Only a later execution can have decided some operations again, apart from the rest.
        self._again = len(replay.executions) > 1
        kinds = [p.kind for p in kind.steps] if isinstance(kind, Several) else [kind]
        self._built_in = all(map(is_built_in, kinds))
        self._task = kind.resolved.task
        self._deciding = self._per_aspect(kind)
        self._matcher = RecordedMatcher(job.select) if kind.scope is Scope.SELECTED else None
        # By their ``id``: equal attributes are one object, which the replay keeps.
        self._showable: set[tuple[int, int]] = set()
        self._decided: set[tuple[object, ...]] = set()

    def _per_aspect(self, kind: Kind) -> dict[str, Deciding]:
        """Return aspect → what decides the operations of its step again."""
        if not isinstance(kind, Several):
            return dict.fromkeys(kind.aspects, Deciding(kind, again=self._again, every=self._every))
        found: dict[str, Deciding] = {}
        for step in kind.steps:
            deciding = Deciding(step.kind, again=self._again, every=self._every)
            found.update(dict.fromkeys(step.aspects.values(), deciding))
        return found

    def _every(self) -> Iterator[Operation]:
        return (progress.operation for progress in self._operations.values())

    def objection(self) -> str:
        """Return which operation could not have been decided, and why; empty if none."""
        values = self._operations.values()
        for _, group in groupby(values, lambda progress: progress.operation.target.id):
            of_target = list(group)
            form = self._form(of_target)
            decided = form is not None and form in self._decided
            for progress in of_target:
                reason = self._mistaken(progress.operation.target)
                if not reason and not decided:
                    reason = self._malformed(progress)
                    if not reason and not self._decidable(progress, of_target):
                        reason = f"{self._what} could not have decided this"
                if reason:
                    return f"{key_of(progress.operation)}: {reason}"
            if form is not None:
                self._decided.add(form)
        return ""

    def _form(self, of_target: Sequence[Progress]) -> tuple[object, ...] | None:
        """Return a target's operations without its ids; ``None`` if the decision needs more.

        Among a million operations few differ in more than ids, and deciding each one would take as
        long as reading it (measured).
        """
        if not self._built_in or self._matcher is None:
            return None
        parts: list[object] = [id(self._kind.of(of_target[0].operation.target))]
        for progress in of_target:
            one = progress.operation
            if progress.restore is not one.before:
                return None
            before = None if one.before is None else id(one.before.attributes)
            desired = None if one.desired is None else id(one.desired)
            parts.append((one.kind, one.aspect, one.verb, before, desired))
            ending = f":{one.target.id}"
            if not all(key.endswith(ending) for key in one.after):
                return None
            parts += [key.removesuffix(ending) for key in one.after]
        return tuple(parts)

    @property
    def _what(self) -> str:
        job = f"a job of kind {self._job.kind}"
        return f"the undo of {job}" if self._undo else job

    def _malformed(self, progress: Progress) -> str:
        operation = progress.operation
        if operation.aspect not in self._kind.aspects:
            return f"{self._what} has nothing called {quoted(operation.aspect)} to change"
        states = [one.attributes for one in (operation.before, progress.restore) if one]
        if self._undo and operation.desired is not None:
            states.append(operation.desired)
        if not all(self._is_showable(operation, state) for state in states):
            return "no server shows such a state"
        if not all(key in self._operations for key in operation.after):
            return "it depends on an operation that is not planned"
        return ""

    def _is_showable(self, operation: Operation, state: Attributes) -> bool:
        # Checked once per distinct state (see ``_form``).
        aspect = self._kind.of(operation.target).aspects[operation.aspect]
        observed = id(aspect), id(state)
        if observed not in self._showable:
            if not showable(aspect.source, state, operation.desired or {}):
                return False
            self._showable.add(observed)
        return True

    def _mistaken(self, target: Target) -> str:
        """Return why a target can't be one of the job's, judging by itself."""
        if not (target.id.isascii() and target.id.replace("-", "").isalnum()):
            return f"{quoted(target.id)} is not an id"
        if target.id.startswith("task-") or self._matcher is None:
            scope = self._kind.scope
            if target.id.startswith("task-") and scope is not Scope.SELECTED:
                mine = self._task is not None and target.id == self._task.id
                return "" if mine else "its job is about another run task"
            return "" if scope is Scope.EVERY else f"its job applies to {scope.value}"
        if self._matcher.may_select(target.id, target.name, target.project):
            return ""
        return f"its job does not select {quoted(target.name)}"

    def _decidable(self, progress: Progress, of_target: Sequence[Progress]) -> bool:
        operation = progress.operation
        try:
            deciding = self._deciding[operation.aspect]
            own = self._within(operation)
            if self._undo:
                return (
                    progress.restore == operation.before
                    and self._kind.kind_of_inverse(operation) == operation.kind
                    and deciding.can_revert(own)
                )
            before = [
                p.operation for p in of_target if self._deciding[p.operation.aspect] is deciding
            ]
            follows = self._follows(operation, of_target)
            return follows and deciding.could_decide(
                own, progress.restore, [*map(self._within, before)]
            )
        except Exception:  # noqa: BLE001 - a kind may raise anything for a state no server shows
            return False

    def _within(self, operation: Operation) -> Operation:
        """Return an operation as the kind of its step decides it."""
        kind = self._kind
        return (
            kind.step_with(operation.aspect).within(operation)
            if isinstance(kind, Several)
            else operation
        )

    def _follows(self, operation: Operation, of_target: Sequence[Progress]) -> bool:
        """Whether an operation has its step's number, and comes after all earlier steps."""
        if not isinstance(self._kind, Several):
            return True
        number = self._kind.step_with(operation.aspect).number
        each = [
            (self._kind.step_with(p.operation.aspect).number, p.operation.key) for p in of_target
        ]
        earlier = [key for other, key in each if other < number]
        if not operation.kind.startswith(f"{number}-"):
            return False
        stated = [key for key in operation.after if not key.startswith(f"{number}-")]
        # What was done already need not come first any more.
        return stated == earlier or (self._again and {*stated} < {*earlier})
