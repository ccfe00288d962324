"""``bulkops apply JOB`` and ``bulkops resume JOURNAL``: carry a job out, or on."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulkops.cli.execute import DRAIN_SECONDS, DrainTimeout, RetryFailed, execute, hold
from bulkops.cli.options import Address, CaFile, InsecureHttp, Json, Yes
from bulkops.cli.plan import (
    JobFile,
    blocked_lines,
    headline,
    lines,
    print_objects,
    read_plan,
    summary,
)

if TYPE_CHECKING:
    from bulkops.client.api import Client
    from bulkops.job import Job
    from bulkops.journal.file import Contents
    from bulkops.plan import Plan

JournalOption = Annotated[
    Path | None,
    typer.Option(
        "--journal",
        metavar="FILE",
        help="The journal to start, or to go on with where it stops. "
        "[default: the newest unfinished one in .bulkops/NAME/, NAME being the job's, else a new "
        "one there]",
        show_default=False,
    ),
]
JournalArgument = Annotated[
    Path, typer.Argument(metavar="JOURNAL", help="A journal.", show_default=False)
]


def apply(
    job_file: JobFile,
    *,
    journal: JournalOption = None,
    yes: Yes = False,
    json: Json = False,
    retry_failed: RetryFailed = False,
    drain_timeout: DrainTimeout = DRAIN_SECONDS,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
) -> None:
    """Carry a job out, or go on where its journal stops: the same command is safe to run again.

    Every change is written to the journal before it is sent. Killed, interrupted or cut off, the
    job goes on with the same command: nothing is lost and nothing is done twice.

    **Exit codes**: 0 all succeeded or nothing to do · 1 error · 2 usage, job file included ·
    3 some failed or in conflict · 4 stopped by the failure tolerance · 5 some in doubt ·
    11 journal in use · 12 journal damaged · 14 journal can't be written · 130/143 interrupted

    **Examples**

    `bulkops apply jobs/security-scan.toml`

    `bulkops apply jobs/security-scan.toml --journal scan.jsonl --yes`
    """
    from bulkops.cli.session import connect
    from bulkops.execution import start_journal
    from bulkops.journal.file import read
    from bulkops.library import load_job

    job = load_job(job_file)

    def client() -> Client:
        return connect(address, ca_file, insecure_http=insecure_http, rate=job.pace.rate)

    with ExitStack() as stack:
        path = journal or _default(stack, job, client().address, retry_failed=retry_failed)
        by = hold(stack, path)
        if path.exists():
            contents = read(path)
            _check_going_on(contents, job, client(), path, yes=yes, retry_failed=retry_failed)
        else:
            made = _confirmed_plan(client(), job, job_file, yes=yes, json=json)
            start_journal(path, made, client(), by)
            typer.echo(f"Journal: {path}", err=True)
            contents = read(path)
        execute(
            client(),
            path,
            contents,
            job,
            by,
            retry_failed=retry_failed,
            drain=drain_timeout,
            json=json,
        )


def resume(
    journal: JournalArgument,
    *,
    yes: Yes = False,
    json: Json = False,
    retry_failed: RetryFailed = False,
    drain_timeout: DrainTimeout = DRAIN_SECONDS,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
) -> None:
    """Go on where a journal stops; needs nothing else but credentials.

    The server is read before anything is sent: an operation whose answer was lost is adopted
    where the server shows it done, and sent again only where it does not.

    **Examples**

    `bulkops resume .bulkops/security-scan/20261124T215803Z.jsonl`

    `bulkops resume scan.jsonl --retry-failed --yes`
    """
    from bulkops.cli.session import connect
    from bulkops.execution import job_of
    from bulkops.journal.file import read

    with ExitStack() as stack:
        read(journal)
        by = hold(stack, journal)
        contents = read(journal)
        header = contents.replay.header
        job = job_of(header)
        client = connect(header.address, ca_file, insecure_http=insecure_http, rate=job.pace.rate)
        _confirm_going_on(contents, yes=yes, retry_failed=retry_failed)
        execute(
            client,
            journal,
            contents,
            job,
            by,
            retry_failed=retry_failed,
            drain=drain_timeout,
            json=json,
        )


def _default(stack: ExitStack, job: Job, address: str, *, retry_failed: bool) -> Path:
    """Return the job's own journal to go on with, else a new place, under the folder's lock."""
    from bulkops.clock import Clock
    from bulkops.journal.folder import folder_of, new, newest
    from bulkops.journal.replay import Replay
    from bulkops.reconcile import RETRIED

    folder = folder_of(job.name)
    hold(stack, folder / "folder")

    def fits(replay: Replay) -> bool:
        header = replay.header
        same = (header.digest, header.address, header.organization)
        left = replay.unfinished or (retry_failed and replay.count(*RETRIED) > 0)
        return left and same == (job.digest, address, job.organization)

    return newest(folder, fits) or new(folder, Clock().wall())


def _confirmed_plan(client: Client, job: Job, job_file: Path, *, yes: bool, json: bool) -> Plan:
    """Return the plan somebody said yes to; ends the command where there is nothing to do."""
    from bulkops.cli.session import confirm, counted, only_reading, run

    with only_reading():
        plan = run(lambda: read_plan(client, job, job_file))
        if json:
            print_objects(plan)
        # Unless somebody is asked, each operation is told soon enough, as a result on stdout.
        shown = lines(plan)
        if yes or json or not plan.operations:
            shown = [headline(plan), *blocked_lines(plan), summary(plan)]
        typer.echo("\n".join(shown), err=True)
        if not plan.operations:
            typer.echo("Nothing to do.", err=True)
            raise typer.Exit(3 if plan.blocked else 0)
        what = counted(len(plan.operations), "operation")
        confirm(f"\nCarry out {what} in {job.organization} ({client.address})?", yes=yes)
    return plan


def _check_going_on(
    contents: Contents, job: Job, client: Client, path: Path, *, yes: bool, retry_failed: bool
) -> None:
    """Make sure that it is this job's journal, and that going on with it is wanted."""
    from bulkops.execution import check_same

    check_same(contents.replay.header, job, client, path)
    typer.echo(f"Going on with {path}.", err=True)
    _confirm_going_on(contents, yes=yes, retry_failed=retry_failed)


def _confirm_going_on(contents: Contents, *, yes: bool, retry_failed: bool) -> None:
    from bulkops.cli.session import confirm, counted, only_reading
    from bulkops.outcome import Outcome
    from bulkops.reconcile import RETRIED

    replay = contents.replay
    numbers = {
        "carry out {}": replay.count(None),
        "look at {} in doubt": replay.count(Outcome.IN_DOUBT),
        "try {} again that failed": replay.count(*RETRIED) if retry_failed else 0,
    }
    parts = [what.format(counted(n, "operation")) for what, n in numbers.items() if n]
    if not parts:
        typer.echo("Nothing is left to do: only reading whether it still stands.", err=True)
        return
    question = f"{', '.join(parts)} in {replay.header.organization} ({replay.header.address})?"
    with only_reading():
        confirm(question[0].upper() + question[1:], yes=yes)
