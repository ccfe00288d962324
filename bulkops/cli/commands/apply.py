"""``bulkops apply JOB|PLAN``, ``resume JOURNAL``, ``undo JOURNAL``."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click

from bulkops.cli.options import (
    APPLYING,
    JOURNAL,
    MAX_OPERATIONS,
    NARROWING,
    RESUMING,
    SERVER,
    UNDOING,
    Narrowing,
    RunOptions,
    Server,
    command,
)
from bulkops.cli.outlet import MOST, leave_waiting
from bulkops.cli.output.printing import note
from bulkops.cli.output.step_summary import check_summary
from bulkops.cli.run.closed import end_if_closed
from bulkops.cli.run.confirm import confirm_resuming
from bulkops.cli.run.default_place import journals_of, resumable_by
from bulkops.cli.run.execute import end_if_stopped, execute
from bulkops.cli.run.hold import hold, open_locked
from bulkops.cli.run.metrics_file import MetricsFile
from bulkops.cli.run.start import Undertaking, check_run_tasks, has_more, start_or_resume
from bulkops.cli.session import connect, narrowed_job
from bulkops.cli.value_types import PATH, PLACE
from bulkops.client.access.address import Stated
from bulkops.client.api import Client
from bulkops.clock import Clock
from bulkops.errors import JobError, RunTaskGone
from bulkops.job.job import Job, organization_in
from bulkops.journal.identity import Identity, digest_of_undo
from bulkops.journal.place import Hold, Place, place_of_undo
from bulkops.journal.records import Header
from bulkops.journal.replay import Replay
from bulkops.journal.together import both
from bulkops.library import plan_job
from bulkops.notify.opening import check_notify
from bulkops.plan.consistent import disagreement_with_plan, disagreement_with_undone
from bulkops.plan.current_state import check_names_of_plan, undo_recorded
from bulkops.plan.model import Plan
from bulkops.plan.recorded import job_of
from bulkops.plan.saved import is_saved_plan, read_plan

JOB_OR_PLAN = click.Argument(
    ["job_file"],
    type=PATH,
    metavar="JOB|PLAN",
    help="The job file (TOML), or a plan that plan --out saved.",
)
OWN_JOURNAL = click.Option(
    ["--journal"],
    type=PLACE,
    metavar="FILE|URL",
    help="The journal to start or resume: a file, or an address such as s3://bucket/path. "
    "[default: the newest unfinished one in .bulkops/NAME/, else a new one there; NAME is the "
    "job's. BULKOPS_JOURNALS names another folder, or an address, in place of .bulkops]",
)
UNDO_JOURNAL = click.Option(
    ["--journal", "undo_journal"],
    type=PLACE,
    metavar="FILE|URL",
    help="The undo's own journal, to start or resume. [default: JOURNAL with .undo before its "
    "suffix]",
)


@command(JOB_OR_PLAN, OWN_JOURNAL, NARROWING, APPLYING, MAX_OPERATIONS, SERVER)
def apply(
    *,
    job_file: Path,
    journal: Place | None,
    narrowing: Narrowing,
    options: RunOptions,
    max_operations: int | None,
    server: Server,
) -> None:
    """Run a job, or resume it from its journal.

    bulkops writes every change to the journal before it sends it. If the command is killed or
    interrupted, run it again: it resumes the job, and no change is lost or made twice.

    Outside the windows of the job's [rollout], it rests until one opens. --exit-outside-window
    ends it instead (exit 6), and the same command goes on in the next window; started outside,
    it sends and records nothing.

    With --select or --limit it is a different job, with its own journal.

    A job that detaches must be confirmed with its run task's name instead of yes, each time it
    starts or resumes. Without a terminal, use --confirm.

    A saved plan runs without a question, exactly as saved. If a target has changed since then, it
    is left alone: skipped if it is already as desired, else listed as a conflict (exit 3).

    If GITHUB_STEP_SUMMARY is set, the report is appended to that file as Markdown.

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
                f"{job_file}: is a saved plan. Pass --select, --limit and --max-operations to "
                "`bulkops plan`"
            )
        undertaking = _of_plan(job_file, server, trust_files=options.trust_files)
    else:
        job = narrowed_job(job_file, narrowing).allowing(max_operations)
        undertaking = _of_job(job, job_file, server)
    options = options._replace(yes=options.yes or saved)
    with ExitStack() as stack:
        if journal:
            held = hold(stack, journal, wait=options.wait)
            start_or_resume(stack, held.place, held, undertaking, options)
            return
        journals, started = journals_of(stack, undertaking, options)
        fits = resumable_by(undertaking, options, finished=saved)
        resumed = journals.newest(fits)
        # A new journal in the default place is created under that place's lock, so a command that
        # finds nothing to do leaves no lock file behind.
        found = hold(stack, resumed, wait=options.wait) if resumed else None
        if found and options.wait and not fits(found.place):
            # Another process has finished it while this one waited.
            found = None
        place = found.place if found else journals.new(Clock().wall())
        try:
            start_or_resume(stack, place, found, undertaking, options, started=started)
        except RunTaskGone as gone:
            if saved:
                raise
            note("", f"{place}: {gone}.", "That journal is left unchanged. Starting a new one.")
            place = journals.new(Clock().wall())
            start_or_resume(stack, place, None, undertaking, options, started=started)


@command(JOURNAL, RESUMING, SERVER)
def resume(*, journal: Place, options: RunOptions, server: Server) -> None:
    """Resume a job from its journal.

    Needs only the journal, credentials and, unless it is the default, the server's address.
    bulkops reads the server before it sends anything: an operation whose answer was lost is sent
    again only if the server does not show it as done.

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
        held, contents = open_locked(stack, journal, wait=options.wait, trusted=options.trust_files)
        header = contents.replay.header
        job = job_of(header)
        stated = Stated(journal, header.address)
        client = connect(server, stated)
        with MetricsFile(options.metrics_file, job, undo=bool(header.undo_of)) as metrics:
            end_if_stopped(held.place, contents, job, options, metrics)
            if options.exit_outside_window and has_more(contents.replay, options):
                end_if_closed(job, json=options.json)
            check_notify(job, begun=True)
            confirm_resuming(contents, held.place, options, job)
            # Each event loop needs its own client.
            check_run_tasks(connect(server, stated), contents, held.place)
            execute(client, held, contents, job, options=options, metrics=metrics)


@command(JOURNAL, UNDO_JOURNAL, UNDOING, SERVER)
def undo(
    *, journal: Place, undo_journal: Place | None, options: RunOptions, server: Server
) -> None:
    """Undo what a job did.

    What was attached is detached, what was changed gets its old level and stages, and what was
    detached is attached as before. A replaced run task is attached again before the new one is
    detached. Whatever has since been changed outside the job is left alone and listed (exit
    3). Jobs of these kinds can't be undone (exit 2): task-delete, task-rotate-hmac.

    An undo has its own journal: the same command resumes it, and it can be undone as well.

    \b
    Examples:
      bulkops undo canary.jsonl
      bulkops undo canary.jsonl --journal back.jsonl --yes
    """
    check_summary()
    if undo_journal:
        undo_journal.check()
    with ExitStack() as stack:
        undone, header, replay = _undone(stack, journal, options)
        place = undo_journal or place_of_undo(undone.place)
        if place.is_same(journal):
            raise JobError(f"{place}: is the journal to be undone. Choose another --journal")
        held = hold(stack, place, wait=options.wait)
        # While it is undone, no other process resumes it.
        held = held._replace(keep=both(held.keep, undone.keep))
        undertaking = _of_undo(journal, header, replay, server)
        start_or_resume(stack, held.place, held, undertaking, options)


def _undone(
    stack: ExitStack, journal: Place, options: RunOptions
) -> tuple[Hold, Header, Callable[[], Replay]]:
    """Hold the journal to be undone, and read it; its replay can be taken once.

    Whoever takes it frees it: while the undo runs, its own journal takes as much memory.
    """
    held, contents = open_locked(stack, journal, wait=options.wait, trusted=options.trust_files)
    return held, contents.replay.header, [contents.replay].pop


def _of_undo(
    journal: Place, header: Header, undone: Callable[[], Replay], server: Server
) -> Undertaking:
    def client(*files: Stated) -> Client:
        return connect(server, Stated(journal, header.address), *files)

    return Undertaking(
        job_of(header).effective(header.run_id),
        Identity(digest_of_undo(header.run_id), header.organization),
        client,
        lambda client: undo_recorded(client, undone(), journal),
        lambda replay: disagreement_with_undone(replay, undone()),
        undo=True,
    )


def _of_job(job: Job, path: Path, server: Server) -> Undertaking:

    def client(*files: Stated) -> Client:
        return connect(server, *files)

    return Undertaking(
        job,
        Identity(job.digest, job.organization),
        client,
        lambda c: plan_job(c, job, str(path)),
    )


def _of_plan(path: Path, server: Server, *, trust_files: bool) -> Undertaking:
    """Return the undertaking of a saved plan; raises ``PlanStale`` if it is out of date."""
    saved = read_plan(path, trust_files=trust_files)
    job = saved.plan.job.effective(saved.plan.undo_of)
    digest, stated = saved.plan.digest, Stated(path, saved.plan.address)
    resolved = saved.plan.resolved
    connect(server, stated)  # refuses a plan for another server before anything else
    saved.check_meant(path, organization_in(os.environ))
    note(f"{path}: planned at {saved.made_at} by {saved.made_by.user}")

    def client(*files: Stated) -> Client:
        return connect(server, stated, *files)

    def again() -> Plan:
        # Read again if needed: often the journal alone is, and then the plan takes no memory.
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
