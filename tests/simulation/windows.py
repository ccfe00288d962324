"""The windows of a job: part of every hour, in part of the runs; and when operations began."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from bulkops.journal.reader import read
from bulkops.journal.records import Execution, Intent, Record, Rest
from tests.simulation.invariants import must

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

SHARE = 0.15
"""The share of the runs whose job has windows."""

OPEN = ((0, 5), (1, 4), (30, 50), (5, 59))
"""The minutes of each hour in which it is open; see ``ENDLESS``."""

ZONES = {"UTC": 0, "Europe/Berlin": 60, "Asia/Kolkata": 330}
"""Name of a time zone → minutes ahead of UTC in November."""


def draw(seed: int) -> tuple[str, ...]:
    """Return the windows of a run's job, drawn apart from all else.

    The text before the seed is one that leaves the pinned seeds without windows.
    """
    random = Random(f"open: {seed}")
    if random.random() >= SHARE:
        return ()
    (start, end), zone = random.choice(OPEN), random.choice(list(ZONES))
    return tuple(f"{hour}:{start:02}-{hour}:{end:02} {zone}" for hour in range(24))


def check(machine: Machine, path: Path) -> bool:
    """Check that no operation of a journal began outside the windows; return whether it rested.

    What began in an execution may be sent again in it at any time, and what comes after it on the
    same target may follow.
    """
    windows = machine.scenario.windows
    replay = machine.replay_of(path)
    if not windows or replay is None or replay.header.undo_of:
        return False
    start, end, zone = windows[0].replace("-", " ").split()
    begun, rests = set[str](), list[Rest]()

    def take(record: Record) -> None:
        if isinstance(record, Execution):
            begun.clear()
        elif isinstance(record, Rest):
            rests.append(record)
        elif isinstance(record, Intent) and record.key not in begun:
            begun.add(record.key)
            operation = replay.operations[record.key].operation
            befores = (replay.operations[key].operation for key in operation.after)
            if any(b.key in begun and b.target.id == operation.target.id for b in befores):
                return
            local = datetime.fromisoformat(record.at) + timedelta(minutes=ZONES[zone])
            in_window = int(start.partition(":")[2]) <= local.minute < int(end.partition(":")[2])
            must(in_window, "no operation begins outside a window", f"{record} {windows[0]}")

    read(machine.shelf.truth(path), take)
    return bool(rests)
