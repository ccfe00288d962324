"""What must hold of every run, whatever happened in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from io import BytesIO
from pathlib import Path

from bulkops.errors import JournalDamaged
from bulkops.exchange import Request
from bulkops.journal.lines import Scanner
from bulkops.journal.reading import Contents, read
from bulkops.journal.replay import Progress, Replay
from bulkops.operations.model import Attributes
from bulkops.outcome import Outcome
from bulkops.simulator.state import WorkspaceTask
from tests.journal.disk import Disk
from tests.simulation.scenario import Shown

WAVE = re.compile(rb'"type":"wave","number":(\d+),"start":\d+,"end":\d+,"reached":"(\w+)"')
"""How far a wave came, in a journal's line."""


class Violation(AssertionError):
    """Something that must hold does not.

    Attributes:
        invariant: what must hold.
    """

    def __init__(self, invariant: str, facts: object) -> None:
        super().__init__(f"{invariant}: {facts}")
        self.invariant = invariant


def must(holds: object, invariant: str, facts: object = "") -> None:
    """Raise ``Violation`` where something does not hold."""
    if not holds:
        raise Violation(invariant, facts)


def durable(request: Request, disk: Disk, path: Path) -> None:
    """Check that a write that leaves has its own intent on the disk, and no result since."""
    synced = disk.synced(path)
    at = synced.rfind(b':%s"' % request.path.split("/")[4].encode())
    line = synced[synced.rfind(b"\n", 0, at) + 1 : at]
    must(b'"type":"intent"' in line, "intent durable before request", request.path)


def a_prefix(disk: Disk, path: Path, written: bytes, synced: bytes) -> Contents:
    """Check what is read after a crash: all that was synced, and nothing never written."""
    try:
        contents = read(path, disk)
    except JournalDamaged as error:
        raise Violation("no crash looks like damage", error) from error
    sound = contents.scanner.offset
    must(disk.content(path)[:sound] == written[:sound], "a prefix of what was written")
    scanner = Scanner()
    safe = sum(len(line) for line in scanner.lines(BytesIO(synced)))
    must(sound >= safe, "nothing synced is lost", f"{safe - sound} bytes at {sound}")
    return contents


def in_its_wave(request: Request, replay: Replay, ends: Sequence[int], synced: bytes) -> None:
    """Check that a write that leaves finds every wave before its own passed, as the disk says.

    What was left in doubt of a wave that has passed may be sent again at any time.
    """
    said = dict(WAVE.findall(synced))
    position = list(replay.operations).index(request.path.split("/")[4])
    wave = next(number for number, end in enumerate(ends, 1) if position < end)
    passed = {number for number, reached in said.items() if reached == b"passed"}
    before = {b"%d" % number for number in range(1, wave)}
    in_turn = before <= passed or b"%d" % wave in passed
    must(in_turn, "no wave begins before the one before has passed", f"wave {wave}: {said}")


def as_planned(request: Request, replay: Replay, attached: list[WorkspaceTask]) -> None:
    """Check that a write that leaves finds what it was planned from.

    Args:
        attached: what the workspace really has, which nobody else changed of late.
    """
    workspace = request.path.split("/")[4]
    operations = (p.operation for p in replay.operations.values())
    before = next(o for o in operations if o.target.id == workspace).before
    now = [(a.id, ((a.enforcement_level, a.stages),)) for a in attached]
    planned = [(before.id, shown_of(before.attributes))] if before else []
    must(now == planned, "nobody's change is written over", f"{now}, planned from {planned}")


class Ends:
    """The end of one journal compared with the server's own truth.

    Args:
        replay: after a last, calm execution.
        truth: what each workspace shows, ``None`` where it is gone.
        effects: how many changes of ours each workspace saw under this journal.
        strangers: workspaces that somebody else changed.
    """

    def __init__(
        self,
        replay: Replay,
        truth: dict[str, Shown | None],
        effects: Counter[str],
        strangers: Collection[str],
    ) -> None:
        self._replay = replay
        self._truth = truth
        self._effects = effects
        self._strangers = strangers

    def check(self) -> None:
        """Check every operation: done once and known to be so, or reported."""
        must(self._replay.verified is not None, "verified at the end")
        must(self._replay.passed, "every wave has passed", self._replay.waves)
        planned = {p.operation.target.name for p in self._replay.operations.values()}
        must(set(self._effects) <= planned, "nothing else touched", set(self._effects) - planned)
        for progress in self._replay.operations.values():
            self._check_one(progress)

    def _check_one(self, progress: Progress) -> None:
        name, outcome = progress.operation.target.name, progress.outcome
        facts = f"{name}: {outcome}, shows {self._truth[name]}, result {progress.result}"
        as_wanted = self._truth[name] == shown_of(progress.operation.wanted) or (
            self._truth[name] is None and progress.operation.wanted is None
        )
        verified = self._replay.verified
        differing = progress.operation.key in (verified.differing if verified else ())
        must(differing != as_wanted, "verify says what is so", facts)
        must(outcome is not None, "every operation has its result", facts)
        if name in self._strangers:
            return
        sent = self._effects[name]
        must(sent <= 1, "nothing twice", facts)
        match outcome:
            case Outcome.SUCCEEDED:
                must(as_wanted, "what is said to be done is done", facts)
                must(sent == 1, "a result in the journal: the server did it", facts)
            case Outcome.SKIPPED | Outcome.CONFLICT:
                raise Violation("nobody is blamed who did nothing", facts)
            case Outcome.FAILED:
                must(sent == 0, "what is said to have failed was not done", facts)
            case _:
                must(outcome is Outcome.IN_DOUBT, "nothing is left pending", facts)


def shown_of(attributes: Attributes | None) -> Shown:
    """Return what a workspace shows that has these attributes."""
    if attributes is None:
        return ()
    stages = attributes["stages"]
    assert isinstance(stages, list | tuple)
    return ((str(attributes["enforcement-level"]), tuple(stages)),)
