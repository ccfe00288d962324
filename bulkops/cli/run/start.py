"""Start a journal, or resume one, for ``apply`` and ``undo``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import NamedTuple

from bulkops.cli.options import RunOptions
from bulkops.cli.outlet import MOST, leave_waiting
from bulkops.cli.output.printing import note
from bulkops.cli.run.closed import end_if_closed
from bulkops.cli.run.confirm import confirm_plan, confirm_resuming
from bulkops.cli.run.execute import end_if_stopped, execute
from bulkops.cli.run.hold import hold
from bulkops.cli.run.metrics_file import MetricsFile
from bulkops.cli.session import only_reading, run
from bulkops.client.access.address import Stated
from bulkops.client.api import Client
from bulkops.job.file import check_gate
from bulkops.job.job import Job
from bulkops.job.windows.zones import windows_of
from bulkops.journal.identity import Identity, check_same
from bulkops.journal.place import Hold, Place, Started
from bulkops.journal.reader import Contents, disagreeing, read
from bulkops.journal.replay import Replay
from bulkops.notify.opening import check_notify
from bulkops.plan.current_state import check_names
from bulkops.plan.model import Plan
from bulkops.plan.recorded import start_journal
from bulkops.plan.trusted import open_journal
from bulkops.plan.unfinished_jobs import unfinished_jobs, with_unfinished_noted


class Undertaking(NamedTuple):
    """A job, a saved plan or an undo to carry out, and how its journal is started.

    Attributes:
        job: the job whose pace and tolerance apply.
        identity: what a journal must have in common with it.
        client: returns a new client for the server that the given files agree on; each event loop
            needs its own.
        plan: reads the server and decides the operations.
        differs: returns, human-readable, how a journal of the same identity disagrees with it;
            empty if it agrees.
        undo: it undoes what the job did.
        looked_at: it is a saved plan, which the user has reviewed.
    """

    job: Job
    identity: Identity
    client: Callable[[*tuple[Stated, ...]], Client]
    plan: Callable[[Client], Awaitable[Plan]]
    differs: Callable[[Replay], str] = lambda _replay: ""
    undo: bool = False
    looked_at: bool = False


def start_or_resume(
    stack: ExitStack,
    place: Place,
    held: Hold | None,
    undertaking: Undertaking,
    options: RunOptions,
    *,
    started: Started = lambda: None,
) -> None:
    """Start or resume the journal at a place, run the job while it is held, and end the command.

    Args:
        place: the journal's own, not that of a link.
        held: the journal; ``None`` if it is not held until it is started.
        started: called once the journal exists and is held.

    Raises:
        Exit: the job ended.
        PlanStale: the journal is for another server.
        JobError: the journal is for another job.
        BulkopsError: anything else prevents it.
    """
    leave_waiting(MOST)
    with MetricsFile(options.metrics_file, undertaking.job, undo=undertaking.undo) as metrics:
        if held is not None and place.exists():
            contents = open_journal(held.storage.owned(trusted=options.trust_files))
            stated = Stated(place, contents.replay.header.address)
            client = undertaking.client(stated)
            check_same(contents.replay.header, undertaking.identity, place)
            if problem := undertaking.differs(contents.replay):
                raise disagreeing(place, problem)
            end_if_stopped(place, contents, undertaking.job, options, metrics)
            if options.exit_outside_window and has_more(contents.replay, options):
                end_if_closed(undertaking.job, json=options.json)
            check_notify(undertaking.job, begun=True)
            confirm_resuming(
                contents, place, options, undertaking.job, looked_at=undertaking.looked_at
            )
            check_run_tasks(undertaking.client(stated), contents, place)
        else:
            place.check_folder(trusted=options.trust_files)
            held = _start(stack, place, held, undertaking, options)
            contents, client = read(held.storage), undertaking.client()
        started()
        execute(client, held, contents, undertaking.job, options=options, metrics=metrics)


def has_more(replay: Replay, options: RunOptions) -> bool:
    """Return whether a journal's job has something left to change, so that it needs a window."""
    return bool(replay.unfinished or (options.retry_failed and replay.to_retry))


def check_run_tasks(client: Client, contents: Contents, place: Place) -> None:
    """Check, before a journal is resumed, that the server still has its job's run tasks.

    Raises:
        JournalDamaged, ApiError: see ``check_names``.
    """
    with only_reading():
        run(client, lambda opened: check_names(opened, contents.replay.header, place))


def _start(
    stack: ExitStack, place: Place, held: Hold | None, undertaking: Undertaking, options: RunOptions
) -> Hold:
    if options.exit_outside_window:
        end_if_closed(undertaking.job, json=options.json)
    check_gate(undertaking.job)
    windows_of(undertaking.job)
    check_notify(undertaking.job, begun=undertaking.undo)
    # The plan is freed when this function returns: the journal has all of it.
    client = undertaking.client()
    with only_reading():
        plan = run(client, undertaking.plan)
        unfinished = unfinished_jobs(plan, client.address, place)
        first = [one for one in unfinished if one.contradicts]
        confirm_plan(with_unfinished_noted(plan, unfinished), client.address, options, first)
    held = held or hold(stack, place, wait=options.wait)
    start_journal(held.storage, plan, client, held.by)
    note(f"Journal: {place}")
    return held
