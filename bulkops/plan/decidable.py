"""Whether a job could have decided the operations of its journal: each is decided again. Pure.

| an operation of  | is accepted if, from the recorded state before it,                       |
|------------------|--------------------------------------------------------------------------|
| a job, or a plan | its kind decides this operation: aspect, change, verb and order          |
| an undo          | its kind decides what this reverts, or (the undo of an undo) this change |

What the journal doesn't record is assumed in the job's favor: what another aspect of the target
showed, and what the server kept of a write that an undo reverts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from bulkops.inventory.matcher import may_select
from bulkops.job.job import Job
from bulkops.journal.formats import inferred_verb
from bulkops.journal.progress import Progress
from bulkops.journal.replay import Replay
from bulkops.operations import KINDS
from bulkops.operations.compare import showable
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import (
    Attributes,
    Observations,
    Observed,
    Operation,
    Scope,
    Skip,
    Target,
)
from bulkops.text import quoted


def disagreement_of_operations(replay: Replay, job: Job, kind: Kind) -> str:
    """Return the first operation that the job could not have decided, and why; empty if none.

    Args:
        kind: the job's kind, resolved from the header; needs no secret.
    """
    if replay.header.undo_of and not kind.reversible:
        return f"it undoes a job of kind {job.operation_kind}, which can't be undone"
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
        self._built_in = KINDS.get(kind.name) is type(kind)
        self._secret = job.spec.secret
        self._task = kind.resolved.task
        self._select = job.select if kind.scope is Scope.SELECTED else None
        # By their ``id``: equal attributes are one object, which the replay keeps.
        self._showable: set[tuple[int, int]] = set()
        self._decided: set[tuple[object, ...]] = set()

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
        if not self._built_in or self._select is None:
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
        job = f"a job of kind {self._job.operation_kind}"
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
        if target.id.startswith("task-") or self._select is None:
            scope = self._kind.scope
            if target.id.startswith("task-") and scope is not Scope.SELECTED:
                mine = self._task is not None and target.id == self._task.id
                return "" if mine else "its job is about another run task"
            return "" if scope is Scope.EVERY else f"its job applies to {scope.value}"
        if may_select(self._select, target.id, target.name, target.project):
            return ""
        return f"its job does not select {quoted(target.name)}"

    def _decidable(self, progress: Progress, of_target: Sequence[Progress]) -> bool:
        operation = progress.operation
        try:
            if self._undo:
                restored = progress.restore == operation.before
                return restored and self._can_revert(operation)
            known = self._decided_together(operation, of_target)
            if not known and self._again:
                known = self._decided_alone(operation, operation.before)
            if known and progress.restore != operation.before:
                known = self._decided_alone(operation, progress.restore, exactly=False)
            return known or self._bounded(operation)
        except Exception:  # noqa: BLE001 - a kind may raise anything for a state no server shows
            return False

    def _decided_together(self, operation: Operation, of_target: Sequence[Progress]) -> bool:
        """Whether the kind decides it from the states before all operations on the target."""
        if self._task is not None and operation.target.id == self._task.id:
            return self._decided_of_task(operation)
        shown: dict[str, list[Observed]] = {one.operation.aspect: [] for one in of_target}
        for one in of_target:
            if one.operation.before is not None:
                shown[one.operation.aspect].append(one.operation.before)
        return any(
            self._agrees(operation, one)
            for observed in self._assumed(operation, shown)
            for one in self._decide(operation.target, observed)
        )

    def _decided_of_task(self, operation: Operation) -> bool:
        """Whether the kind decides it for the run task, from the states before all operations."""
        observed: dict[str, dict[str, list[Observed]]] = {name: {} for name in self._kind.aspects}
        for progress in self._operations.values():
            one = progress.operation
            there = [] if one.before is None else [one.before]
            observed[one.aspect].setdefault(one.target.id, []).extend(there)
        return any(self._agrees(operation, one) for one in self._decide(operation.target, observed))

    def _decided_alone(
        self, operation: Operation, before: Observed | None, *, exactly: bool = True
    ) -> bool:
        """Whether the kind decides it from this state, whatever else the target showed.

        Args:
            exactly: its desired state and the state before it must be the same too.
        """
        return any(
            (one.key, one.aspect) == (operation.key, operation.aspect)
            and (not exactly or self._agrees(operation, one))
            for one in self._from(operation, before)
        )

    def _from(self, operation: Operation, before: Observed | None) -> Iterator[Operation]:
        """Yield what the kind decides from this state of one aspect, assuming the other aspects."""
        shown = {operation.aspect: [] if before is None else [before]}
        for observed in self._assumed(operation, shown):
            yield from self._decide(operation.target, observed)

    def _assumed(
        self, operation: Operation, shown: Mapping[str, Sequence[Observed]]
    ) -> Iterator[Observations]:
        """Yield what the target may have shown if the journal doesn't record some aspects.

        Those aspects may have shown nothing, a state of this operation, or the state that the kind
        desires there.
        """
        ident, missing = operation.target.id, self._kind.aspects.keys() - shown.keys()

        def assumed(state: Attributes | None) -> Observations:
            there = [] if state is None else [Observed("", state)]
            full = {**shown, **dict.fromkeys(missing, there)}
            return {name: {ident: rows} if rows else {} for name, rows in full.items()}

        yield assumed(None)
        if not missing:
            return
        before = operation.before
        states = [operation.desired, before.attributes if before else None]
        decided = self._decide(operation.target, assumed(None))
        states += [one.desired for one in decided if one.aspect in missing]
        yield from (assumed(state) for state in states if state is not None)

    def _decide(self, target: Target, observed: Observations) -> list[Operation]:
        return [one for one in self._kind.decided(target, observed) if not isinstance(one, Skip)]

    def _agrees(self, operation: Operation, decided: Operation) -> bool:
        """Whether an operation equals the decided one; a secret's digest is taken as given."""
        desired = decided.desired
        if self._secret is not None and desired is not None and operation.desired is not None:
            shown_as = self._secret.shown_as
            if shown_as in desired and isinstance(operation.desired.get(shown_as), str):
                desired = {**desired, shown_as: operation.desired[shown_as]}
        return (
            decided.key == operation.key
            and decided.aspect == operation.aspect
            and decided.before == operation.before
            and desired == operation.desired
            and self._in_order(operation.after, decided.after)
            # Journals of 0.1 do not always record the verb.
            and operation.verb in (decided.verb, inferred_verb(decided.before, decided.desired))
        )

    def _in_order(self, after: Sequence[str], decided: Sequence[str]) -> bool:
        if self._kind.scope is not Scope.EVERY:
            return after == decided
        # The server lists in another order than the plan; finished ones need not come first.
        return {*after} == {*decided} or (self._again and {*after} < {*decided})

    def _can_revert(self, operation: Operation) -> bool:
        """Whether it reverts what the kind decides, or what an undo of that has reverted."""
        verb = self._kind.verb(msgspec.structs.replace(operation, verb=""))
        before, desired = operation.before, operation.desired
        if operation.kind != verb or operation.verb not in (verb, inferred_verb(before, desired)):
            return False
        restored = None if desired is None else Observed(before.id if before else "", desired)
        reverted = (
            (one.desired is None) is (before is None)
            for one in self._from(operation, restored)
            if one.aspect == operation.aspect
        )
        done_again = (
            (one.desired is None) is (desired is None)
            for one in self._from(operation, before)
            if one.aspect == operation.aspect
        )
        return any(reverted) or any(done_again) or self._bounded(operation)

    def _bounded(self, operation: Operation) -> bool:
        """Whether a kind whose decisions depend on more than the target may have decided this.

        Only kinds of other packages may: all that can be checked is that the change is one of
        those that the kind names.
        """
        if self._built_in:
            return False
        verb = self._kind.verb(msgspec.structs.replace(operation, verb=""))
        named = operation.desired is not None or verb in self._kind.verbs or self._kind.destructive
        return named and operation.verb == verb
