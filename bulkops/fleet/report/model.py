"""What became of each shard of a fleet. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from bulkops.errors import SIGNALS, ExitCode
from bulkops.fleet.standing import worst
from bulkops.fleet.waves import ENDED, State
from bulkops.journal.states import TROUBLE
from bulkops.report.model import Report

UNDONE = "undone"
"""The state of a shard whose job was undone."""


class ShardReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one shard.

    Attributes:
        journal: the place of its newest journal; empty if it has none.
        report: of that journal; ``None`` if it has none, or it can't be read.
        problem: the error that stopped it or keeps it from being read; empty if none does.
        failed_with: the exit code of that error; ``ERROR`` if it was not recorded.
        blocked: number of targets on which the job wants a change that is not possible, if it has
            no journal, because there was nothing else to do.
        elsewhere: the address of another server of which there is a journal, if it has none of its
            own; empty if there is none either.
        undone: all that its newest journal did was undone since.
        note: more about it in a word or two, such as who runs it; empty if there is nothing.
    """

    shard: str
    organization: str
    state: State
    journal: str = ""
    report: Report | None = None
    problem: str = ""
    failed_with: ExitCode = ExitCode.ERROR
    blocked: int = 0
    elsewhere: str = ""
    undone: bool = False
    note: str = ""

    @property
    def state_name(self) -> str:
        """Its state, or ``undone``."""
        return UNDONE if self.undone else self.state.value

    @property
    def exit_code(self) -> ExitCode | None:
        """The exit code of ``watch`` of it alone; ``None`` if it has not begun, or is running."""
        if self.problem:
            return self.failed_with
        if self.report is not None:
            unfinished = ExitCode.ERROR if self.state is State.INTERRUPTED else None
            return unfinished if self.report.exit_code is None else self.report.exit_code
        if self.blocked:
            return ExitCode.UNFULFILLED
        return ExitCode.DONE if self.state is State.DONE else None

    @property
    def succeeded(self) -> bool:
        """Whether nothing about it needs a closer look, so far."""
        if self.report is None or not (self.report.ended and self.report.exit_code):
            return True
        interrupted = self.report.exit_code in SIGNALS.values()
        return interrupted and not self.report.counts.keys() & {*TROUBLE}


class FleetReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a fleet.

    Attributes:
        kind: the kind of operation of its job.
        task: the run task as the job file names it; empty for a kind without one.
        waves: the number of waves; 0 if the shards have yet to be found.
        shards: each of them, by name.
        stopped: why no other shard begins; empty if one may.
        wave: the number of the current wave, if a later one waits for it; 0 if none does.
        waits_for: the shards of that wave that have not ended.
        undo: it is the undo of the job.
    """

    fleet: str
    job: str
    kind: str
    task: str
    waves: int
    shards: tuple[ShardReport, ...]
    stopped: str = ""
    wave: int = 0
    waits_for: tuple[str, ...] = ()
    undo: bool = False

    @property
    def exit_code(self) -> ExitCode | None:
        """The exit code of ``watch``; ``None`` while a shard is running."""
        states = {one.state for one in self.shards}
        if State.RUNNING in states:
            return None
        codes = [one.exit_code for one in self.shards if one.exit_code is not None]
        if State.NOT_BEGUN in states:
            codes.append(ExitCode.STOPPED if self.stopped else ExitCode.ERROR)
        return worst(codes)

    @property
    def counts(self) -> dict[str, int]:
        """Outcome (or ``pending``) → number of operations in the journals of all shards.

        What was undone is left out.
        """
        return counts_of(one.report for one in self.shards if not one.undone)

    @property
    def states(self) -> dict[str, str]:
        """Shard → state."""
        return {one.shard: one.state_name for one in self.shards}

    @property
    def problems(self) -> dict[str, str]:
        """Shard → problem, of those that have one."""
        return {one.shard: one.problem for one in self.shards if one.problem}


def awaited(
    waves: Sequence[Sequence[str]], shards: Iterable[ShardReport]
) -> tuple[int, tuple[str, ...]]:
    """Return the number of the wave that a later one waits for, and its shards that haven't ended.

    0 and none if only the last wave is left.
    """
    ended = {one.shard for one in shards if one.state in ENDED}
    for number, wave in enumerate(waves[:-1], 1):
        if left := tuple(name for name in wave if name not in ended):
            return number, left
    return 0, ()


def counts_of(reports: Iterable[Report | None]) -> dict[str, int]:
    """Return outcome (or ``pending``) → number of operations in all reports."""
    total = Counter[str]()
    for report in reports:
        total.update(report.counts if report else {})
    return dict(total)
