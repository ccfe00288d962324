"""Reads a fleet that has begun: its shards, and what became of them; sends no request."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from bulkops.cli.output.printing import note
from bulkops.cli.run.open_fleet import address_of, objects_of, shard_jobs, task_of
from bulkops.fleet.file import load_fleet, load_fleet_job
from bulkops.fleet.fleet import Fleet
from bulkops.fleet.report.model import FleetReport, ShardReport, awaited
from bulkops.fleet.report.reading import read_shards
from bulkops.fleet.report.text import elsewhere
from bulkops.fleet.shard_job import targets_of
from bulkops.job.job import Job
from bulkops.journal.place import default_base, journals_at


def read_fleet(path: Path, *, trust_files: bool) -> FleetReport:
    """Return what became of a fleet, from its journals; sends no request, and needs no token.

    If its organizations must be found, its shards are those that its last rollout found. Notes if
    there are journals of the same job at another server.

    Raises:
        JobError: the fleet file or the job file is wrong.
        JournalError: the place of the journals can't be read.
    """
    fleet, waves = load_begun(path, trust_files=trust_files)
    job = load_fleet_job(fleet)
    # Nothing is sent because of what they say here.
    objects = objects_of(fleet, trusted=True)
    jobs = shard_jobs(fleet, job, address_of)
    entries, stopped = objects.read_rollout(job.digest, targets_of(jobs))
    shards = read_shards(jobs, entries)
    note(*elsewhere(one.elsewhere for one in shards))
    report = report_of(fleet, job, shards, waves, stopped)
    if not entries or not waves:
        return report
    wave, names = awaited(fleet.waves(), shards)
    return replace(report, wave=wave, waits_for=names)


def report_of(
    fleet: Fleet,
    job: Job,
    shards: Iterable[ShardReport],
    waves: int,
    stopped: str = "",
    *,
    undo: bool = False,
) -> FleetReport:
    """Return the report of a fleet, given those of its shards; see ``FleetReport``."""
    return FleetReport(
        fleet=fleet.name,
        job=job.name,
        kind=job.kind,
        task=task_of(job),
        waves=waves,
        shards=tuple(shards),
        stopped=stopped,
        undo=undo,
    )


def load_begun(path: Path, *, trust_files: bool) -> tuple[Fleet, int]:
    """Return a fleet with its shards, and the number of its waves: 0 if that is unknown.

    Raises:
        JobError: the fleet file is wrong.
        JournalError: see ``with_found``.
    """
    fleet = load_fleet(path, trust_files=trust_files)
    if fleet.shards:
        return fleet, len(fleet.waves())
    return with_found(fleet)


def with_found(fleet: Fleet) -> tuple[Fleet, int]:
    """Return a fleet whose organizations must be found, as ``load_begun`` does.

    Its shards are those that its last rollout found, and those that have journals.

    Raises:
        JournalError: the place of the journals, or the record of the rollout, can't be read.
    """
    # Nothing is sent because of what it says.
    record, _ = objects_of(fleet, trusted=True).read()
    found = record.names if record is not None else ()
    fleet = fleet.among((*found, *journals_at(fleet.journals_base(default_base())).names()))
    return fleet, len(fleet.waves()) if found else 0
