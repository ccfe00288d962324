"""The invariants of every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from io import BytesIO
from pathlib import Path

from bulkops.errors import JournalDamaged
from bulkops.journal.lines import Scanner
from bulkops.journal.local.file import JournalFile
from bulkops.journal.progress import Progress
from bulkops.journal.reader import Contents, read
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from tests.journal.disk import Disk
from tests.simulation.states import (
    BEFORE,
    DESIRED,
    OTHER,
    Place,
    Shown,
    There,
    of_its_own,
    place_of,
    shown_of,
)


class Violation(AssertionError):
    """An invariant does not hold.

    Attributes:
        invariant: its text.
    """

    def __init__(self, invariant: str, facts: object) -> None:
        super().__init__(f"{invariant}: {facts}")
        self.invariant = invariant


def must(holds: object, invariant: str, facts: object = "") -> None:
    """Raise ``Violation`` if a condition does not hold."""
    if not holds:
        raise Violation(invariant, facts)


def a_prefix(disk: Disk, path: Path, written: bytes, synced: bytes) -> Contents:
    """Check what is read after a crash: all synced records, and no others but written ones."""
    try:
        contents = read(JournalFile(path, disk))
    except JournalDamaged as error:
        raise Violation("no crash looks like damage", error) from error
    sound = contents.scanner.offset
    must(disk.content(path)[:sound] == written[:sound], "a prefix of what was written")
    scanner = Scanner()
    safe = sum(len(line) for line in scanner.lines(BytesIO(synced)))
    must(sound >= safe, "nothing synced is lost", f"{safe - sound} bytes at {sound}")
    return contents


class Ends:
    """The end of one journal compared with the server's own truth.

    Args:
        replay: state after a last execution without troubles.
        truth: what each workspace shows of each thing, ``None`` if it is gone.
        effects: number of our changes to each of them under this journal.
        there: what each of them has, with its id.
        changed: id → number of our changes to it.
        found: key → comparison of each operation with the state when the journal was created.
        strangers: workspaces that were changed outside the job since.
        hindered: workspaces on which one thing may block a change of the other.
    """

    def __init__(
        self,
        replay: Replay,
        truth: dict[Place, Shown | None],
        effects: Counter[Place],
        *,
        there: Mapping[Place, Sequence[There]],
        changed: Mapping[str, int],
        found: Mapping[str, str],
        strangers: Collection[str],
        hindered: Collection[str],
    ) -> None:
        self._replay = replay
        self._truth = truth
        self._effects = effects
        self._there = there
        self._changed = changed
        self._found = found
        self._strangers = strangers
        self._hindered = hindered

    def check(self) -> None:
        """Check that every operation is done once and recorded as done, or reported."""
        must(self._replay.verified is not None, "verified at the end")
        must(self._replay.passed, "every wave has passed", self._replay.waves)
        planned = {place_of(p.operation) for p in self._replay.operations.values()}
        must(set(self._effects) <= planned, "nothing else touched", set(self._effects) - planned)
        for progress in self._replay.operations.values():
            self._check_one(progress)

    def _check_one(self, progress: Progress) -> None:
        operation, outcome = progress.operation, progress.outcome
        place = place_of(operation)
        shown, sent, found = self._truth[place], self._effects[place], self._found[operation.key]
        if "." in operation.kind:
            there = of_its_own(operation, self._there.get(place, ()))
            shown, sent = tuple(item for _, item in there), self._changed[operation.before_id]
        facts = f"{place}: {outcome}, was {found}, shows {shown}, result {progress.result}"
        as_desired = (shown or ()) == shown_of(operation.desired)
        verified = self._replay.verified
        differing = operation.key in (verified.differing if verified else ())
        must(differing != as_desired, "verify says what is so", facts)
        must(outcome is not None, "every operation has its result", facts)
        if place[0] in self._strangers:
            return
        must(sent <= 1, "nothing twice", facts)
        match outcome:
            case Outcome.SUCCEEDED:
                must(as_desired, "what is recorded as done is done", facts)
                must(sent == 1, "a result in the journal: the server did it", facts)
            case Outcome.SKIPPED | Outcome.CONFLICT:
                blame = found != BEFORE or place[0] in self._hindered
                must(blame, "only changes outside the job are reported as such", facts)
                must(sent == 0, "what is skipped or in conflict was not done", facts)
            case Outcome.FAILED:
                must(sent == 0, "what is recorded as failed was not done", facts)
            case _:
                must(outcome is Outcome.IN_DOUBT, "nothing is left pending", facts)
        self._check_meddled(found, outcome, facts)

    def _check_meddled(self, found: str, outcome: Outcome | None, facts: str) -> None:
        """Check the result for a target that was changed between the plan and its journal."""
        if found == DESIRED:
            must(outcome is Outcome.SKIPPED, "what is as wanted already is skipped", facts)
        elif found == OTHER:
            must(outcome is Outcome.CONFLICT, "what was changed is a conflict", facts)
        else:
            must(outcome is not Outcome.SKIPPED, "what is still to be done is no skip", facts)
