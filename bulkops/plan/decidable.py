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

from bulkops.job.job import Job
from bulkops.job.patterns import matches
from bulkops.job.select import Select
from bulkops.journal.progress import Progress
from bulkops.journal.records import Planned
from bulkops.journal.replay import Replay
from bulkops.operations import KINDS
from bulkops.operations.compare import showable
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Attributes, Operation, Over, Seen, Showing, Skip, Target
from bulkops.text import escaped

MOST_SHOWN = 90
"""Characters of a name that a message repeats: no workspace's is longer."""


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
    return next(_Decisions(replay, job, kind).objections(), "")


def key_of(operation: Operation) -> str:
    """Return which operation is meant, for a message."""
    return f"{quoted(operation.key)} ({quoted(operation.target.name)})"


def quoted(text: str) -> str:
    """Return text from a file for a message."""
    return escaped(text)[:MOST_SHOWN]


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
        self._secret = job.wish.secret
        self._task = kind.binding.task
        self._select = job.select if kind.over is Over.SELECTED else None
        # Equal attributes are one object, see ``Replay``: few different ones are looked at.
        self._showable: set[tuple[str, int]] = set()

    def objections(self) -> Iterator[str]:
        """Yield each operation that could not have been decided, and why, in words."""
        values = self._operations.values()
        for _, group in groupby(values, lambda progress: progress.operation.target.id):
            of_target = list(group)
            for progress in of_target:
                reason = self._malformed(progress)
                if not reason and not self._decidable(progress, of_target):
                    reason = f"this is nothing that a {self._what} could have decided"
                if reason:
                    yield f"{key_of(progress.operation)}: {reason}"

    @property
    def _what(self) -> str:
        return f"{'undo of a ' if self._undo else ''}{self._job.operation_kind} job"

    def _malformed(self, progress: Progress) -> str:
        operation = progress.operation
        if operation.aspect not in self._kind.aspects:
            return f"there is no {quoted(operation.aspect)} that a {self._what} changes"
        if reason := self._mistaken(operation.target):
            return reason
        states = [one.attributes for one in (operation.before, progress.restore) if one]
        if self._undo and operation.wanted is not None:
            states.append(operation.wanted)
        if not all(self._is_showable(operation, state) for state in states):
            return "no server shows such a state of it"
        if not all(key in self._operations for key in operation.after):
            return "it comes after an operation that is not planned"
        return ""

    def _is_showable(self, operation: Operation, state: Attributes) -> bool:
        seen = operation.aspect, id(state)
        if seen not in self._showable:
            source = self._kind.aspects[operation.aspect].source
            if not showable(source, state, operation.wanted or {}):
                return False
            self._showable.add(seen)
        return True

    def _mistaken(self, target: Target) -> str:
        """Return, in words, why a job is not about a target: as far as its name and id tell."""
        if target.id.startswith("task-") or self._select is None:
            over = self._kind.over
            if target.id.startswith("task-") and over is not Over.SELECTED:
                mine = self._task is not None and target.id == self._task.id
                return "" if mine else "its job is about another run task"
            return "" if over is Over.EVERY else f"its job goes over {over.value}"
        if _selects(self._select, target):
            return ""
        return f"its job does not select {quoted(target.name)}"

    def _decidable(self, progress: Progress, of_target: Sequence[Progress]) -> bool:
        operation = progress.operation
        try:
            if self._undo:
                restored = progress.restore is operation.before
                return restored and self._can_take_back(operation)
            if self._decided_together(operation, of_target):
                known = True
            else:
                apart = self._again or not self._built_in
                known = apart and self._decided_alone(operation, operation.before)
            if known and progress.restore != operation.before:
                known = self._decided_alone(operation, progress.restore, wants=False)
            return known or self._bounded(operation)
        except Exception:  # noqa: BLE001 - a state no server shows: whatever a kind makes of it
            return False

    def _decided_together(self, operation: Operation, of_target: Sequence[Progress]) -> bool:
        """Whether the kind decides it where the target showed what all of these began from."""
        if self._kind.over is Over.EVERY and self._task and operation.target.id == self._task.id:
            of_target = list(self._operations.values())
        showing: dict[str, dict[str, list[Seen]]] = {name: {} for name in self._kind.aspects}
        for one in of_target:
            before = one.operation.before
            if before is not None:
                showing[one.operation.aspect].setdefault(one.operation.target.id, []).append(before)
        missing = showing.keys() - {one.operation.aspect for one in of_target}
        if any(self._agrees(operation, one) for one in self._decide(operation.target, showing)):
            return True
        if not missing or operation.target.id == (self._task and self._task.id):
            return False
        shown = {
            name: by_target.get(operation.target.id, []) for name, by_target in showing.items()
        }
        return any(
            self._agrees(operation, one)
            for other in self._assumed(operation, shown, missing)
            for one in self._decide(operation.target, other)
        )

    def _decided_alone(
        self, operation: Operation, before: Seen | None, *, wants: bool = True
    ) -> bool:
        """Whether the kind decides it from this state, whatever else the target showed.

        Args:
            wants: what it wants, and what it was planned from, must be the same, too.
        """
        for one in self._from(operation, before):
            if one.key != operation.key or one.aspect != operation.aspect:
                continue
            if not wants or self._agrees(operation, one):
                return True
        return False

    def _from(self, operation: Operation, before: Seen | None) -> Iterator[Operation]:
        """Yield what the kind decides from this state of one aspect, assuming the others."""
        shown = {operation.aspect: [] if before is None else [before]}
        missing = self._kind.aspects.keys() - shown.keys()
        for showing in self._assumed(operation, shown, missing):
            yield from self._decide(operation.target, showing)

    def _assumed(
        self, operation: Operation, shown: Mapping[str, Sequence[Seen]], missing: set[str]
    ) -> Iterator[Showing]:
        """Yield what the target may have shown, where nothing is known of some aspects.

        That is nothing; what the operation is about; or, of what the kind would do there, the end.
        """
        ident = operation.target.id

        def showing(state: Attributes | None) -> Showing:
            there = [] if state is None else [Seen("", state)]
            full = {**shown, **dict.fromkeys(missing, there)}
            return {name: {ident: seen} if seen else {} for name, seen in full.items()}

        yield showing(None)
        if not missing:
            return
        before = operation.before
        states = [operation.wanted, before.attributes if before else None]
        decided = self._decide(operation.target, showing(None))
        states += [one.wanted for one in decided if one.aspect in missing]
        yield from (showing(state) for state in states if state is not None)

    def _decide(self, target: Target, showing: Showing) -> list[Operation]:
        return [one for one in self._kind.decided(target, showing) if not isinstance(one, Skip)]

    def _agrees(self, operation: Operation, decided: Operation) -> bool:
        """Whether an operation is what was decided; a secret is known by its digest only."""
        wanted = decided.wanted
        if self._secret is not None and wanted is not None and operation.wanted is not None:
            shown_as = self._secret.shown_as
            if shown_as in wanted and isinstance(operation.wanted.get(shown_as), str):
                wanted = {**wanted, shown_as: operation.wanted[shown_as]}
        return (
            decided.key == operation.key
            and decided.aspect == operation.aspect
            and decided.before == operation.before
            and wanted == operation.wanted
            and self._in_order(operation.after, decided.after)
            # A journal of 0.1 may not say its verb.
            and operation.verb in (decided.verb, _verb_unsaid(decided))
        )

    def _in_order(self, after: Sequence[str], decided: Sequence[str]) -> bool:
        if self._kind.over is not Over.EVERY:
            return after == decided
        # The server's order of its list is not that of the plan; what is done need not come first.
        return {*after} == {*decided} or (self._again and {*after} < {*decided})

    def _can_take_back(self, operation: Operation) -> bool:
        """Whether it takes back what the kind decides, or what an undo of that has taken back."""
        verb = self._kind.verb(msgspec.structs.replace(operation, verb=""))
        if operation.kind != verb or operation.verb not in (verb, _verb_unsaid(operation)):
            return False
        before, wanted = operation.before, operation.wanted
        restored = None if wanted is None else Seen(before.id if before else "", wanted)
        taken_back = (
            (one.wanted is None) is (before is None)
            for one in self._from(operation, restored)
            if one.aspect == operation.aspect
        )
        done_again = (
            (one.wanted is None) is (wanted is None)
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
        named = operation.wanted is not None or verb in self._kind.verbs or self._kind.destroys
        return named and operation.verb == verb


def _selects(select: Select, target: Target) -> bool:
    """Whether a selection takes a workspace, as far as its name and id tell."""
    ident, name = target.id, target.name
    return (
        (not select.ids or ident in select.ids)
        and (select.listed is None or ident in select.listed or name in select.listed)
        and (not select.names or any(matches(entry, name) for entry in select.names))
        and (not select.only or any(matches(entry, name) for entry in select.only))
        and not any(matches(entry, name) for entry in select.exclude_names)
    )


def _verb_unsaid(operation: Operation) -> str:
    return Planned.of(msgspec.structs.replace(operation, verb="")).said
