"""Reads a fleet file, finds its shards and their tokens, and connects to their servers."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bulkops.cli.output.printing import note
from bulkops.cli.output.progress_text import no_answer
from bulkops.cli.session import command_in_words, only_reading, run
from bulkops.client.access.address import destination
from bulkops.client.access.machine import ThisMachine
from bulkops.client.access.tls import TlsFiles
from bulkops.client.api import Client
from bulkops.client.outage import Outage, State
from bulkops.clock import Clock
from bulkops.errors import JournalError
from bulkops.fleet.access import Access, access_of, check_distinct, of_each
from bulkops.fleet.connections import clients_of
from bulkops.fleet.file import load_fleet, load_fleet_job
from bulkops.fleet.fleet import Fleet, Shard, job_of
from bulkops.fleet.index import Position, own_shards, position
from bulkops.fleet.processes.objects import Objects
from bulkops.fleet.processes.others import PATIENCE, Others
from bulkops.fleet.report.reading import newest_holder, running_progress
from bulkops.fleet.shard_job import How, ShardJob, targets_of
from bulkops.fleet.shard_run import ShardRun
from bulkops.job.duration import in_words
from bulkops.job.file import check_gate
from bulkops.job.job import Job, organization_in
from bulkops.journal.place import default_base, journals_at
from bulkops.journal.process import holder
from bulkops.notify.environment import Unavailable
from bulkops.notify.opening import check_notify
from bulkops.operations.steps import run_tasks
from bulkops.telemetry.command import telemetry


class FleetServer(NamedTuple):
    """The options about the servers of a fleet, whose file names their addresses."""

    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    insecure_http: bool = False

    @property
    def tls(self) -> TlsFiles:
        """The files for the connections to every server."""
        return TlsFiles(self.ca_file, self.client_cert, self.client_key)


class OpenFleet(NamedTuple):
    """A fleet whose shards are known, with what each of them needs.

    Attributes:
        job: the job in the job file; that of each shard is in its run.
        waves: the names of each wave's shards.
        runs: one for each shard of this process, by name.
        others: the other processes of the rollout.
        at: which of several processes this one is; ``None`` if it is the only one.
        connect: returns name → new client; each event loop needs its own.
        undo: the runs undo what the job did.
    """

    fleet: Fleet
    job: Job
    waves: list[tuple[str, ...]]
    runs: list[ShardRun]
    connect: Callable[[], dict[str, Client]]
    others: Others
    at: Position | None = None
    undo: bool = False


def open_fleet(
    path: Path,
    server: FleetServer,
    how: How,
    part: str | None = None,
    *,
    only_planned: bool = False,
) -> OpenFleet:
    """Return the fleet in a file; sends requests only if its organizations must be found.

    Args:
        part: ``--shard``; without it, the environment may say which shards are this process's.
        only_planned: nobody is notified, so that what ``[notify]`` names need not be set.

    Raises:
        JobError: the fleet file or the job file is wrong, a shard of this process has no address or
            token, or it is unclear which shards are this process's.
        ApiError: the organizations can't be listed.
        BulkopsError: a token can't be read.
    """
    at = position(part, os.environ)
    fleet = load_fleet(path, trust_files=how.trust_files)
    job = load_fleet_job(fleet)
    check_gate(job, str(fleet.job))
    access = partial(shard_access, server=server, machine=ThisMachine())
    if not fleet.shards:
        every = Shard(name=fleet.name, where=f"{fleet.source}: organizations")
        client = clients_of({every.name: access(every)}, server.tls)[every.name]
        telemetry.watch(client, command_in_words())
        with only_reading():
            seen = run(client, lambda opened: opened.organizations())
        fleet = fleet.found(organization.name for organization in seen)
    # Only the tokens of its own shards need to be where a process runs.
    accesses = of_each(own_shards(fleet, at), access)
    every_job = shard_jobs(fleet, job, address_of)
    if not only_planned:
        _check_notify(job, every_job)
    check_distinct((one.shard, one.address, one.job.organization) for one in every_job)
    runs = [ShardRun(one, how) for one in every_job if one.shard.name in accesses]
    return OpenFleet(
        fleet,
        job,
        fleet.waves(),
        runs,
        lambda: connected(accesses, server.tls),
        others_of(fleet, job.digest, every_job, accesses, how, undo=False),
        at,
    )


def _check_notify(job: Job, shards: Sequence[ShardJob]) -> None:
    """Check what ``[notify]`` names, and only warn if a shard has a journal of this job."""
    try:
        check_notify(job)
    except Unavailable:
        check_notify(job, begun=any(one.latest() for one in shards))


def others_of(
    fleet: Fleet,
    job: str,
    jobs: Sequence[ShardJob],
    own: Collection[str],
    how: How,
    *,
    undo: bool,
) -> Others:
    """Return the other processes of a fleet's rollout.

    Args:
        job: the job's digest.
        jobs: of all shards.
        own: names of this process's shards.
        undo: the rollout undoes what the job did.
    """
    clock, shards = Clock(), {one.shard.name: one for one in jobs}
    counts = fleet.rollout.max_failures is not None

    return Others(
        objects_of(fleet, trusted=how.trust_files),
        job,
        targets_of(jobs),
        own,
        str(holder(clock)),
        holder_of=lambda name: newest_holder(shards[name]) if name in shards else None,
        undo=undo,
        read_running=(lambda name: running_progress(shards[name])) if counts else None,
        continue_paused=how.continue_paused,
        on_trouble=_note_trouble,
        clock=clock,
    )


def _note_trouble(problem: JournalError) -> None:
    note(f"{problem}. Trying again for {in_words(PATIENCE)}.")


def objects_of(fleet: Fleet, *, trusted: bool) -> Objects:
    """Return what the processes of a fleet have in common."""
    # Organizations that must be found are all at the address that the environment names.
    shards = fleet.shards or [Shard(name=fleet.name, where=fleet.source)]
    journals = journals_at(fleet.journals_base(default_base()))
    return Objects.at(journals, map(address_of, shards), trusted=trusted)


def shard_access(shard: Shard, server: FleetServer, machine: ThisMachine) -> Access:
    """Return where a shard's requests go, with which token; raises as ``access_of`` does."""
    return access_of(shard, os.environ, machine, insecure_http=server.insecure_http)


def shard_jobs(fleet: Fleet, job: Job, address: Callable[[Shard], str]) -> list[ShardJob]:
    """Return a fleet's job as each shard applies it; ``address``: where a shard's requests go.

    Raises:
        JobError: nothing names a shard's organization, or the default place is not an address.
    """
    default, base = organization_in(os.environ), default_base()
    return [
        ShardJob(
            shard,
            job_of(job, shard, default),
            str(fleet.job),
            fleet.journals_of(shard, base),
            address(shard),
        )
        for shard in fleet.shards
    ]


def task_of(job: Job) -> str:
    """Return the run task as the job file names it; empty for a job without one, or of several."""
    return run_tasks(job.steps).get("task", "")


def address_of(shard: Shard) -> str:
    """Return where a shard's requests go, whether or not there is a token for it."""
    return shard.address or destination(None, os.environ, insecure_http=True).address


def connected(accesses: dict[str, Access], tls: TlsFiles) -> dict[str, Client]:
    """Return name → new client, which notes when its server is away."""
    clients = clients_of(accesses, tls)
    for name, client in clients.items():
        client.outage.listeners.append(_outage_noter(name, client))
        telemetry.watch(client, command_in_words(), name)
    return clients


def _outage_noter(name: str, client: Client) -> Callable[[Outage], None]:
    def noted(outage: Outage) -> None:
        seconds = outage.seconds(client.clock.now())
        if outage.state is State.AWAY:
            waiting = no_answer(seconds, outage.reason, outage.tolerated or 0.0)
            note(f"{name}: {waiting}. No operation fails because of it.")
        elif outage.state is State.ANSWERING:
            note(f"{name}: The server answers again after {in_words(seconds)}.")

    return noted
