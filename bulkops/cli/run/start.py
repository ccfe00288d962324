"""What ``apply``, ``resume`` and ``undo`` have in common: start a journal, or go on with one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bulkops.cli.options import Asked
from bulkops.cli.output.outlet import MOST, leave_waiting
from bulkops.cli.output.printing import note
from bulkops.cli.run.confirm import confirm_going_on, confirm_plan
from bulkops.cli.run.execute import execute
from bulkops.cli.run.hold import hold
from bulkops.cli.run.metrics_file import MetricsFile
from bulkops.cli.session import only_reading, run
from bulkops.client.api import Client
from bulkops.job.job import Job
from bulkops.journal.identity import Identity, check_same
from bulkops.journal.reader import read
from bulkops.journal.records import Holder
from bulkops.plan.model import Plan
from bulkops.plan.recorded import start_journal
from bulkops.plan.unfinished_jobs import with_unfinished_noted


class Undertaking(NamedTuple):
    """What is to be carried out, and how it is started where there is no journal of it yet.

    Attributes:
        job: whose pace and tolerance hold.
        identity: what a journal must have in common with it.
        client: makes one; each event loop needs its own.
        plan: reads the server and decides.
        undo: it takes back what the job did.
    """

    job: Job
    identity: Identity
    client: Callable[[], Client]
    plan: Callable[[Client], Awaitable[Plan]]
    undo: bool = False


def start_or_go_on(
    stack: ExitStack, path: Path, by: Holder | None, undertaking: Undertaking, asked: Asked
) -> None:
    """Carry an undertaking out with the journal at ``path``, under its lock; ends the command.

    Args:
        by: who holds the lock; ``None``: nobody, it is taken when the journal is started.

    Raises:
        JobError: the journal is another job's.
        BulkopsError: whatever else stands in the way.
    """
    leave_waiting(MOST)
    with MetricsFile(asked.metrics_file, undertaking.job, undo=undertaking.undo) as metrics:
        if by is not None and path.exists():
            contents = read(path)
            check_same(contents.replay.header, undertaking.identity, path)
            confirm_going_on(contents, path, asked)
        else:
            by = _start(stack, path, by, undertaking, asked)
            contents = read(path)
        client, job = undertaking.client(), undertaking.job
        execute(client, path, contents, job, by, asked=asked, metrics=metrics)


def _start(
    stack: ExitStack, path: Path, by: Holder | None, undertaking: Undertaking, asked: Asked
) -> Holder:
    # The plan ends with this function: from here on the journal has all of it.
    with only_reading():
        plan = run(undertaking.client(), undertaking.plan)
        plan = with_unfinished_noted(plan, undertaking.identity.address, path)
        confirm_plan(plan, undertaking.identity.address, asked)
    by = by or hold(stack, path)
    start_journal(path, plan, undertaking.client(), by)
    note(f"Journal: {path}")
    return by
