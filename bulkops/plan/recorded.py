"""The first records of a plan's journal, and the job in a journal's header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from bulkops import __version__
from bulkops.job.job import Job, job_from_builtins, job_to_builtins
from bulkops.journal.records import (
    FORMAT,
    Header,
    Holder,
    Planned,
    Record,
    Skipped,
)
from bulkops.journal.storage import Storage
from bulkops.operations.kinds.base import Kind
from bulkops.operations.secret import HmacKey
from bulkops.plan.model import Plan

if TYPE_CHECKING:
    from bulkops.client.api import Client


def start_journal(storage: Storage, plan: Plan, client: Client, by: Holder) -> None:
    """Create the journal of a plan: header, operations, skips.

    Raises:
        JournalError: it exists already; JournalWriteFailed: it can't be written.
    """
    # Reports use the rest of this module, and need no event loop.
    from bulkops.journal.writer import create  # noqa: PLC0415 - see the comment above

    create(storage, first_records(plan, client, by))


def first_records(plan: Plan, client: Client, by: Holder) -> Iterator[Record]:
    """Yield the first records of a plan's journal: header, operations, skips."""
    yield Header(
        format=FORMAT,
        run_id=f"bulkops-{client.random.getrandbits(48):012x}",
        bulkops=__version__,
        created_at=client.clock.date(),
        started_by=by,
        address=client.address,
        organization=plan.job.organization,
        job=job_to_builtins(plan.job),
        digest=plan.digest,
        task=plan.resolved.task,
        single_stage=plan.resolved.single_stage,
        operations=len(plan.operations),
        skips=len(plan.skips),
        undo_of=plan.undo_of,
        plan=plan.saved,
        replaces=plan.resolved.replaces,
        others=dict(plan.resolved.others),
        folder=plan.job.folder if plan.rollout.gate else "",
    )
    yield from map(Planned.of, plan.operations)
    yield from map(Skipped.of, plan.skips)


def kind_of(header: Header, key: HmacKey | None = None) -> Kind:
    """Return the kind of a journal's job, resolved to its run tasks."""
    return job_of(header).bound(msgspec.structs.replace(header.resolved, key=key))


def job_of(header: Header) -> Job:
    """Return the job in a journal's header as it runs: an undo has a single wave."""
    return written_job_of(header).effective(header.undo_of)


def written_job_of(header: Header) -> Job:
    """Return the job in a journal's header as its job file declared it."""
    return job_from_builtins(header.job, source="the journal's job", folder=header.folder)
