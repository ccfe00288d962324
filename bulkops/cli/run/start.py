"""What ``apply``, ``resume`` and ``undo`` have in common: start a journal, or go on with one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bulkops.cli.options import Asked
from bulkops.cli.outlet import MOST, leave_waiting
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
from bulkops.journal.lock import Hold
from bulkops.journal.ownership import check_folder
from bulkops.journal.reader import Contents, disagreeing, read
from bulkops.journal.replay import Replay
from bulkops.plan.current_state import check_names
from bulkops.plan.model import Plan
from bulkops.plan.recorded import start_journal
from bulkops.plan.trusted import open_journal
from bulkops.plan.unfinished_jobs import unfinished_jobs, with_unfinished_noted


class Undertaking(NamedTuple):
    """What is to be carried out, and how it is started where there is no journal of it yet.

    Attributes:
        job: whose pace and tolerance hold.
        identity: what a journal must have in common with it.
        client: makes one, that of a journal's server where one is given; each event loop needs
            its own.
        plan: reads the server and decides.
        differs: how a journal is not of it though its identity is, in words; empty if it is.
        undo: it takes back what the job did.
        looked_at: it is a saved plan, to which somebody has said yes.
    """

    job: Job
    identity: Identity
    client: Callable[[*tuple[Stated, ...]], Client]
    plan: Callable[[Client], Awaitable[Plan]]
    differs: Callable[[Replay], str] = lambda _replay: ""
    undo: bool = False
    looked_at: bool = False


def start_or_resume(
    stack: ExitStack, path: Path, held: Hold | None, undertaking: Undertaking, asked: Asked
) -> None:
    """Carry an undertaking out with the journal at ``path``, under its lock; ends the command.

    Args:
        path: of the file itself.
        held: the journal; ``None``: it is locked when it is started.

    Raises:
        PlanStale: the journal is of another server.
        JobError: the journal is another job's.
        BulkopsError: whatever else stands in the way.
    """
    leave_waiting(MOST)
    with MetricsFile(asked.metrics_file, undertaking.job, undo=undertaking.undo) as metrics:
        if held is not None and path.exists():
            contents = open_journal(path, held.files, trust_files=asked.trust_files)
            stated = Stated(path, contents.replay.header.address)
            client = undertaking.client(stated)
            check_same(contents.replay.header, undertaking.identity, path)
            if problem := undertaking.differs(contents.replay):
                raise disagreeing(path, problem)
            end_if_stopped(path, contents, undertaking.job, asked, metrics)
            confirm_going_on(
                contents, path, asked, undertaking.job, looked_at=undertaking.looked_at
            )
            ask_for_names(undertaking.client(stated), contents, path)
        else:
            check_folder(path, trusted=asked.trust_files)
            held = _start(stack, path, held, undertaking, asked)
            contents, client = read(path, held.files), undertaking.client()
        execute(client, held, contents, undertaking.job, asked=asked, metrics=metrics)


def ask_for_names(client: Client, contents: Contents, path: Path) -> None:
    """Ask the server, before a journal is gone on with, whether it is about its job's run tasks.

    Raises:
        JournalDamaged, ApiError: as of ``check_names``.
    """
    with only_reading():
        run(client, lambda opened: check_names(opened, contents.replay.header, path))


def _start(
    stack: ExitStack, path: Path, held: Hold | None, undertaking: Undertaking, asked: Asked
) -> Hold:
    check_gate(undertaking.job)
    # The plan ends with this function: from here on the journal has all of it.
    client = undertaking.client()
    with only_reading():
        plan = run(client, undertaking.plan)
        first = unfinished_jobs(plan, client.address, path)
        confirm_plan(with_unfinished_noted(plan, first), client.address, asked, first)
    held = held or hold(stack, path)
    start_journal(path, plan, client, held.by, held.files)
    note(f"Journal: {path}")
    return held
