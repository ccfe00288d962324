"""What ``apply``, ``resume`` and ``undo`` have in common: start a journal, or go on with one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bulkops.cli.options import Asked
from bulkops.cli.output.printing import note
from bulkops.cli.run.confirm import confirm_going_on, confirm_plan
from bulkops.cli.run.execute import end_if_stopped, execute
from bulkops.cli.run.hold import hold
from bulkops.cli.run.metrics_file import MetricsFile
from bulkops.cli.session import only_reading, run
from bulkops.client.access.address import Stated
from bulkops.client.api import Client
from bulkops.job.file import check_gate
from bulkops.job.job import Job
from bulkops.journal.identity import Identity, check_same
from bulkops.journal.reader import read
from bulkops.journal.records import Holder
from bulkops.plan.model import Plan
from bulkops.plan.recorded import start_journal
from bulkops.plan.unfinished_jobs import unfinished_jobs, with_unfinished_noted


class Undertaking(NamedTuple):
    """What is to be carried out, and how it is started where there is no journal of it yet.

    Attributes:
        job: whose pace and tolerance hold.
        identity: what a journal must have in common with it.
        client: makes one, that of a journal's server where one is given; each event loop needs
            its own.
        plan: reads the server and decides.
        undo: it takes back what the job did.
    """

    job: Job
    identity: Identity
    client: Callable[[*tuple[Stated, ...]], Client]
    plan: Callable[[Client], Awaitable[Plan]]
    undo: bool = False


def start_or_go_on(
    stack: ExitStack, path: Path, by: Holder | None, undertaking: Undertaking, asked: Asked
) -> None:
    """Carry an undertaking out with the journal at ``path``, under its lock; ends the command.

    Args:
        by: who holds the lock; ``None``: nobody, it is taken when the journal is started.

    Raises:
        PlanStale: the journal is of another server.
        JobError: the journal is another job's.
        BulkopsError: whatever else stands in the way.
    """
    with MetricsFile(asked.metrics_file, undertaking.job, undo=undertaking.undo) as metrics:
        if by is not None and path.exists():
            contents = read(path)
            client = undertaking.client(Stated(path, contents.replay.header.address))
            check_same(contents.replay.header, undertaking.identity, path)
            end_if_stopped(path, contents, undertaking.job, asked, metrics)
            confirm_going_on(contents, path, asked, undertaking.job)
        else:
            by = _start(stack, path, by, undertaking, asked)
            contents, client = read(path), undertaking.client()
        job = undertaking.job
        execute(client, path, contents, job, by, asked=asked, metrics=metrics)


def _start(
    stack: ExitStack, path: Path, by: Holder | None, undertaking: Undertaking, asked: Asked
) -> Holder:
    if not undertaking.undo:
        check_gate(undertaking.job)
    # The plan ends with this function: from here on the journal has all of it.
    client = undertaking.client()
    with only_reading():
        plan = run(client, undertaking.plan)
        first = unfinished_jobs(plan, client.address, path)
        confirm_plan(with_unfinished_noted(plan, first), client.address, asked, first)
    by = by or hold(stack, path)
    start_journal(path, plan, client, by)
    note(f"Journal: {path}")
    return by
