"""Opens a fleet that has run, to verify or undo what the journals of its shards record."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from bulkops.cli.output.printing import note
from bulkops.cli.output.progress_text import settling
from bulkops.cli.run.begun_fleet import load_begun
from bulkops.cli.run.open_fleet import (
    FleetServer,
    OpenFleet,
    address_of,
    connected,
    others_of,
    shard_access,
    shard_jobs,
)
from bulkops.client.access.machine import ThisMachine
from bulkops.client.api import Client
from bulkops.errors import NotAJournal
from bulkops.fleet.access import of_each
from bulkops.fleet.file import load_fleet_job
from bulkops.fleet.fleet import Fleet
from bulkops.fleet.recorded.shard_undo import ShardUndo
from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.shard_job import How, ShardJob
from bulkops.job.job import Job
from bulkops.journal.place import default_base
from bulkops.notify.opening import check_notify


class RecordedFleet(NamedTuple):
    """A fleet of which some shards may have journals.

    Attributes:
        job: the job in the job file.
        shards: what each shard applies, by name.
        connect: returns name → new client; each event loop needs its own.
    """

    fleet: Fleet
    job: Job
    shards: list[ShardJob]
    connect: Callable[[], dict[str, Client]]


def open_recorded(path: Path, server: FleetServer, *, trust_files: bool) -> RecordedFleet:
    """Return a fleet that has run; sends no request.

    If its organizations must be found, its shards are those that its last rollout found, whether or
    not the token still sees them.

    Raises:
        JobError: the fleet file or the job file is wrong, or a shard has no address or token.
        JournalError: the place of the journals can't be read.
        BulkopsError: a token can't be read.
    """
    fleet, _ = load_begun(path, trust_files=trust_files)
    job = load_fleet_job(fleet)
    machine = ThisMachine()
    accesses = of_each(fleet.shards, lambda shard: shard_access(shard, server, machine))
    shards = shard_jobs(fleet, job, address_of)
    return RecordedFleet(fleet, job, shards, lambda: connected(accesses, server.tls))


def open_undo(path: Path, server: FleetServer, how: How) -> OpenFleet:
    """Return a fleet that has run, to undo it: all shards at once, whichever fail.

    Raises:
        BulkopsError: see ``open_recorded``.
    """
    fleet, job, shards, connect = open_recorded(path, server, trust_files=how.trust_files)
    check_notify(job, begun=True)
    runs = [ShardUndo(one, how) for one in shards]
    wave = tuple(run.name for run in runs)
    fleet = replace(fleet, rollout=FleetRollout(max_failed_shards=len(runs)))
    others = others_of(fleet, job.digest, shards, wave, how, undo=True)
    return OpenFleet(fleet, job, [wave], [*runs], connect, others, undo=True)


def none_begun(fleet: Fleet) -> NotAJournal:
    """Return the error for a fleet of which no shard has a journal."""
    base = fleet.journals_base(default_base())
    return NotAJournal(
        f"{fleet.source}: no shard has a journal of this job in {base}. If they are elsewhere, set "
        "BULKOPS_JOURNALS, or journals in the fleet file"
    )


def noting_settling(clients: dict[str, Client]) -> dict[str, Client]:
    """Return the clients, each of which notes when it waits for lost writes to take effect."""
    for name, client in clients.items():
        client.settling.listeners.append(partial(_note_settling, name))
    return clients


def _note_settling(name: str, seconds: float, reason: str) -> None:
    if seconds >= 1:
        note(f"{name}: {settling(seconds, reason)}.", passing=True)
