"""Whether a kind could have decided an operation, given what its target showed before. Pure.

What isn't known is assumed in the operation's favor: what another aspect of the target showed, and
what the server kept of a write that an undo reverts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from bulkops.operations import KINDS, wording
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


def is_built_in(kind: Kind) -> bool:
    """Return whether a kind is one of bulkops itself, and not replaced."""
    return KINDS.get(kind.name) is type(kind)


class Deciding:
    """Decides operations of a kind again.

    Args:
        again: some of them may have been decided later than others, from another reading.
        every: returns all operations of the kind, in order.
    """

    def __init__(
        self, kind: Kind, *, again: bool, every: Callable[[], Iterable[Operation]]
    ) -> None:
        self._kind = kind
        self._again = again
        self._every = every
        self._built_in = is_built_in(kind)
        self._secret = kind.spec.secret
        self._task = kind.resolved.task

    def could_decide(
        self, operation: Operation, restore: Observed | None, of_target: Sequence[Operation]
    ) -> bool:
        """Whether the kind may have decided an operation of a job.

        Args:
            restore: the state before the job.
            of_target: all operations on its target.
        """
        known = self._decided_together(operation, of_target)
        if not known and self._again:
            known = self._decided_alone(operation, operation.before)
        if known and restore != operation.before:
            known = self._decided_alone(operation, restore, exactly=False)
        return known or self._bounded(operation)

    def _decided_together(self, operation: Operation, of_target: Sequence[Operation]) -> bool:
        """Whether the kind decides it from the states before all operations on the target."""
        if self._task is not None and operation.target.id == self._task.id:
            return self._decided_of_task(operation)
        shown: dict[str, list[Observed]] = {one.aspect: [] for one in of_target}
        for one in of_target:
            if one.before is not None:
                shown[one.aspect].append(one.before)
        return any(
            self._agrees(operation, one)
            for observed in self._assumed(operation, shown)
            for one in self._decide(operation.target, observed)
        )

    def _decided_of_task(self, operation: Operation) -> bool:
        """Whether the kind decides it for the run task, from the states before all operations."""
        observed: dict[str, dict[str, list[Observed]]] = {name: {} for name in self._kind.aspects}
        for one in self._every():
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
            and operation.verb
            in (decided.verb, wording.inferred_verb(decided.before, decided.desired))
        )

    def _in_order(self, after: Sequence[str], decided: Sequence[str]) -> bool:
        if self._kind.scope is not Scope.EVERY:
            return after == decided
        # The server lists in another order than the plan; finished ones need not come first.
        return {*after} == {*decided} or (self._again and {*after} < {*decided})

    def can_revert(self, operation: Operation) -> bool:
        """Whether it reverts what the kind decides, or what an undo of that has reverted."""
        verb = self._kind.verb(msgspec.structs.replace(operation, verb=""))
        if operation.kind != verb or operation.verb not in (
            verb,
            wording.inferred_verb(operation.before, operation.desired),
        ):
            return False
        before, desired = operation.before, operation.desired
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
