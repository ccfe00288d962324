"""Several processes of one fleet in one event loop, in virtual time, at one simulated server.

Each process has its own clients, shards, view of the rollout and random source. They share the
server, the folder with the shards' journals, and the store with the rollout's objects. A process
that is cancelled keeps nothing but what it wrote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

import anyio
import anyio.to_thread
import pytest
from msgspec.structs import replace

from bulkops.client.api import Client
from bulkops.errors import ExitCode, JournalError
from bulkops.fleet.fleet import Shard
from bulkops.fleet.fleet_run import FleetRun, side_by_side
from bulkops.fleet.processes.objects import Objects
from bulkops.fleet.processes.others import Others
from bulkops.fleet.processes.record import RolloutRecord
from bulkops.fleet.processes.unattended import Awaited
from bulkops.fleet.recorded.shard_undo import ShardUndo
from bulkops.fleet.report.reading import newest_holder, running_progress
from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.shard_job import How, ShardJob
from bulkops.fleet.shard_run import ShardRun
from bulkops.job.job import Job, job_from_builtins
from bulkops.journal.records import Holder
from bulkops.journal.remote.bucket.address import parse
from bulkops.journal.remote.bucket.store import Store
from bulkops.journal.remote.shared import StoredObject
from bulkops.journal.replay import Replay
from bulkops.runner.assignment import Observer, always
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import User
from tests import virtual_time
from tests.engine.wire import Wire
from tests.engine.world import EPOCH, TOKEN, WorldClock, passing
from tests.journal.remote.memory import MemoryStore
from tests.kinds import CASES, TASK

T = TypeVar("T")

ADDRESS = "https://tfe.example"
PLAIN = How()
BASE = parse("s3://bucket/fleet")
RECORD, STOP = "rollout-1.json", "stop-1.json"
LONGEST = 4 * 3600.0
"""Seconds of virtual time: processes that wait for each other would never end."""
A_CALL = 0.003
"""Seconds that a call to a file or to the store takes."""


class FleetWorld:
    """Organizations with three workspaces each, a shard for each, and a store.

    Args:
        folder: of the journals.
        names: of the organizations; one letter each.
        waves: as a fleet file has them.

    Attributes:
        store: has the rollout's objects; may be replaced.
        moved: shard → organization, of those whose organization has another name.
        holder_of: see ``newest_holder``; may be replaced.
        said: what each process waited for, as ``on_wait`` got it.
        troubles: of the store, as ``on_trouble`` got them.
    """

    def __init__(
        self,
        folder: Path,
        names: str = "abcdef",
        waves: tuple[str, ...] = ("a", "3"),
        *,
        rollout: dict[str, int | str] | None = None,
        job_rollout: dict[str, object] | None = None,
    ) -> None:
        self.simulator = Simulator(
            rate=0, duplicate_attach="accept", epoch=EPOCH, tokens={TOKEN: User(name="engine")}
        )
        for name in names:
            self.simulator.add_organization(name)
            self.simulator.add_task(TASK, organization=name)
            for number in range(3):
                self.simulator.add_workspace(f"prod-{number}", organization=name)
        self.names = names
        self.rollout = FleetRollout(waves=waves, **(rollout or {}))  # type: ignore[arg-type] # drawn
        self.store: Store = MemoryStore()
        self.moved: dict[str, str] = {}
        self.holder_of: Callable[[ShardJob], Holder | None] = newest_holder
        self.said: list[Awaited] = []
        self.troubles: list[JournalError] = []
        self.wire = Wire(self.simulator, anyio.current_time, TOKEN)
        self.job_rollout = job_rollout or {}
        self._folder = folder
        self._started = 0

    def run(self, scenario: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a coroutine function, in virtual time: within ``LONGEST``."""

        async def timed() -> T:
            with anyio.fail_after(LONGEST):
                return await scenario()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(anyio.to_thread, "run_sync", _inline)
            return virtual_time.run(timed)

    def process(
        self,
        own: Collection[str],
        how: How = PLAIN,
        *,
        version: str = "advisory",
        undo: bool = False,
    ) -> Process:
        """Return a new process; ``version``: of its job file; ``undo``: what that job did."""
        self._started += 1
        return Process(self, own, how, self._started, version, undo=undo)

    def part(self, index: int, count: int, how: How = PLAIN) -> Process:
        """Return the process with this index, from 0, of so many."""
        return self.process(self.names[index::count], how)

    @property
    def objects(self) -> Objects:
        """The rollout's objects."""
        return Objects(
            StoredObject(self.store, BASE / RECORD), StoredObject(self.store, BASE / STOP)
        )

    def recorded(self) -> RolloutRecord:
        """Return the rollout's record."""
        found, _ = self.objects.read()
        assert found is not None
        return found

    def states(self) -> dict[str, str]:
        """Return shard → state, in the record."""
        return {name: str(one.state) for name, one in sorted(self.recorded().shards.items())}

    def job(self, version: str) -> Job:
        """Return the job in the job file."""
        operation = {"kind": "attach", **CASES["attach"].spec, "enforcement_level": version}
        return job_from_builtins(
            {
                "name": "scan",
                "organization": "of-the-shard",
                "operation": operation,
                "select": {"all": True},
                "rollout": self.job_rollout,
            }
        )

    def job_of(self, name: str, version: str) -> ShardJob:
        """Return the fleet's job as a shard applies it."""
        job = replace(self.job(version), organization=self.moved.get(name, name))
        shard = Shard(name=name, where=name, organization=job.organization)
        return ShardJob(shard, job, "job.toml", str(self._folder / name), ADDRESS)

    def changed(self) -> Counter[str]:
        """Return organization → number of changes."""
        return Counter(effect.names["organization"] for effect in self.simulator.effects)

    def order(self) -> str:
        """Return the organizations in the order in which changes there began, once each."""
        organizations = (effect.names["organization"] for effect in self.simulator.effects)
        return "".join(dict.fromkeys(organizations))

    def once_each(self) -> bool:
        """Return whether each workspace was changed once."""
        each = Counter(
            (effect.names["organization"], effect.names["workspace"])
            for effect in self.simulator.effects
        )
        return len(each) == 3 * len(self.names) and set(each.values()) == {1}


class Process:
    """One process; ``apply`` is what its command does."""

    def __init__(
        self,
        world: FleetWorld,
        own: Collection[str],
        how: How,
        number: int,
        version: str,
        *,
        undo: bool,
    ) -> None:
        jobs = {name: world.job_of(name, version) for name in world.names}
        self._world = world
        self._number = number
        self._own = own
        self._how = how
        random = Random(number)
        self.others = Others(
            world.objects,
            world.job(version).digest,
            {name: job.target for name, job in jobs.items()},
            own,
            f"process {number}",
            holder_of=lambda name: world.holder_of(jobs[name]),
            undo=undo,
            read_running=lambda name: running_progress(jobs[name]),
            continue_paused=how.continue_paused,
            on_trouble=world.troubles.append,
            clock=WorldClock(0.0),
            random=random,
        )
        self.fleet = FleetRun(
            [(ShardUndo if undo else ShardRun)(jobs[name], how) for name in own],
            [tuple(own)] if undo else world.rollout.steps(world.names),
            FleetRollout(max_failed_shards=len(own)) if undo else world.rollout,
            self.others,
            _observed,
            on_wait=world.said.append,
        )

    async def apply(self) -> ExitCode:
        """Look at its shards, carry out what is left, and return the exit code."""
        await self.look()
        return await self.carry_out()

    async def look(self) -> None:
        """Look at its shards, as before the question whether to apply."""
        await self.fleet.until_free(wait=self._how.wait)
        looks = {name: run.look for name, run in self.fleet.runs.items()}
        await side_by_side(looks, self._clients())
        await self.fleet.peek()

    async def carry_out(self) -> ExitCode:
        """Carry out what is left, and return the exit code."""
        if self.fleet.has_more():
            await self.fleet.run(self._clients())
        else:
            await self.fleet.settle()
        return self.fleet.exit_code

    def _clients(self) -> dict[str, Client]:
        return {
            name: Client(
                ADDRESS,
                TOKEN,
                transport=self._world.wire,
                clock=WorldClock(0.0),
                random=Random(self._number),
            )
            for name in self._own
        }


async def together(processes: Sequence[Process]) -> list[ExitCode]:
    """Return the exit codes of processes that start at the same time."""
    return await one_by_one(processes, 0.0)


async def one_by_one(processes: Sequence[Process], seconds: float = 60.0) -> list[ExitCode]:
    """Return the exit codes of processes that start so many seconds apart."""
    codes = dict[int, ExitCode]()

    async def apply(place: int, process: Process) -> None:
        await anyio.sleep(seconds * place)
        codes[place] = await process.apply()

    async with anyio.create_task_group() as group:
        for place, process in enumerate(processes):
            group.start_soon(apply, place, process)
    return [codes[place] for place in sorted(codes)]


def _observed(_run: ShardRun, _replay: Replay) -> Observer:
    return Observer(lambda _operation, _result: None, lambda _reached: None, passing, always)


async def _inline(call: Callable[..., T], *args: object, **_options: object) -> T:
    """Run a call in the event loop; others run before it and after it."""
    await anyio.sleep(A_CALL)
    result = call(*args)
    await anyio.sleep(A_CALL)
    return result
