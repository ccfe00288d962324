"""``python -m tests.simulation.mutations``: remove one safeguard at a time; some seed must fail.

Mutations are applied in this process, to the real engine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from unittest import mock

from bulkops.api import verdict
from bulkops.api.messages import Request, Response
from bulkops.api.verdict import InDoubt, Retry, Verdict
from bulkops.client import caller
from bulkops.client.caller import Caller
from bulkops.client.permit import ALWAYS, Permit
from bulkops.errors import NoResponse
from bulkops.job.rollout import Wave
from bulkops.journal import lines
from bulkops.journal import writer as journal_file
from bulkops.journal.lines import Scanner
from bulkops.journal.local import file as local_file
from bulkops.journal.local.file import JournalFile
from bulkops.journal.local.lock import locked
from bulkops.journal.records import Holder, Intent, Record
from bulkops.journal.states import Outcome, Reached
from bulkops.runner import execution, readback, waves
from bulkops.runner.answers import Answer
from bulkops.runner.readback import Cause, Row, Step, Unobserved, resolve
from bulkops.runner.wave_steps import Next, following
from bulkops.runner.waves import Waves
from bulkops.runner.worker import Worker
from tests.simulation import batch, machine
from tests.simulation.found import FOUND, RARE, Mutation
from tests.simulation.kinds_mutated import OF_KINDS
from tests.simulation.run import simulate
from tests.simulation.stored_mutated import OF_STORES

SEEDS = 2000
"""Number of seeds within which every mutation must be caught."""

PINNED = (*FOUND, *OF_STORES)
"""Those of which ``test_pinned.py`` has the seeds."""


def no_fdatasync() -> AbstractContextManager[Any]:
    """Write the journal's lines without syncing them."""

    def only_write(self: JournalFile, data: bytes) -> None:
        local_file._write_all(self._files, self._descriptor, data)

    return mock.patch.object(JournalFile, "append", only_write)


def failed_sync_ignored() -> AbstractContextManager[Any]:
    """Continue when a sync fails."""

    def write_anyway(self: JournalFile, data: bytes) -> None:
        local_file._write_all(self._files, self._descriptor, data)
        with suppress(OSError):
            self._files.sync(self._descriptor)

    return mock.patch.object(JournalFile, "append", write_anyway)


def intent_not_awaited() -> AbstractContextManager[Any]:
    """Send before the intent is durable."""

    async def announce(self: Worker) -> None:
        self._journal.post(Intent(self._operation.key, self._caller.clock.date()))

    return mock.patch.object(Worker, "_announce", announce)


def intent_after_send() -> AbstractContextManager[Any]:
    """Send first, then write the intent."""
    persist = Caller.persist

    async def sent_first(
        self: Caller,
        request: Request,
        announce: Callable[[], Awaitable[None]] | None = None,
        permit: Permit = ALWAYS,
    ) -> tuple[Verdict, int]:
        answer = await persist(self, request, permit=permit)
        if announce is not None:
            await announce()
        return answer

    return mock.patch.object(Caller, "persist", sent_first)


def crc_ignored() -> AbstractContextManager[Any]:
    """Accept any line with a well-formed end."""

    def unchecked(self: Scanner, stream: BinaryIO) -> Iterator[bytes]:
        for line in stream:
            if not line.endswith(b'"}\n') or not line.startswith(b'{"seq":%d,' % self.seq):
                self._give_up(line, stream)
                return
            self.seq += 1
            self.offset += len(line)
            self.crc = int(line[-11:-3], 16)
            yield line

    return mock.patch.object(Scanner, "lines", unchecked)


def one_group_a_line() -> AbstractContextManager[Any]:
    """Give every line a group of its own."""

    def alone(payloads: list[bytes], seq: int, _group: int, crc: int) -> tuple[bytes, int]:
        framed = b""
        for number, payload in enumerate(payloads, seq):
            line, crc = lines.frame([payload], number, number, crc)
            framed += line
        return framed, crc

    return mock.patch.object(journal_file, "frame", alone)


def torn_tail_not_cut() -> AbstractContextManager[Any]:
    """Append after a torn tail."""
    return mock.patch.object(JournalFile, "_cut_tail", return_value=Path("nowhere"))


def sent_again_unread() -> AbstractContextManager[Any]:
    """Send a write with a lost answer again without reading it back."""

    def blind(request: Request, answer: Response | NoResponse) -> Verdict:
        meant = verdict.classify(request, answer)
        return Retry(answer) if isinstance(meant, InDoubt) else meant

    return mock.patch.object(caller, "classify", blind)


def adopted_unread() -> AbstractContextManager[Any]:
    """Assume that a write with a lost answer succeeded."""
    look = Worker._look

    async def adopt(self: Worker, cause: Cause, answer: Answer) -> Any:
        if cause is Cause.LOST:
            return self._result(Outcome.SUCCEEDED, "", answer, ours=True)
        return await look(self, cause, answer)

    return mock.patch.object(Worker, "_look", adopt)


def settle_ignored() -> AbstractContextManager[Any]:
    """Believe the first reading after a lost answer."""

    def at_once(row: Row, cause: Cause, *, settled: bool, old: bool) -> Step:
        return resolve(row, cause, settled=settled or row is not Unobserved.DENIED, old=old)

    return mock.patch.object(readback, "resolve", at_once)


def pending_not_reconciled() -> AbstractContextManager[Any]:
    """Resume pending operations without reading the server."""

    def nothing(*_args: object, **_options: object) -> Iterable[Record]:
        return ()

    return mock.patch.object(execution, "reconcile", nothing)


def journal_not_locked() -> AbstractContextManager[Any]:
    """Lock only the lock file, not the journal."""
    return mock.patch.object(local_file, "take", return_value=None)


@contextmanager
def lock_released_early() -> Iterator[None]:
    """Release both locks immediately."""

    @contextmanager
    def early(journal: Path, holder: Holder) -> Iterator[None]:
        with locked(journal, holder):
            pass
        yield

    with journal_not_locked(), mock.patch.object(machine, "locked", early):
        yield


@contextmanager
def lock_outlives_its_holder() -> Iterator[None]:
    """Keep the lock of a runner that was killed."""
    graves = ExitStack()

    @contextmanager
    def kept(journal: Path, holder: Holder) -> Iterator[None]:
        held = graves.enter_context(ExitStack())
        held.enter_context(locked(journal, holder))
        yield
        held.close()

    with graves, mock.patch.object(machine, "locked", kept):
        yield


def gate_not_asked() -> AbstractContextManager[Any]:
    """Start the next wave without running the gate."""

    def unasked(*state: Any, **facts: Any) -> Next:
        then = following(*state, **facts)
        return Next.PASS if then is Next.GATE else then

    return mock.patch.object(waves, "following", unasked)


def failed_gate_passes() -> AbstractContextManager[Any]:
    """Ignore the gate's verdict."""
    return mock.patch.object(waves, "judged", return_value=None)


def waves_at_once() -> AbstractContextManager[Any]:
    """Run the operations of all waves with the first one."""
    return mock.patch.object(Waves, "_has_begun", return_value=True)


def pass_before_gate() -> AbstractContextManager[Any]:
    """Record that a wave has passed before its gate has."""
    judge = Waves._judge

    async def passed(self: Waves, wave: Wave) -> str:
        await self._note(wave, Reached.PASSED)
        return await judge(self, wave)

    return mock.patch.object(Waves, "_judge", passed)


MUTATIONS: tuple[Mutation, ...] = (
    no_fdatasync,
    failed_sync_ignored,
    intent_not_awaited,
    intent_after_send,
    crc_ignored,
    one_group_a_line,
    torn_tail_not_cut,
    sent_again_unread,
    adopted_unread,
    settle_ignored,
    pending_not_reconciled,
    journal_not_locked,
    lock_released_early,
    lock_outlives_its_holder,
    gate_not_asked,
    failed_gate_passes,
    waves_at_once,
    pass_before_gate,
    *OF_KINDS,
    *OF_STORES,
    *FOUND,
)


def caught(mutation: Mutation, seeds: int = SEEDS) -> tuple[int, str] | None:
    """Return the first seed that fails, and its invariant; ``None`` if none fails."""
    with batch.quick(), mutation():
        for seed in (*RARE.get(mutation, ()), *range(seeds)):
            try:
                simulate(seed)
            except Exception as error:  # noqa: BLE001 - anything that stops a run is a catch
                return seed, getattr(error, "invariant", f"{type(error).__name__}: {error}")
    return None


def main() -> int:
    """Return 0 if every mutation is caught; print the seeds to pin."""
    missed, pins = 0, list[str]()
    for mutation in MUTATIONS:
        began = time.monotonic()
        by = caught(mutation)
        missed += by is None
        verdict = f"seed {by[0]:4}  {by[1]}" if by else "NOT CAUGHT"
        if by and mutation in PINNED:
            module = mutation.__module__.rpartition(".")[2]
            pins.append(f"    {module}.{mutation.__name__}: {by[0]},")
        say(f"{mutation.__name__:28} {verdict[:110]}  ({time.monotonic() - began:.0f} s)")
    say("\nThe seeds of test_pinned.py:", *pins)
    return 1 if missed else 0


def say(*lines: str) -> None:
    """Print and flush."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
