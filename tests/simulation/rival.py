"""A second runner of the same journal, which is refused while the first one runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from bulkops.errors import JournalLocked
from bulkops.journal.local.file import take
from bulkops.journal.local.lock import locked
from tests.engine.world import HOLDER
from tests.simulation.invariants import Violation, must

if TYPE_CHECKING:
    from tests.simulation.machine import Machine, Work

TRIES = 5
"""Attempts of a second runner to start while the first one runs."""


@contextmanager
def under_lock(machine: Machine, work: Work) -> Iterator[None]:
    """Lock the journal if another runner competes; otherwise save the real file calls."""
    if machine.weather.rival is None and not machine.waiting:
        yield
        return
    # A waiting runner gets the lock immediately: its last holder left nothing behind.
    with locked(machine.locks / "job.jsonl", HOLDER):
        machine.met["second runner went on"] += machine.waiting
        machine.waiting = False
        second = asyncio.get_running_loop().create_task(_second(machine, work))
        try:
            yield
        finally:
            second.cancel()
        if second.done():
            second.result()


async def _second(machine: Machine, work: Work) -> None:
    """Act as another process that repeats the same command."""
    for _ in range(TRIES):
        await anyio.sleep(machine.weather.rival or 0.0)
        _comes_by_another_name(machine)
        try:
            with locked(machine.locks / "job.jsonl", HOLDER):
                await work(machine.weather)
        except JournalLocked as error:
            must(error.exit_code == 11, "a second runner ends with 11", error.exit_code)
            machine.met["second runner refused"] += 1
            machine.waiting = True


def _comes_by_another_name(machine: Machine) -> None:
    """Act as a runner that uses another name of the journal, and so another lock file."""
    disk, path = machine.world.disk, machine.journal
    if disk.dead or not disk.is_open(path):
        return
    descriptor = disk.opened(path)
    try:
        take(disk, descriptor, path, disk.size(descriptor))
    except JournalLocked:
        machine.met["second runner refused by the journal"] += 1
    else:
        raise Violation("a journal has one runner, whatever its name is", path)
    finally:
        disk.close(descriptor)
