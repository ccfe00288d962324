"""``bulkops apply JOB|PLAN``, ``resume JOURNAL``, ``undo JOURNAL``: a job out, on, or back."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click

from bulkops.cli.options import (
    APPLYING,
    JOURNAL,
    MAX_OPERATIONS,
    NARROWING,
    PATH,
    RESUMING,
    SERVER,
    UNDOING,
    Asked,
    Narrowing,
    Server,
    command,
)
from bulkops.cli.outlet import MOST, leave_waiting
from bulkops.cli.output.printing import note
from bulkops.cli.output.step_summary import check_summary
from bulkops.cli.run.confirm import confirm_going_on
from bulkops.cli.run.execute import end_if_stopped, execute
from bulkops.cli.run.hold import check_journal, hold, open_held
from bulkops.cli.run.metrics_file import MetricsFile
from bulkops.cli.run.start import Undertaking, ask_for_names, start_or_resume
from bulkops.cli.session import connect, narrowed_job
from bulkops.client.access.address import Stated, is_at
from bulkops.client.api import Client
from bulkops.clock import Clock
from bulkops.errors import JobError, RunTaskGone
from bulkops.job.job import Job
from bulkops.journal.folder import folder_of, new, newest
from bulkops.journal.identity import Identity, digest_of_undo, identity_of
from bulkops.journal.lock import holder, locked_folder
from bulkops.journal.ownership import OwnFiles, check_folder
from bulkops.journal.replay import Replay
from bulkops.journal.states import How
from bulkops.library import plan_job
from bulkops.plan.consistent import disagreement_with_plan, disagreement_with_undone
from bulkops.plan.current_state import check_names_of_plan, undo_recorded
from bulkops.plan.model import Plan
from bulkops.plan.projects import with_project_names
from bulkops.plan.recorded import job_of
from bulkops.plan.saved import is_saved_plan, read_plan
from bulkops.plan.tolerance import stopped_by_tolerance
from bulkops.plan.trusted import sound_journal

JOB_OR_PLAN = click.Argument(
    ["job_file"],
    type=PATH,
    metavar="JOB|PLAN",
    help="The job file (TOML), or a plan that plan --out saved.",
)
OWN_JOURNAL = click.Option(
    ["--journal"],
    type=PATH,
    metavar="FILE",
    help="The journal to start, or to go on with where it stops. "
    "[default: the newest unfinished one in .bulkops/NAME/, NAME being the job's, else a new "
    "one there]",
)

UNDO_JOURNAL = click.Option(
    ["--journal", "undo_journal"],
    type=PATH,
    metavar="FILE",
    help="The undo's own journal, to start or to go on with. [default: JOURNAL with .undo "
    "before its ending]",
)


@command(JOB_OR_PLAN, OWN_JOURNAL, NARROWING, APPLYING, MAX_OPERATIONS, SERVER)
def apply(
    *,
    job_file: Path,
    journal: Path | None,
    narrowing: Narrowing,
    asked: Asked,
    max_operations: int | None,
    server: Server,
) -> None:
    """Carry a job out, or on where its journal stops.

    Every change is written to the journal before it is sent. Killed, interrupted or cut off, the
    job goes on with the same command: nothing is lost and nothing is done twice. A job narrowed by
    --select or --limit is another job than the whole, with a journal of its own.

    A job that detaches wants its run task's name instead of a yes, typed or as --confirm, each time
    that it goes on, too.

    A saved plan is carried out as it stands, and nothing is asked: whoever looked at it has said
    yes. What no longer is as the plan saw it is left alone and listed (exit 3).

    Where GITHUB_STEP_SUMMARY is set, the report is appended there as Markdown, whatever the end.

    \b
    Exit codes:
      EXIT_CODES

    \b
    Examples:
      bulkops apply jobs/canary.toml
      bulkops apply jobs/canary.toml --journal canary.jsonl --yes
      bulkops apply jobs/canary.toml --limit 1
      bulkops apply rollout.toml --continue
      bulkops apply canary.plan --journal canary.jsonl
      bulkops apply jobs/detach-retired.toml --confirm legacy-lint
    """
    check_summary()
    saved = is_saved_plan(job_file)
    if saved:
        if narrowing != Narrowing() or max_operations:
            raise JobError(
                f"{job_file}: is a saved plan: --select, --limit and --max-operations are for plan"
            )
        undertaking = _of_plan(job_file, server, trust_files=asked.trust_files)
    else:
        job = narrowed_job(job_file, narrowing).allowing(max_operations)
        undertaking = _of_job(job, job_file, server)
    asked = asked._replace(yes=asked.yes or saved)
    with ExitStack() as stack:
        path = journal or _default(stack, undertaking, asked, finished=saved)
        # A new journal in the default folder is safe under the folder's lock until it is there:
        # a command that finds nothing to do leaves no lock behind.
        held = hold(stack, path) if journal or path.exists() else None
        path = held.path if held else path
        try:
            start_or_resume(stack, path, held, undertaking, asked)
        except RunTaskGone as gone:
            if journal or saved:
                raise
            note("", f"{path}: {gone}.", "That journal is left; a new one begins.")
            path = new(path.parent, Clock().wall())
            start_or_resume(stack, path, None, undertaking, asked)


@command(JOURNAL, RESUMING, SERVER)
def resume(*, journal: Path, asked: Asked, server: Server) -> None:
    """Go on where a journal stops.

    Needs nothing else but credentials and, unless it is the default, the server's address. The
    server is read before anything is sent: an operation whose answer was lost is adopted where the
    server shows it done, and sent again only where it does not.

    \b
    Examples:
      bulkops resume .bulkops/canary/20261124T215803Z.jsonl
      bulkops resume canary.jsonl --retry-failed --yes
      bulkops resume rollout.jsonl --continue --yes
      bulkops resume retired.jsonl --confirm legacy-lint
    """
    check_summary()
    leave_waiting(MOST)
    with ExitStack() as stack:
        held, contents = open_held(stack, journal, trust_files=asked.trust_files)
        header = contents.replay.header
        job = job_of(header)
        stated = Stated(journal, header.address)
        client = connect(server, stated)
        with MetricsFile(asked.metrics_file, job, undo=bool(header.undo_of)) as metrics:
            end_if_stopped(held.path, contents, job, asked, metrics)
            confirm_going_on(contents, held.path, asked, job)
            # Each event loop needs a client of its own.
            ask_for_names(connect(server, stated), contents, held.path)
            execute(client, held, contents, job, asked=asked, metrics=metrics)


@command(JOURNAL, UNDO_JOURNAL, UNDOING, SERVER)
def undo(*, journal: Path, undo_journal: Path | None, asked: Asked, server: Server) -> None:
    """Take back what a job did, where it still stands.

    What was attached is detached, what was changed gets its old level and stages, what was
    detached is attached as it was; a replaced task is attached again before the new one goes. What
    somebody changed since is left alone and listed (exit 3).
    What task-delete and task-rotate-hmac did can't be taken back (exit 2).

    An undo has a journal of its own: it is resumed by the same command, and can be undone.

    \b
    Examples:
      bulkops undo canary.jsonl
      bulkops undo canary.jsonl --journal back.jsonl --yes
    """
    check_summary()
    if undo_journal:
        check_journal(undo_journal)
    with ExitStack() as stack:
        undone, contents = open_held(stack, journal, trust_files=asked.trust_files)
        path = undo_journal or undone.path.with_name(f"{undone.path.stem}.undo{undone.path.suffix}")
        if path.exists() and path.samefile(journal):
            raise JobError(f"{path}: is the journal to take back: choose another --journal")
        held = hold(stack, path)
        undertaking = _of_undo(journal, contents.replay, server)
        start_or_resume(stack, held.path, held, undertaking, asked)


def _of_undo(journal: Path, undone: Replay, server: Server) -> Undertaking:
    header = undone.header

    def client(*files: Stated) -> Client:
        return connect(server, Stated(journal, header.address), *files)

    return Undertaking(
        job_of(header).effective(header.run_id),
        Identity(digest_of_undo(header.run_id), header.organization),
        client,
        lambda client: undo_recorded(client, undone, journal),
        partial(disagreement_with_undone, undone=undone),
        undo=True,
    )


def _of_job(job: Job, path: Path, server: Server) -> Undertaking:

    def client(*files: Stated) -> Client:
        return connect(server, *files)

    async def plan(client: Client) -> Plan:
        return await with_project_names(client, await plan_job(client, job, str(path)))

    return Undertaking(job, Identity(job.digest, job.organization), client, plan)


def _of_plan(path: Path, server: Server, *, trust_files: bool) -> Undertaking:
    """Return what a saved plan says is to be carried out; raises ``PlanStale``."""
    saved = read_plan(path, trust_files=trust_files)
    job = saved.plan.job.effective(saved.plan.undo_of)
    digest, stated = saved.plan.digest, Stated(path, saved.plan.address)
    resolved = saved.plan.resolved
    connect(server, stated)  # a plan of another server is refused before anything else
    saved.check_meant(path, os.environ.get("TFE_ORGANIZATION", ""))
    note(f"{path}: planned {saved.made_at} by {saved.made_by.user}")

    def client(*files: Stated) -> Client:
        return connect(server, stated, *files)

    def again() -> Plan:
        # Read once more: it need not be in memory beside the journal, which may be all there is.
        return read_plan(path, digest, trust_files=trust_files).plan

    async def plan(client: Client) -> Plan:
        await check_names_of_plan(client, job, resolved, path)
        return again()

    return Undertaking(
        job,
        Identity(digest, job.organization),
        client,
        plan,
        lambda replay: disagreement_with_plan(replay, again()),
        looked_at=True,
    )


def _default(stack: ExitStack, undertaking: Undertaking, asked: Asked, *, finished: bool) -> Path:
    """Return the job's own journal to go on with, else a new place, under the folder's lock.

    Args:
        finished: one that is finished is gone on with, too.
    """
    address = undertaking.client().address
    folder = folder_of(undertaking.job.name)
    stack.enter_context(locked_folder(folder, holder(Clock())))

    def fits(replay: Replay) -> bool:
        if replay.ended and replay.ended.how == How.GONE:
            return False
        left = finished or replay.unfinished or (asked.retry_failed and replay.to_retry)
        left |= stopped_by_tolerance(replay, undertaking.job.rollout) is not None
        left |= undertaking.job.rollout.gate is not None and not replay.passed
        mine = identity_of(replay.header) == undertaking.identity
        return left and mine and is_at(replay.header.address, address)

    check_folder(folder / "journal", trusted=asked.trust_files)
    # One of a kind that is not installed is another job's: nothing of it is sent.
    opened = partial(sound_journal, files=OwnFiles(trusted=asked.trust_files))
    return newest(folder, fits, opened) or new(folder, Clock().wall())
