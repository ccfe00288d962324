"""``bulkops apply JOB`` and ``bulkops resume JOURNAL``: carry a job out, or on."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulkops.cli.execute import DRAIN_SECONDS, DrainTimeout, RetryFailed, execute, hold
from bulkops.cli.options import Address, CaFile, InsecureHttp, Json, Yes
from bulkops.cli.plan import JobFile, read_plan, show

if TYPE_CHECKING:
    from bulkops.client.api import Client
    from bulkops.job import Job
    from bulkops.journal.file import Contents

JournalOption = Annotated[
    Path | None,
    typer.Option(
        "--journal",
        metavar="FILE",
        help="The journal to start, or to go on with where it stops. "
        "[default: the newest unfinished one in .bulkops/<job name>/, else a new one there]",
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
    from bulkops.cli.session import confirm, connect, run
    from bulkops.execution import check_same, start_journal
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
            check_same(contents.replay.header, job, client(), path)
            typer.echo(f"Going on with {path}.", err=True)
            confirm(_left(contents), yes=yes)
        else:
            made = run(lambda: read_plan(client(), job, job_file))
            show(made, json=json)
            if not made.operations:
                typer.echo("Nothing to do.", err=True)
                raise typer.Exit(3 if made.blocked else 0)
            confirm(f"Carry out {len(made.operations)} operations?", yes=yes)
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
    from bulkops.cli.session import confirm, connect
    from bulkops.execution import job_of
    from bulkops.journal.file import read

    with ExitStack() as stack:
        read(journal)
        by = hold(stack, journal)
        contents = read(journal)
        header = contents.replay.header
        job = job_of(header)
        client = connect(header.address, ca_file, insecure_http=insecure_http, rate=job.pace.rate)
        confirm(_left(contents), yes=yes)
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


def _left(contents: Contents) -> str:
    from bulkops.outcome import Outcome

    replay = contents.replay
    pending, in_doubt = replay.count(None), replay.count(Outcome.IN_DOUBT)
    return f"Carry out {pending} operations, and look at {in_doubt} in doubt?"
