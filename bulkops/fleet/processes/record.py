"""What the processes of a rollout tell each other: which shards began in it, and their ends. Pure.

It is the object ``rollout-….json`` beside the shards' journals, and says what those don't: that a
shard had nothing to do, or failed before it had a journal, and which ends are of this rollout::

    {"format": 1, "number": 4, "job": "5c0f…", "shards": {"acme-1": {"state": "done", …}}}

Fleets at other servers have a record and a stop of their own there (``objects``), as a rehearsal
has. A shard with another organization, or at another server of the fleet, than its entry says has
not begun.

| a process starts, and the object             | it                                      |
|----------------------------------------------|-----------------------------------------|
| is missing                                   | begins rollout 1                        |
| is of its job, and some shard has not ended  | joins that rollout                      |
| is of its job, every shard is done or failed | begins the next one                     |
| is of its job, and stale                     | begins the next one                     |
| is of another job                            | begins the next one                     |
| can't be read, or has another format         | stops with an error                     |

If that other job is the undo of its own, or what its own undoes, none of its shards may be running
(``opposite``).

A process whose rollout was followed by another one finishes the shards that it has begun, and
begins none (``PlanStale``).

A rollout is stale if it began more than an hour ago, and its shards that are known had nothing to
do. A process that is started again after everything has ended begins such a rollout. Its shards
may have something to do since then, so they no longer count as done for the waves after theirs. Not
so within the hour: other processes may start later, and would wait for a process that has ended.
No other dates are compared, because clocks of machines differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from bulkops.errors import NotAJournal, PlanStale
from bulkops.fleet.waves import ENDED, ShardProgress, State

KIND = "rollout"
"""How the object's name begins."""
FORMAT: Final = 1
LONGEST_PROBLEM = 1000
"""Characters of a shard's problem: the object is read every few seconds."""

STALE_AFTER = timedelta(hours=1)

T = TypeVar("T")
Number = Annotated[int, Meta(ge=0)]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A shard that has begun in this rollout, or has nothing to do in it.

    Attributes:
        operations: see ``ShardProgress``; while it is running, as of when it began or resumed.
        problem: what ended it; empty if nothing did.
        blocked: number of targets on which the job wants a change that is not possible, if there
            was nothing else to do.
        lifted: it failed before ``--continue`` lifted a stop, and no longer counts as failed.
        lifted_failures: the number of its failures that no longer count.
        target: the organization that it changes, and where; see ``ShardJob.target``.
    """

    state: State
    operations: Number = 0
    failures: Number = 0
    problem: str = ""
    blocked: Number = 0
    lifted: bool = False
    lifted_failures: Number = 0
    target: str = ""

    def completed(self, state: State) -> State:
        """Return the state of the shard, if that of its newest journal is this one.

        A shard that has nothing to do, or fails before it begins, has no journal of this rollout:
        its newest one, if there is any, is of an earlier one.
        """
        if self.state is State.FAILED and self.problem and state in (State.NOT_BEGUN, State.DONE):
            return State.FAILED
        if self.state is State.DONE and not self.operations and state is State.NOT_BEGUN:
            return State.DONE
        return state

    @property
    def progress(self) -> ShardProgress:
        """How far the shard is, as far as this says it."""
        return ShardProgress(
            self.state, self.operations, self.failures, self.lifted, self.lifted_failures
        )


NOT_BEGUN = Entry(State.NOT_BEGUN)


class RolloutRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rollout of a fleet.

    Attributes:
        number: from 1; the next rollout has the next one.
        job: what is rolled out: the job's digest, or that of its undo.
        shards: name → entry, of those that have begun, had nothing to do, or are waiting.
        began: when its first process joined it.
        names: of all shards of the fleet, as its first process found them.
    """

    number: Annotated[int, Meta(ge=1)]
    job: str
    shards: Mapping[str, Entry] = {}
    began: datetime | None = None
    names: tuple[str, ...] = ()
    format: Literal[1] = FORMAT

    def encoded(self) -> bytes:
        """Return it as the object's content."""
        return msgspec.json.encode(self)

    def is_over(self, names: Iterable[str]) -> bool:
        """Return whether each of these shards is done or failed."""
        return all(name in self.shards and self.shards[name].state in ENDED for name in names)

    def is_stale(self, now: datetime) -> bool:
        """Return whether nothing has been left to do in it for an hour."""
        entries = self.shards.values()
        idle = all(one.state is State.DONE and not one.operations for one in entries)
        return idle and self.began is not None and now - self.began > STALE_AFTER

    def among(self, targets: Mapping[str, str]) -> RolloutRecord:
        """Return it without the entries of shards that have another target now.

        Args:
            targets: name → target, of all shards of the fleet.
        """
        shards = self.shards.items()
        mine = {name: one for name, one in shards if targets.get(name, one.target) == one.target}
        return replace(self, shards=mine)

    def check_number(self, number: int) -> None:
        """Raise ``PlanStale`` unless this is the rollout with this number."""
        if self.number != number:
            raise PlanStale(
                f"rollout {number} of this fleet was followed by rollout {self.number}, which "
                "another process began: no further shard begins here. Run the same command again "
                "to join that one, if its job is meant"
            )

    def with_entries(self, number: int, entries: Mapping[str, Entry]) -> RolloutRecord:
        """Return it with these entries.

        Args:
            number: of the rollout that they belong to.

        Raises:
            PlanStale: this is another rollout.
        """
        self.check_number(number)
        return replace(self, shards={**self.shards, **entries})

    def lifted(self, seen: Mapping[str, ShardProgress]) -> RolloutRecord:
        """Return it with no failure counting that there was so far.

        Args:
            seen: name → progress, of those that are running.
        """
        return replace(
            self,
            shards={
                name: replace(
                    entry,
                    lifted=entry.state is State.FAILED,
                    lifted_failures=seen.get(name, entry.progress).failures,
                )
                for name, entry in self.shards.items()
            },
        )


def decoded(data: bytes, where: object) -> RolloutRecord:
    """Return the record that is the content of an object.

    Raises:
        NotAJournal: it is something else, or a newer version's.
    """
    return content_of(data, RolloutRecord, where)


def joined(
    found: RolloutRecord | None,
    job: str,
    targets: Mapping[str, str],
    now: datetime,
    stopped: int = 0,
) -> RolloutRecord:
    """Return the rollout that a process joins or begins, by the table above.

    Args:
        job: the digest of its job.
        targets: name → target, of all shards of the fleet.
        stopped: the number of the rollout that was stopped last; 0 if none was.
    """
    if found is not None and found.job == job:
        mine = found.among(targets)
        if not mine.is_over(targets) and not mine.is_stale(now):
            return mine
    number = max(found.number if found else 0, stopped) + 1
    return RolloutRecord(number, job, began=now, names=tuple(sorted(targets)))


def begun(earlier: Entry | None, progress: ShardProgress) -> Entry:
    """Return the entry of a shard that begins or resumes.

    If it had ended, all that fails from now on counts; if it was interrupted, what was lifted still
    doesn't.
    """
    resumed = earlier is not None and earlier.state is State.RUNNING
    lifted = earlier.lifted_failures if earlier and resumed else 0
    return Entry(State.RUNNING, progress.operations, progress.failures, lifted_failures=lifted)


def ended(
    earlier: Entry | None, progress: ShardProgress, problem: str = "", blocked: int = 0
) -> Entry:
    """Return the entry of a shard that has ended, or pauses."""
    return Entry(
        progress.state,
        progress.operations,
        progress.failures,
        problem[:LONGEST_PROBLEM],
        blocked,
        lifted_failures=earlier.lifted_failures if earlier else 0,
    )


def content_of(data: bytes, type_: type[T], where: object) -> T:
    """Return the content of an object; raises ``NotAJournal``."""
    try:
        return msgspec.json.decode(data, type=type_)
    except msgspec.MsgspecError as error:
        raise NotAJournal(
            f"{where}: is not what this version of bulkops writes there ({error}); nothing was "
            "begun. Use the version that wrote it, or move it away if no process runs this fleet"
        ) from error
