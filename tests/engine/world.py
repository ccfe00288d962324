"""Engine, server, wire, disk and clock in one process, to run whole jobs in virtual time.

::

    world = World(workspaces=4)
    world.wire.troubles = ...
    replay = world.apply(job())      # plan, create the journal, carry out, verify
    replay = world.resume()          # another execution of the same journal

Each execution has its own event loop, client and random source, like a process. Server, disk and
time persist between executions.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

import anyio
import msgspec

from bulkops.client.api import Client
from bulkops.client.permit import ALWAYS, Permit
from bulkops.clock import Clock
from bulkops.errors import JournalWriteFailed
from bulkops.job.gate import GateCall
from bulkops.job.job import Job, job_from_builtins
from bulkops.job.listing.manifest import parse_manifest
from bulkops.journal.local.file import JournalFile
from bulkops.journal.local.place import LocalPlace
from bulkops.journal.place import Hold
from bulkops.journal.reader import Contents, read
from bulkops.journal.records import Holder, Rest, Result, WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.storage import Executor
from bulkops.library import plan_job
from bulkops.operations import KINDS
from bulkops.operations.model import Operation, Scope
from bulkops.plan import current_state, recorded
from bulkops.plan.model import Plan
from bulkops.plan.trusted import disagreement
from bulkops.runner.assignment import (
    SILENT,
    Carrying,
    Instructions,
    LockedJournal,
    Notices,
    Observer,
    TakesMore,
    always,
)
from bulkops.runner.execution import JobExecution
from bulkops.runner.gate import RunGate
from bulkops.runner.hmac_key import key_to_resume
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Faults
from bulkops.simulator.state import User
from tests import virtual_time
from tests.engine.wire import Wire
from tests.journal.disk import Disk
from tests.journal.samples import inline
from tests.kinds import CASES, OLD_TASK, TASK
from tests.virtual_time import VirtualTimeLoop

T = TypeVar("T")

PATH = Path("no-such-folder", "job.jsonl")
TOKEN = "engine"
EPOCH = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
BETWEEN_EXECUTIONS = 5.0
"""Seconds that pass until the next execution starts, unless ``World.pause`` says otherwise."""


def job(
    kind: str = "attach",
    rows: Sequence[Mapping[str, object]] = (),
    /,
    **tables: Mapping[str, object],
) -> Job:
    """Return a job on the whole scope of its kind; ``operation``, … add to its tables.

    Args:
        rows: the rows of the file that ``select`` names, if it names one.
    """
    operation = {"kind": kind, **CASES[kind].spec, **tables.pop("operation", {})}
    document: dict[str, object] = {"name": "scan", "organization": "acme", "operation": operation}
    if KINDS[kind].scope is Scope.SELECTED:
        document["select"] = {"all": True}
    text = msgspec.json.encode(rows).decode()
    return job_from_builtins(
        {**document, **tables}, read=(lambda name: parse_manifest(text, name)) if rows else None
    )


async def passing(_call: GateCall) -> int:
    """Pass every wave."""
    return 0


class WorldClock(Clock):
    """The loop's time, added to the time that passed before the loop started.

    Args:
        astray: returns the current error of the wall clock in seconds.
    """

    def __init__(self, passed: float, astray: Callable[[], float] = lambda: 0.0) -> None:
        self._passed = passed
        self._astray = astray

    def boot(self) -> float:
        """Return the time since the world began."""
        return self._passed + self.now()

    def wall(self) -> datetime:
        """Return the date and time, which continue from one execution to the next."""
        return EPOCH + timedelta(seconds=self._passed + self.now() + self._astray())


class World:
    """A server with a run task and some workspaces, and everything an engine needs.

    Args:
        workspaces: named ``prod-0``, ``prod-1``, ….
        attached: whether the run task is attached to each of them, advisory at post_plan.
        replacing: whether another run task is attached to each of them in the same way.
        faults: a specification of ``bulkops.simulator.faults``; the seed draws them.
        rights: rights of the token, all by default.
        server: creates the simulator from ``seed``, ``profile``, ``epoch`` and ``tokens``.

    Attributes:
        latency: seconds of a request, there and back.
        pause: seconds that pass until the next execution starts.
        astray: error of the wall clock in seconds.
        results: every result, in order, over all executions.
        waves: every progress of a wave, in order, over all executions.
        rests: every rest outside the job's windows, and its end, in order, over all executions.
        gate: the job's gate, passing by default.
        takes_more: returns whether the observer takes more results, always by default.
        notices: returns what tells people of an execution; nothing does by default.
        carrying: entered around each operation; does nothing by default.
        executor: runs the journal's file calls, at once by default.
        permit: asked before each change; always holds by default.
        execution: the running execution, or the last one.
        loop: creates the event loop of each execution.
    """

    def __init__(
        self,
        *,
        workspaces: int = 4,
        attached: bool = False,
        replacing: bool = False,
        profile: str = "hcp",
        seed: int = 0,
        faults: str = "",
        latency: float = 0.04,
        rights: User | None = None,
        server: Callable[..., Simulator] = Simulator,
    ) -> None:
        tokens = {TOKEN: rights or User(name="engine")}
        self.simulator = server(seed=seed, profile=profile, epoch=EPOCH, tokens=tokens)
        self.simulator.add_organization("acme")
        self.task = self.simulator.add_task(TASK)
        for pool in ("apool-1", "apool-7"):
            self.simulator.add_agent_pool(pool)
        if replacing:
            self.simulator.add_task(OLD_TASK)
        self.names = [f"prod-{number}" for number in range(workspaces)]
        for name in self.names:
            self.simulator.add_workspace(name)
            if attached:
                self.simulator.attach(name, TASK)
            if replacing:
                self.simulator.attach(name, OLD_TASK)
        self.disk = Disk()
        drawn = Faults.parse(faults, seed) if faults else None
        self.wire = Wire(self.simulator, self.now, TOKEN, latency=latency, faults=drawn)
        self.results: list[tuple[Operation, Result]] = []
        self.waves: list[WaveReached] = []
        self.rests: list[Rest] = []
        self.gate: RunGate = passing
        self.takes_more: TakesMore = always
        self.notices: Callable[[Clock], Notices] = lambda _: SILENT
        self.carrying: Carrying = nullcontext
        self.executor: Executor = inline
        self.permit: Permit = ALWAYS
        self.execution: JobExecution | None = None
        self.loop: Callable[[], VirtualTimeLoop] = VirtualTimeLoop
        self.pause = BETWEEN_EXECUTIONS
        self.astray = 0.0
        self.latency = latency
        self._seed = seed
        self._passed = 0.0

    def now(self) -> float:
        """Return the seconds since the world began."""
        return self._passed + anyio.current_time()

    @property
    def elapsed(self) -> float:
        """``now``, even if no loop runs."""
        try:
            return self.now()
        except anyio.NoEventLoopError:
            return self._passed

    def client(self) -> Client:
        """Return a client, as in a new process."""
        self._seed += 1
        return Client(
            "https://tfe.example",
            TOKEN,
            transport=self.wire,
            clock=WorldClock(self._passed, lambda: self.astray),
            random=Random(self._seed),
        )

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function and return its result; time continues where it stopped."""
        ended = 0.0

        async def timed() -> T:
            nonlocal ended
            try:
                return await work()
            finally:
                self.wire.land()
                ended = anyio.current_time()

        try:
            return virtual_time.run(timed, loop=self.loop)
        finally:
            self._passed += ended + self.pause

    def plan(self, job: Job) -> Plan:
        """Plan the job."""
        return self.run(lambda: plan_job(self.client(), job, "job.toml"))

    def start(self, job: Job) -> Plan:
        """Plan the job and create its journal."""

        async def started() -> Plan:
            client = self.client()
            plan = await plan_job(client, job, "job.toml")
            recorded.start_journal(JournalFile(PATH, self.disk), plan, client, HOLDER)
            return plan

        return self.run(started)

    def apply(self, job: Job) -> Replay:
        """Plan the job, create its journal and carry it out."""
        self.start(job)
        return self.resume()

    def resume(
        self,
        *,
        path: Path = PATH,
        retry_failed: bool = False,
        continue_paused: bool = False,
        exit_outside_window: bool = False,
    ) -> Replay:
        """Run one execution of a journal."""
        return self.run(
            lambda: self.executed(
                path=path,
                retry_failed=retry_failed,
                continue_paused=continue_paused,
                exit_outside_window=exit_outside_window,
            )
        )

    def start_undo(self, of: Path, path: Path) -> Plan:
        """Plan the undo of a journal and, if there is anything to do, create its own journal."""

        async def started() -> Plan:
            client = self.client()
            plan = await current_state.undo_plan(client, read(JournalFile(of, self.disk)).replay)
            if plan.operations:
                recorded.start_journal(JournalFile(path, self.disk), plan, client, HOLDER)
            return plan

        return self.run(started)

    async def executed(
        self,
        *,
        path: Path = PATH,
        contents: Contents | None = None,
        retry_failed: bool = False,
        continue_paused: bool = False,
        exit_outside_window: bool = False,
        on_result: Callable[[Operation, Result], None] | None = None,
    ) -> Replay:
        """Run one execution of a journal, in a loop that runs already."""
        contents = contents or read(JournalFile(path, self.disk))
        self.execution = self.prepared(
            self.hold_of(path),
            contents,
            retry_failed=retry_failed,
            continue_paused=continue_paused,
            exit_outside_window=exit_outside_window,
            on_result=on_result,
        )
        return await self.execution.run()

    def prepared(
        self,
        hold: Hold,
        contents: Contents,
        *,
        retry_failed: bool = False,
        continue_paused: bool = False,
        exit_outside_window: bool = False,
        on_result: Callable[[Operation, Result], None] | None = None,
    ) -> JobExecution:
        """Return an execution of a journal that is held."""
        # Whatever happened to a job, its journal agrees with itself.
        assert disagreement(contents.replay) == ""

        def record(operation: Operation, result: Result) -> None:
            self.results.append((operation, result))

        job = recorded.job_of(contents.replay.header)
        key = key_to_resume(job, contents.replay, retry_failed=retry_failed)
        client = self.client()
        return JobExecution(
            client,
            LockedJournal(hold, contents),
            job,
            Instructions(retry_failed, continue_paused, key, exit_outside_window),
            Observer(
                on_result or record,
                self.waves.append,
                self.gate,
                self.takes_more,
                self.notices(client.clock),
                self.carrying,
                self.rests.append,
            ),
        )

    def hold_of(self, path: Path) -> Hold:
        """Return a journal on the disk as held."""

        def keep(
            on_end: Callable[[JournalWriteFailed], None],  # noqa: ARG001 - the permit raises
            seconds: float,  # noqa: ARG001 - the permit decides
        ) -> AbstractAsyncContextManager[Permit]:
            return nullcontext(self.permit)

        file = JournalFile(path, self.disk)
        return Hold(LocalPlace(path), file, HOLDER, self.executor, keep)

    def until_stopped(self, path: Path = PATH, after: float | None = None) -> Replay | None:
        """Run one execution on a machine that may stop; return ``None`` if it did.

        Args:
            after: seconds after which it stops, ``None`` if something else stops it.
        """
        ended: list[Replay] = []

        async def run() -> None:
            with anyio.CancelScope() as power:

                def off() -> None:
                    self.disk.cut_power()
                    power.cancel()

                self.wire.died = off
                if after is not None:
                    asyncio.get_running_loop().call_later(after, off)
                ended.append(await self.executed(path=path))

        try:
            self.run(run)
        except BaseException:
            # A power cut in a file call is raised bare or in a group; the disk records it.
            if not self.disk.dead:
                raise
        stopped = self.disk.dead
        self.wire.dead, self.wire.die_at, self.disk.die_at = False, 0, 0
        return None if stopped else ended[0]

    def journaled(self) -> Replay:
        """Return the state of the journal, as any reader sees it."""
        return read(JournalFile(PATH, self.disk)).replay

    def effects(self) -> Counter[str]:
        """Return the number of changes to each run task and workspace, with its attachments."""
        return Counter(
            effect.names.get("workspace") or effect.names["task"]
            for effect in self.simulator.effects
        )

    def shown(self, name: str, task: str = TASK) -> list[tuple[str, tuple[str, ...]]]:
        """Return level and stages of each attachment of a run task to a workspace."""
        return [
            (attached.enforcement_level, attached.stages)
            for attached in self.simulator.attachments(name, task)
        ]

    def all_shown(self, task: str = TASK) -> Sequence[list[tuple[str, tuple[str, ...]]]]:
        """Return ``shown`` of every workspace, by name."""
        return [self.shown(name, task) for name in self.names]


HOLDER = Holder("ann", "build-7", 4711, "2026-11-24T21:00:00.000Z")
MANDATORY = [("mandatory", ("post_plan",))]
ADVISORY = [("advisory", ("post_plan",))]
