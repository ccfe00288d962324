"""A machine that runs one execution at a time, and that the weather may stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import anyio

from bulkops.api.messages import Request
from bulkops.errors import ApiError, JobError, JournalWriteFailed
from bulkops.journal.reader import Contents, read
from bulkops.journal.records import Result
from bulkops.journal.replay import Replay
from bulkops.operations.model import Operation
from tests.engine.wire import Trouble
from tests.engine.world import World
from tests.simulation import gates, leaving, others, rival, stops
from tests.simulation.denials import Denials
from tests.simulation.invariants import Violation, a_prefix, must
from tests.simulation.running import Running
from tests.simulation.scenario import Scenario
from tests.simulation.server import LaggingServer
from tests.simulation.shelf import OnDisk, Shelf
from tests.simulation.states import Place, Shown
from tests.simulation.weather import CALM, Weather

A_DAY = 86_400.0
ENDLESS = 7 * A_DAY
"""Virtual seconds in which any execution must have ended, even if its windows are open for only a
few minutes of each hour."""

Work = Callable[[Weather], Awaitable[Replay | None]]


class Machine:
    """Runs executions, counts what they actually met, and traces them if asked.

    Attributes:
        met: kind of fault, stop, resume, outcome → how often.
        journal: path of the current journal, to check every intent.
        shelf: where the journals are.
        locks: folder of the journal's lock files.
        gates: journal's name and wave → exit status of its gate.
        random: source of all chance.
        denials: which reads are denied.
        waiting: whether another runner was refused, and starts as soon as this one ends.
        trace: events in order, ``None`` without a trace.
        opened: whether the last execution opened a file for appending.
        apart: source of the chance that only jobs with windows need.
    """

    def __init__(
        self,
        world: World,
        server: LaggingServer,
        scenario: Scenario,
        random: Random,
        *,
        locks: Path,
        trace: list[str] | None,
    ) -> None:
        self.world = world
        self.server = server
        self.scenario = scenario
        self.met: Counter[str] = Counter()
        self.journal = Path()
        self.shelf: Shelf = OnDisk(world)
        self.gates: dict[tuple[str, int], set[int]] = {}
        self.waiting = False
        self.trace = trace
        self.opened = False
        self.apart = Random()
        self._at_a_moment = self._moved = False
        self.locks = locks
        self.random = random
        self._running = Running()
        self._ended_in = CALM
        self._drift = [random.uniform(-0.5, 1.0) * scenario.lands for _ in range(64)]
        self.denials = Denials(random, scenario.settle_seconds)
        self._traced_calls = 0
        world.gate = partial(gates.ask, self)
        world.wire.spies.append(self._leaves)
        world.wire.troubles = self._trouble
        world.wire.adrift = self._adrift
        world.disk.died = self._disk_died
        server.lag = self._lag

    @property
    def running(self) -> Running:
        """The running execution, or the last one."""
        return self._running

    @property
    def weather(self) -> Weather:
        """Weather of the running execution."""
        return self.running.weather

    def run(self, work: Work, weather: Weather, *, calm: bool) -> tuple[str, Replay | None]:  # noqa: ARG002 - a store's troubles
        """Run the current journal's command; see ``execute``.

        Args:
            calm: whether nothing beside the weather causes trouble.
        """
        return self.execute(work, weather)

    def execute(self, work: Work, weather: Weather) -> tuple[str, Replay | None]:
        """Return how one execution ended: ``killed``, the error's name, or ``ended``."""
        self._running = Running(weather)
        stops.arm(self.world, weather)
        self._running.started = self.world.elapsed
        self._at_a_moment = False
        called = len(self.world.disk.calls)
        try:
            how, replay = self.world.run(lambda: self._powered(work))
        except BaseException:
            # A power cut in a file call is raised bare or in a group; the disk records it.
            if not self.world.disk.dead:
                raise
            how, replay = "killed", None
        self.opened = "append" in self.world.disk.calls[called:]
        self.waiting &= not weather.power
        self._running.weather, self._ended_in = CALM, weather
        self.met.update(stops.what_stopped(self.world, how, at_a_moment=self._at_a_moment))
        self.say(f"-- {how}")
        return how, replay

    def come_back(self, how: str, random: Random) -> Contents | None:
        """Restart after an execution, and return what is left of the current journal."""
        disk, today, path = self.world.disk, self._ended_in, self.journal
        there = self.shelf.has(path)
        written = disk.content(path) if there else b""
        synced = disk.synced(path) if there else b""
        # A job stopped by its tolerance is only read; continuing it syncs.
        done = how == "ended" and self.opened
        must(not done or written == synced, "what has ended is durable")
        if today.power:
            self.met["power cut after the end"] += how == "ended"
            self.met["unsynced bytes at stake"] += written != synced
            forgotten = disk.forgotten(path) if there else 0
            self.met["forgotten by a failed sync, then a power cut"] += forgotten > 0
            disk.power_on(random=random)
        else:
            if today.drops_cache:
                self.met["forgotten pages dropped"] += disk.drop_cache()
            disk.restart()
        self.world.wire.dead = False
        disk.lasting = False
        return a_prefix(disk, path, written, synced) if self.shelf.has(path) else None

    async def _powered(self, work: Work) -> tuple[str, Replay | None]:
        ended: tuple[str, Replay | None] = "killed", None
        with anyio.CancelScope() as power, self.signals(self._running):

            def off() -> None:
                self.world.disk.cut_power()
                power.cancel()

            self.world.wire.died = off
            if self.weather.dies_at is not None:
                asyncio.get_running_loop().call_later(self.weather.dies_at, self._moment, off)
            try:
                with anyio.fail_after(ENDLESS), rival.under_lock(self, work):
                    ended = "ended", await work(self.weather)
            except TimeoutError as error:
                raise Violation("an execution ends", "it runs for a week") from error
            except (ApiError, JobError, JournalWriteFailed) as error:
                self.say(f"{type(error).__name__}: {error}")
                ended = type(error).__name__, None
        return ended

    @contextmanager
    def signals(self, to: Running) -> Iterator[None]:
        """Send SIGINT at the time that an execution's weather sets."""
        loop = asyncio.get_running_loop()
        weather, handles = to.weather, list[asyncio.TimerHandle]()
        if weather.interrupts is not None:
            after, drain = weather.interrupts
            handles.append(loop.call_later(after, self._interrupt, to, drain))
            if weather.again is not None:
                handles.append(loop.call_later(after + weather.again, self._interrupt, to, drain))
        try:
            yield
        finally:
            for handle in handles:
                handle.cancel()

    def _moment(self, off: Callable[[], None]) -> None:
        if not self.world.disk.dead:
            self._at_a_moment = self.world.wire.dead = True
            off()

    def ends(self, replay: Replay) -> list[int]:
        """Return where the waves of a journal end."""
        if replay.header.undo_of:
            return [len(replay.operations)]
        return self.scenario.ends([p.operation.target.id for p in replay.operations.values()])

    def _interrupt(self, to: Running, drain: float) -> None:
        if to.execution is not None and not self.world.disk.dead:
            self.say("SIGINT")
            self.met["SIGINT again" if to.execution.interrupted else "SIGINT"] += 1
            to.execution.interrupt("SIGINT", drain)

    def _disk_died(self) -> None:
        # The whole machine stops, not only its disk: no more requests leave.
        self.world.wire.dead = True

    def _leaves(self, request: Request) -> None:
        self.say(f"{request.method} {request.path}")
        if request.writes:
            leaving.check(self, request)
            self._move()
        if self.weather.jumps and self.random.random() < self.weather.jumps:
            self.world.astray = self.random.uniform(-A_DAY, A_DAY)
            self.met["wall clock jumped"] += 1

    def _move(self) -> None:
        """Move workspaces to other projects at the first change: by then, all is planned."""
        if self.scenario.projects and not self._moved:
            self.scenario.projects.move(self.server)
            self.met["planned, then moved to another project"] += 1
        self._moved = True

    def _trouble(self, request: Request) -> Trouble | None:
        weather, random = self.weather, self.random
        if weather.strangers and random.random() < weather.strangers:
            others.at(self, request)
        status = self.denials.strike(request, self.world.now(), weather.denied)
        if status and weather.lags:
            self.say(f"   denied for a moment: {status}")
            self.met[f"denied for a moment: {status}"] += 1
            return Trouble(status)
        trouble = weather.trouble(request, random, self.scenario.lands)
        if trouble is None:
            self._answered(request)
        else:
            self.say(f"   {trouble.fault} {trouble.lands_after or ''}")
            self.met[f"fault {trouble.fault}"] += 1
            self.met["effect that lands late"] += trouble.lands_after is not None
        return trouble

    def _answered(self, request: Request) -> None:
        self.denials.answered(request)

    def truth(self) -> dict[Place, Shown | None]:
        """Return what every workspace shows of each thing, ``None`` if it is gone."""
        return {place: self.server.shown(place) for place in self.scenario.states}

    def _lag(self) -> float:
        if not self.weather.lags or self.random.random() < 0.4:
            return 0.0
        least = 0.8 * self.scenario.lags if self.weather.behind else 0.0
        return self.random.uniform(least, self.scenario.lags)

    def _adrift(self, number: int) -> float | None:
        # Drawn in advance: the order in which cancelled requests ask isn't defined.
        seconds = self._drift[number % len(self._drift)]
        request = self.world.wire.asked[number - 1]
        if seconds <= 0 or not request.writes:
            return None
        self.met["request that arrives after its sender's end"] += 1
        return seconds

    def replay_of(self, path: Path) -> Replay | None:
        """Return a journal's state, ``None`` if there is no journal."""
        return read(self.shelf.truth(path)).replay if self.shelf.has(path) else None

    def on_result(self, operation: Operation, result: Result) -> None:
        """Record a result."""
        self.say(f"{operation.target.name}: {result.outcome} {result.reason}")

    def say(self, what: str) -> None:
        """Add a line to the trace, after the file calls since the previous one."""
        if self.trace is None:
            return
        calls = self.world.disk.calls[self._traced_calls :]
        self._traced_calls += len(calls)
        if calls:
            self.trace.append(f"          {' '.join(calls)}")
        self.trace.append(f"{self.world.elapsed:9.3f} {what}")
