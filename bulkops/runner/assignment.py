"""The inputs of an execution: its journal, its instructions, its observer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from inspect import iscoroutinefunction
from typing import Protocol

import msgspec

from bulkops.client.api import Client
from bulkops.client.permit import ALWAYS, Permit
from bulkops.job.job import Job
from bulkops.job.windows.window import Window, is_open
from bulkops.journal.place import Hold, Place
from bulkops.journal.reader import Contents
from bulkops.journal.records import Holder, Notified, Rest, Result, WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.writer import Journal
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Operation
from bulkops.operations.secret import HmacKey
from bulkops.runner.gate import RunGate, run_gate


class LockedJournal(msgspec.Struct, frozen=True):
    """A journal that was read under its lock, to be executed."""

    hold: Hold
    contents: Contents


class Instructions(msgspec.Struct, frozen=True):
    """The options of a single execution; everything else is in the job and its journal.

    Attributes:
        retry_failed: also decide failed and conflicting operations again.
        continue_paused: continue past the pause, the inconclusive gate or the stop by too many
            failures at which the job stopped (``--continue``).
        key: the HMAC key that the job's spec names, ``None`` if nothing is left that needs it.
        exit_outside_window: end instead of resting (``--exit-outside-window``).
    """

    retry_failed: bool = False
    continue_paused: bool = False
    key: HmacKey | None = None
    exit_outside_window: bool = False


DEFAULTS = Instructions()
"""Resume as the journal records."""


class OnResult(Protocol):
    """A callback for results, such as a function that prints them.

    It is called once per result, in the order in which the journal records them, including those
    of operations that are skipped or fail without a request. It runs in the event loop, while the
    journal may still be writing the result, so it must not block. An async function is refused
    with a ``TypeError`` before anything starts.

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


OnRest = Callable[[Rest], object]
"""A callback for rests, called each time the journal has recorded one, or its end.

An exception that it raises is treated as one of ``OnResult``.
"""


TakesMore = Callable[[], bool]
"""Return whether the observer can take more results; until it can, no operation starts."""


Carrying = Callable[[Operation], AbstractContextManager[object]]
"""Returns what is entered while an operation is carried out, in its task; it must not raise."""


def always() -> bool:
    """Return True: take every result."""
    return True


def ignore(*_event: object) -> None:
    """Default observer: ignore the event."""


Post = Callable[[Notified], None]
"""Queues a record for the journal; raises ``JournalWriteFailed`` if it can't be written."""


class Notices(Protocol):
    """Tells people how far an execution is; none of it ends or delays an operation."""

    def open(self) -> AbstractAsyncContextManager[None]:
        """Send in the background while the block runs."""
        ...

    def started(self, replay: Replay, by: Holder, post: Post) -> None:
        """Tell that the execution has begun.

        Args:
            by: who runs it.
            post: records what becomes of each notification.
        """
        ...

    async def ended(self, error: Exception | None) -> None:
        """Tell how the execution ended, and wait a few seconds for what is on its way.

        Args:
            error: what ended it, ``None`` if no error did.
        """
        ...


class _Silent:
    def open(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def started(self, replay: Replay, by: Holder, post: Post) -> None:
        pass

    async def ended(self, error: Exception | None) -> None:
        pass


SILENT: Notices = _Silent()
"""Default: tells nobody."""


class Observer(msgspec.Struct, frozen=True):
    """The callbacks of an execution.

    Attributes:
        on_result: called with each result.
        on_wave: called each time a wave's progress is recorded.
        gate: runs the job's gate.
        takes_more: returns whether another operation may start; polled while it returns False.
        notices: tell people that it has started and ended.
        carrying: entered around each operation, from its start to its result.
        on_rest: called when the execution begins to rest outside the job's windows, and when one
            opens.
    """

    on_result: OnResult = ignore
    on_wave: OnWave = ignore
    gate: RunGate = run_gate
    takes_more: TakesMore = always
    notices: Notices = SILENT
    carrying: Carrying = nullcontext
    on_rest: OnRest = ignore


def observer_of(on_result: OnResult, on_wave: OnWave) -> Observer:
    """Return an observer with a caller's callbacks.

    Raises:
        TypeError: one of them can't be called, or is async: it would never be awaited.
    """
    for name, callback in (("on_result", on_result), ("on_wave", on_wave)):
        if not callable(callback):
            raise TypeError(f"{name} is not callable: {callback!r}")
        if iscoroutinefunction(callback) or iscoroutinefunction(type(callback).__call__):
            raise TypeError(
                f"{name} is an async function, which would never be awaited: give a plain one, "
                "for example one that puts the event into an asyncio.Queue"
            )
    return Observer(on_result, on_wave)


class ObserverFailed(Exception):
    """An observer's callback raised an exception.

    The wrapper keeps bulkops from taking a ``BulkopsError`` of the caller's for its own, and a task
    group from taking a ``CancelledError`` for its own.

    Attributes:
        error: the exception, to be raised again for the caller.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"a callback raised {type(error).__name__}: {error}")
        self.error = error


IGNORING = Observer()
"""Default observer: ignore every event."""


class WindowClosed(Exception):
    """An operation can't begin, since no window of its job is open."""


class Assignment(msgspec.Struct, frozen=True):
    """A journal's job with everything that its execution needs.

    Attributes:
        kind: the kind of its operations, resolved to their run tasks.
        place: the journal's.
        job: the job (see ``job_of``); its ``[pace]`` and ``[rollout]`` apply, all else comes from
            the journal.
        permit: what must hold when a change is sent.
        windows: those of the job; empty if it has none.
    """

    client: Client
    kind: Kind
    journal: Journal
    place: Place
    job: Job
    permit: Permit = ALWAYS
    windows: Sequence[Window] = ()

    @property
    def may_begin(self) -> bool:
        """Whether operations may begin now, as far as the windows decide."""
        return not self.windows or is_open(self.windows, self.client.clock.wall())

    def check_window(self) -> None:
        """Raise ``WindowClosed`` unless operations may begin now."""
        if not self.may_begin:
            raise WindowClosed

    @property
    def replay(self) -> Replay:
        """The job's state."""
        return self.journal.replay

    @property
    def settle(self) -> float:
        """Seconds after a lost answer in which it may still take effect and reads may lag."""
        return self.job.pace.settle_seconds

    def had_it(self, operation: Operation) -> bool:
        """Return whether the target may have had its desired state before the decision.

        If so, a reading that is older than the decision may show that state, as if the write had
        succeeded. An undo desires the state before the job, and an operation that was decided again
        the state that its first write set. For a kind that must leave one of two, this is assumed
        of what it adds: the removal of the other one, the last if this is a mistake, follows.
        """
        replay = self.replay
        assumed = self.kind.never_empty and operation.desired is not None
        return bool(replay.header.undo_of) or assumed or operation.key in replay.decided_again
