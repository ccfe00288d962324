"""Whether a job could have decided the operations of its journal: each is decided again. Pure.

| an operation of  | is accepted if, from what the journal says was there before,                |
|------------------|-----------------------------------------------------------------------------|
| a job, or a plan | its kind decides this operation: aspect, change, verb and order             |
| an undo          | its kind decides what this takes back, or (the undo of an undo) this change |

What is not in a journal is assumed as it suits: what another aspect of the target showed, and what
a server made of a write that an undo takes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from bulkops.inventory.matcher import may_select
from bulkops.job.job import Job
from bulkops.journal.progress import Progress
from bulkops.journal.records import Planned
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
    """Return, in words, the first operation that the job could not have decided; empty for none.

    Args:
        kind: of the job, bound by the header; needs no secret.
    """
    if replay.header.undo_of and not kind.reversible:
        return f"it takes back a {job.operation_kind}, which nothing can"
    limit = job.select.limit
    if limit is not None and (number := len(replay.operations.target_ids)) > limit:
        return f"it is about {number} workspaces, its job about {limit} at most"
    return _Decisions(replay, job, kind).objection()


def key_of(operation: Operation) -> str:
    """Return which operation is meant, for a message."""
    return f"{quoted(operation.key)} ({quoted(operation.target.name)})"


class _Decisions:
    """Decides the operations of a journal again."""

    def __init__(self, replay: Replay, job: Job, kind: Kind) -> None:
        self._operations = replay.operations
        self._job = job
        self._kind = kind
        self._undo = bool(replay.header.undo_of)
        # Only a later execution can have decided some of it anew, at another time than the rest.
        self._again = len(replay.executions) > 1
        self._built_in = KINDS.get(kind.name) is type(kind)
        self._secret = job.spec.secret
        self._task = kind.resolved.task
        self._select = job.select if kind.scope is Scope.SELECTED else None
        # By their ``id``: equal attributes are one object, which the replay keeps.
        self._showable: set[tuple[str, int]] = set()
        self._decided: set[tuple[object, ...]] = set()

    def objection(self) -> str:
        """Return which operation could not have been decided, and why; empty for none."""
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
                        reason = f"this is nothing that a {self._what} could have decided"
                if reason:
                    return f"{key_of(progress.operation)}: {reason}"
            if form is not None:
                self._decided.add(form)
        return ""

    def _form(self, of_target: Sequence[Progress]) -> tuple[object, ...] | None:
        """Return what is decided of a target but for its ids, if that is all that it depends on.

        Of a million operations there are few different ones, and to decide each would take as long
        as to read it (measured).
        """
        if not self._built_in or self._select is None:
            return None
        parts: list[object] = []
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
        return f"{'undo of a ' if self._undo else ''}{self._job.operation_kind} job"

    def _malformed(self, progress: Progress) -> str:
        operation = progress.operation
        if operation.aspect not in self._kind.aspects:
            return f"there is no {quoted(operation.aspect)} that a {self._what} changes"
        states = [one.attributes for one in (operation.before, progress.restore) if one]
        if self._undo and operation.desired is not None:
            states.append(operation.desired)
        if not all(self._is_showable(operation, state) for state in states):
            return "no server shows such a state of it"
        if not all(key in self._operations for key in operation.after):
            return "it comes after an operation that is not planned"
        return ""

    def _is_showable(self, operation: Operation, state: Attributes) -> bool:
        # Looked at but once: see ``_form``.
        observed = operation.aspect, id(state)
        if observed not in self._showable:
            source = self._kind.aspects[operation.aspect].source
            if not showable(source, state, operation.desired or {}):
                return False
            self._showable.add(observed)
        return True

    def _mistaken(self, target: Target) -> str:
        """Return, in words, why a job is not about a target: as far as its name and id tell."""
        if not (target.id.isascii() and target.id.replace("-", "").isalnum()):
            return f"{quoted(target.id)} is no id"
        if target.id.startswith("task-") or self._select is None:
            scope = self._kind.scope
            if target.id.startswith("task-") and scope is not Scope.SELECTED:
                mine = self._task is not None and target.id == self._task.id
                return "" if mine else "its job is about another run task"
            return "" if scope is Scope.EVERY else f"its job goes over {scope.value}"
        if may_select(self._select, target.id, target.name):
            return ""
        return f"its job does not select {quoted(target.name)}"

    def _decidable(self, progress: Progress, of_target: Sequence[Progress]) -> bool:
        operation = progress.operation
        try:
            if self._undo:
                restored = progress.restore == operation.before
                return restored and self._can_take_back(operation)
            known = self._decided_together(operation, of_target)
            if not known and self._again:
                known = self._decided_alone(operation, operation.before)
            if known and progress.restore != operation.before:
                known = self._decided_alone(operation, progress.restore, wants=False)
            return known or self._bounded(operation)
        except Exception:  # noqa: BLE001 - a state no server shows: whatever a kind makes of it
            return False

    def _decided_together(self, operation: Operation, of_target: Sequence[Progress]) -> bool:
        """Whether the kind decides it where the target showed what all of these began from."""
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
        """Whether the kind decides it of the run task, by what all operations began from."""
        observed: dict[str, dict[str, list[Observed]]] = {name: {} for name in self._kind.aspects}
        for progress in self._operations.values():
            one = progress.operation
            there = [] if one.before is None else [one.before]
            observed[one.aspect].setdefault(one.target.id, []).extend(there)
        return any(self._agrees(operation, one) for one in self._decide(operation.target, observed))

    def _decided_alone(
        self, operation: Operation, before: Observed | None, *, wants: bool = True
    ) -> bool:
        """Whether the kind decides it from this state, whatever else the target showed.

        Args:
            wants: what it wants, and what it was planned from, must be the same, too.
        """
        return any(
            (one.key, one.aspect) == (operation.key, operation.aspect)
            and (not wants or self._agrees(operation, one))
            for one in self._from(operation, before)
        )

    def _from(self, operation: Operation, before: Observed | None) -> Iterator[Operation]:
        """Yield what the kind decides from this state of one aspect, assuming the others."""
        shown = {operation.aspect: [] if before is None else [before]}
        for observed in self._assumed(operation, shown):
            yield from self._decide(operation.target, observed)

    def _assumed(
        self, operation: Operation, shown: Mapping[str, Sequence[Observed]]
    ) -> Iterator[Observations]:
        """Yield what the target may have shown, where nothing is known of some aspects.

        That is nothing; what the operation is about; or, of what the kind would do there, the end.
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
        """Whether an operation is what was decided; a secret is known by its digest only."""
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
            # A journal of 0.1 may not say its verb.
            and operation.verb in (decided.verb, _verb_unsaid(decided))
        )

    def _in_order(self, after: Sequence[str], decided: Sequence[str]) -> bool:
        if self._kind.scope is not Scope.EVERY:
            return after == decided
        # The server's order of its list is not that of the plan; what is done need not come first.
        return {*after} == {*decided} or (self._again and {*after} < {*decided})

    def _can_take_back(self, operation: Operation) -> bool:
        """Whether it takes back what the kind decides, or what an undo of that has taken back."""
        verb = self._kind.verb(msgspec.structs.replace(operation, verb=""))
        if operation.kind != verb or operation.verb not in (verb, _verb_unsaid(operation)):
            return False
        before, desired = operation.before, operation.desired
        restored = None if desired is None else Observed(before.id if before else "", desired)
        taken_back = (
            (one.desired is None) is (before is None)
            for one in self._from(operation, restored)
            if one.aspect == operation.aspect
        )
        done_again = (
            (one.desired is None) is (desired is None)
            for one in self._from(operation, before)
            if one.aspect == operation.aspect
        )
        return any(taken_back) or any(done_again) or self._bounded(operation)

    def _bounded(self, operation: Operation) -> bool:
        """Whether a kind that decides by more than a target shows may have decided this.

        Only such of other packages: it is then no more than one of the changes that it names.
        """
        if self._built_in:
            return False
        verb = self._kind.verb(msgspec.structs.replace(operation, verb=""))
        named = operation.desired is not None or verb in self._kind.verbs or self._kind.destructive
        return named and operation.verb == verb


def _verb_unsaid(operation: Operation) -> str:
    return Planned.of(msgspec.structs.replace(operation, verb="")).said
