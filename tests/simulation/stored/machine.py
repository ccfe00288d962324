"""Runs executions of a journal in a store: one process, or several that want its lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any

import anyio

from bulkops.api.messages import Request
from bulkops.errors import (
    ApiError,
    ExitCode,
    JobError,
    JournalDamaged,
    JournalError,
    JournalLocked,
    JournalTakenOver,
    JournalWriteFailed,
)
from bulkops.journal.place import Hold
from bulkops.journal.reader import Contents, read
from bulkops.journal.records import Ended, Execution, Record
from bulkops.journal.remote.bucket.store import NoAnswer
from bulkops.journal.remote.lease.acquirer import Acquirer, Busy
from bulkops.journal.remote.lease.calls import LeaseObject, run_by
from bulkops.journal.remote.lease.holding import RENEWED, Holding
from bulkops.journal.remote.lease.keeper import release
from bulkops.journal.remote.lease.kept import Kept
from bulkops.journal.remote.place import LEASE, RemotePlace
from bulkops.journal.replay import Replay
from tests.engine.wire import ANSWER_SECONDS
from tests.engine.world import TOKEN, World
from tests.journal.remote.misbehaving import MisbehavingStore, Trouble
from tests.simulation import stops
from tests.simulation import weather as weathers
from tests.simulation.invariants import Violation, must
from tests.simulation.machine import ENDLESS, Machine, Work
from tests.simulation.running import Running
from tests.simulation.stored import troubles
from tests.simulation.stored.checked import CheckedStore
from tests.simulation.stored.freezing import FreezingLoop
from tests.simulation.stored.process import PROCESS, Process
from tests.simulation.stored.shelf import InStore, address_of, segments_of
from tests.simulation.stored.troubles import FIRST_TTL, Part, Point
from tests.simulation.stored.wire import SharedWire
from tests.simulation.weather import Weather


class NotingStore(MisbehavingStore):
    """A store that misbehaves, and counts what it did."""

    def __init__(self, machine: StoreMachine, store: CheckedStore, random: Random) -> None:
        super().__init__(store, machine.world.now, random)
        self._machine = machine

    def names(self, prefix: str) -> Iterator[str]:
        """See ``Store``."""
        shown = list(super().names(prefix))
        self._machine.met["store: lagging listing"] += shown != list(self.store.names(prefix))
        return iter(shown)

    def _drawn(self) -> Trouble | None:
        trouble = super()._drawn()
        if trouble:
            self._machine.say(f"   store: {trouble.name.lower()}")
            self._machine.met[f"store: {trouble.name.lower()}"] += 1
        return trouble

    def _read(self) -> None:
        try:
            super()._read()
        except NoAnswer:
            self._machine.met["store: unread"] += 1
            raise

    def _reach(self) -> None:
        since, until = self.away
        self._machine.met["store: away"] += since <= self._machine.world.now() < until
        super()._reach()


class StoreMachine(Machine):
    """See ``Machine``: the journals are in a store, and nothing else outlives a process.

    Attributes:
        store_weather: the troubles of the store in the current execution.
    """

    def __init__(self, world: World, *arguments: Any, seed: int, **options: Any) -> None:
        wire = SharedWire(world.simulator, world.now, TOKEN, latency=world.latency)
        world.wire, world.loop = wire, FreezingLoop
        super().__init__(world, *arguments, **options)
        self.store_weather = troubles.CALM
        self._shared = wire
        self._checked = CheckedStore()
        self._checked.on_taken = self._taken
        self._checked.on_refused = self._refused
        self._dice = Random(f"store {seed}")
        self._store = NotingStore(self, self._checked, self._dice)
        self._cast: list[Process] = []
        self._lapsed: set[str] = set()
        self.shelf = InStore(self._checked)

    @property
    def running(self) -> Running:
        """The process for which something happens now, or the last one."""
        return PROCESS.get() or self._running

    def run(self, work: Work, weather: Weather, *, calm: bool) -> tuple[str, Replay | None]:
        """Run the current journal's command in one process, or in several at once."""
        random, size, ttl = self._dice, len(self.world.names), self.scenario.lease_seconds
        parts = [Part()] if calm else troubles.cast(random, size, ttl)
        self.store_weather = troubles.CALM if calm else troubles.draw(random, ttl)
        drawn = [weathers.draw(random, size, torn=False) for _ in parts[1:]]
        self._cast = [
            Process(self, number, part, today)
            for number, (part, today) in enumerate(zip(parts, [weather, *drawn], strict=True), 1)
        ]
        stops.arm(self.world, weathers.CALM)
        self.denials.forget()
        self.store_weather.apply(self._store, self.world.elapsed)
        self.met[f"store: {len(parts)} processes"] += 1
        try:
            last = self.world.run(partial(self._all_of, work))
        except BaseExceptionGroup as group:
            raise _first(group) from group
        must(not self._checked.violation, "the store is sound", self._checked.violation)
        return last

    def come_back(self, how: str, random: Random) -> Contents | None:  # noqa: ARG002 - see ``Machine``
        """Return the current journal; nothing else is left of an execution."""
        if not self.shelf.has(self.journal):
            return None
        ends: dict[str, Record] = {}
        nonce = ""

        def take(record: Record) -> None:
            nonlocal nonce
            nonce = record.nonce if isinstance(record, Execution) else nonce
            ends[nonce] = record

        try:
            contents = read(self.shelf.truth(self.journal), take)
        except JournalDamaged as error:
            raise Violation("no crash looks like damage", error) from error
        for process in self._cast:
            must(process.how, "every process ends", process.holder)
            if process.nonce in ends and process.how not in UNRECORDED:
                last = ends[process.nonce]
                must(isinstance(last, Ended), "a fenced process ends with 11", process.how)
        return contents

    async def _all_of(self, work: Work) -> tuple[str, Replay | None]:
        """Run all processes; return how the last one that held the lease ended."""
        ended: list[tuple[str, Replay | None]] = [("killed", None)]
        async with anyio.create_task_group() as group:
            for process in self._cast:
                group.start_soon(self._live, process, work, ended)
        return ended[-1]

    async def _live(
        self, process: Process, work: Work, ended: list[tuple[str, Replay | None]]
    ) -> None:
        await anyio.sleep(process.part.after)
        loop = asyncio.get_running_loop()
        for freeze in process.part.freezes:
            if freeze.point is Point.MOMENT:
                later = partial(process.freeze_at, freeze.point, freeze.seconds)
                loop.call_later(freeze.number / 10, later)
        if process.weather.dies_at is not None:
            loop.call_later(process.weather.dies_at, self._killed_at_a_moment, process)
        # A frozen process handles no signal.
        with process.enter(), self.signals(process):
            try:
                process.how, replay = await self._life(process, work)
            except Exception:
                # The others could not be cancelled while they are frozen.
                for other in self._cast:
                    other.kill()
                raise
            if process.hold:
                ended.append((process.how, replay))
        process.how = process.how or "killed"
        process.thaw_now()
        self._running = process
        self.say(f"-- {process.number} {process.how}")
        if process.how == "killed" and process.fatal:
            self.met["store: killed at a request"] += 1

    def _killed_at_a_moment(self, process: Process) -> None:
        if not process.how and not process.dead:
            self.met["store: killed at a moment"] += 1
            process.kill()

    async def _life(self, process: Process, work: Work) -> tuple[str, Replay | None]:
        try:
            with anyio.fail_after(ENDLESS):
                async with self._held(process):
                    process.started = self.world.elapsed
                    replay = await work(process.weather)
                    self._note_survived(process)
                    return "ended", replay
        except TimeoutError as error:
            raise Violation("an execution ends", "it runs for a week") from error
        except JournalDamaged as error:
            raise Violation("no crash looks like damage", error) from error
        except (ApiError, JobError, JournalError) as error:
            self.say(f"{type(error).__name__}: {error}")
            self._judge(process, error)
            return type(error).__name__, None

    def _judge(self, process: Process, error: Exception) -> None:
        """Check that an error is true."""
        self.met[type(error).__name__] += 1
        match error:
            case JournalTakenOver():
                must(error.exit_code == ExitCode.JOURNAL_IN_USE, "a fenced process ends with 11")
                really = process.nonce in self._checked.lost
                must(really, "only a process whose lease another took says so", error)
                self.met["store: taken over"] += 1
            case JournalLocked():
                must(error.exit_code == ExitCode.JOURNAL_IN_USE, "a held lease is exit 11")
            case JournalWriteFailed():
                must(error.exit_code == ExitCode.JOURNAL_UNWRITABLE, "cut off is exit 14")
                must(not self.store_weather.is_calm, "a store that answers is used", error)
                self.met["store: cut off" if process.hold else "store: not held"] += 1
            case _:
                """About the server, or unreadable."""

    @asynccontextmanager
    async def _held(self, process: Process) -> AsyncIterator[None]:
        """Hold the journal's lease as the command does."""
        place = RemotePlace(address_of(self.journal), store=self._store)
        at = LeaseObject(self._store, f"{place.address.key}/{LEASE}", str(place))
        holding = await self._acquired(process, at)
        kept = Kept(holding, at, process.clock, process.run)
        segments = segments_of(self._store, self.journal)
        by, nonce = process.holder, holding.lease.nonce
        process.hold = Hold(place, segments, by, kept.patiently, kept.keep, nonce)
        try:
            yield
        finally:
            if not process.dead:
                await process.run(partial(release, holding, at))

    async def _acquired(self, process: Process, at: LeaseObject) -> Holding:
        acquirer = Acquirer(at, process.holder, process.nonce, FIRST_TTL, process.clock)
        waited = False
        while not isinstance(seen := await run_by(process.run, acquirer.looking()), Holding):
            if isinstance(seen, Busy):
                if not process.part.waits:
                    self.met["store: refused by the lease"] += 1
                    raise JournalLocked(f"{at.journal} is held by {seen.lease.described()}")
                waited = True
            await process.clock.sleep(seen.seconds)
        self.met["store: waited and went on"] += waited
        self.say(f"{process.number} has the lease")
        return seen

    def _note_survived(self, process: Process) -> None:
        since, until = self._store.away
        overlap = min(until, self.world.elapsed) - max(since, process.started)
        long = RENEWED * self.scenario.lease_seconds
        self.met["store: survived that it was away"] += overlap > long

    def _answered(self, request: Request) -> None:
        # Perhaps a probe's, of which the reader that was denied learns nothing: a list is denied
        # once in an execution.
        if PROCESS.get() is None:
            super()._answered(request)

    def _leaves(self, request: Request) -> None:
        process = PROCESS.get()
        if process is None or not request.writes:
            super()._leaves(request)
            return
        key = address_of(self.journal).key
        facts = f"{process.number}: {request.method} {request.path}"
        owner = self._checked.owners.get(key)
        if owner == process.nonce:
            self.met["store: late in the window, still the holder"] += process.in_window
            fence = self._checked.journal(key).fenced_by
            must(fence == process.nonce, "no change leaves before its writer's fence", facts)
            super()._leaves(request)
            return
        must(process.in_window, "no change leaves without the lease", facts)
        self.say(f"{facts} in the window, after a takeover")
        self.met["store: sent in the window after a takeover"] += 1
        # The process that took over sees it as a change made outside its job.
        workspace = self.server.world.workspaces.get(request.path.split("/")[4])
        if workspace is not None:
            latest = self.world.now() + ANSWER_SECONDS + self.scenario.lands
            self.server.strangers[workspace.name] = latest
            self.server.forgiven.add(workspace.name)

    def _taken(self, nonce: str) -> None:
        """A process lost its lease: its late effects land as if it had died."""
        for process in self._cast:
            if process.nonce == nonce:
                self.say(f"{process.number} loses the lease")
                self.met["store: taken from a frozen process"] += process.frozen
                self.met["store: taken from a dead process"] += process.dead
                self._shared.lost_by(process)

    def _refused(self) -> None:
        self.met["store: refused for another's segment"] += 1

    def say(self, what: str) -> None:
        """Add a line to the trace, with the number of the process."""
        process = PROCESS.get()
        super().say(f"[{process.number}] {what}" if process else what)


UNRECORDED = ("killed", *(e.__name__ for e in (JournalTakenOver, JournalWriteFailed)))
"""How a process ends that can't record it any more."""


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
