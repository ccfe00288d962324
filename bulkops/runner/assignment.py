"""What an execution is about, what it is told for this time, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from bulkops.client.api import Client
from bulkops.job.job import Job
from bulkops.journal.disk import FileCalls
from bulkops.journal.reader import Contents
from bulkops.journal.records import Holder, Result, WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.writer import Executor, Journal, in_thread
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import HmacKey, Operation
from bulkops.runner.gate import RunGate, run_gate


class LockedJournal(msgspec.Struct, frozen=True):
    """A journal that was read under its lock, to be executed.

    Attributes:
        by: who holds the lock.
    """

    path: Path
    contents: Contents
    by: Holder
    files: FileCalls | None = None
    executor: Executor = in_thread


class Instructions(msgspec.Struct, frozen=True):
    """What is told an execution for this time; the job and its journal say the rest.

    Attributes:
        retry_failed: decide failed and conflicting operations anew, too.
        continue_paused: of ``--continue``: past the pause, the inconclusive gate, or the stop by
            too many failures, at which the job stopped.
        key: that the job's wish names, where something is left to be sent.
    """

    retry_failed: bool = False
    continue_paused: bool = False
    key: HmacKey | None = None


DEFAULTS = Instructions()
"""Go on as the journal says."""


class OnResult(Protocol):
    """A callback for results, such as a function that prints them.

    It is called once per result, in the order in which the journal records them, including those
    of operations that are skipped or fail without a request. It runs in the event loop, while the
    journal may still be writing the result, so it must not block.

    An exception that it raises is the caller's own: no further operation starts, those in flight
    are finished and recorded, the execution ends as after any error, and the exception reaches
    the caller unchanged. The journal stays resumable; the recorded results aren't reported again.
    """

    def __call__(self, operation: Operation, result: Result, /) -> None:
        """Take a result.

        Args:
            operation: what was to change, and on which target.
            result: what became of it: outcome, reason, attempts.
        """
        ...


class OnWave(Protocol):
    """A callback for waves, called each time the journal has recorded how far a wave came.

    An exception that it raises is treated as one of ``OnResult``.
    """

    def __call__(self, wave: WaveReached, /) -> None:
        """Take how far a wave came."""
        ...


TakesMore = Callable[[], bool]
"""Return whether the observer can take more results; until it can, no operation starts."""


def always() -> bool:
    """Default observer: take every result."""
    return True


def ignore(*_event: object) -> None:
    """Default observer: ignore the event."""


class Observer(msgspec.Struct, frozen=True):
    """Who is told what an execution does, and runs its gate.

    Attributes:
        on_result: told every result as it is recorded.
        on_wave: told how far a wave came as it is recorded.
        gate: runs the job's gate.
        takes_more: whether another operation may be taken up; asked again and again.
    """

    on_result: OnResult = ignore
    on_wave: OnWave = ignore
    gate: RunGate = run_gate
    takes_more: TakesMore = always


class ObserverFailed(Exception):
    """An observer's callback raised an exception.

    The wrapper keeps bulkops from taking a ``BulkopsError`` of the caller's for its own.

    Attributes:
        error: the exception, to be raised again for the caller.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(f"a callback raised {type(error).__name__}: {error}")
        self.error = error


IGNORING = Observer()
"""Default observer: ignore every event."""


class Assignment(msgspec.Struct, frozen=True):
    """A journal's job, and with what it is carried out.

    Attributes:
        kind: of its operations, bound to what they are about.
        job: as of ``job_of``, whose ``[pace]`` and ``[rollout]`` hold; the rest is the journal's.
    """

    client: Client
    kind: Kind
    journal: Journal
    job: Job

    @property
    def replay(self) -> Replay:
        """Where the job stands."""
        return self.journal.replay

    @property
    def settle(self) -> float:
        """Seconds after a lost answer in which its effect may still land, a read still lag."""
        return self.job.pace.settle_seconds

    def had_it(self, key: str) -> bool:
        """Return whether what an operation wants may have been so before it was decided.

        Then a reading that is older than the decision may show it, and pass for a write that was
        done. An undo wants what was there before the job; an operation that was decided again
        wants what its first write brought about. Of a kind that leaves one of two it is assumed:
        to be wrong would take the last one away.
        """
        replay = self.replay
        return bool(replay.header.undo_of) or self.kind.never_empty or key in replay.decided_again
