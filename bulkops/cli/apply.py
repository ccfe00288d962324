"""``bulkops apply JOB`` and ``bulkops resume JOURNAL``: carry a job out, or on."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulkops.cli.options import (
    DRAIN_SECONDS,
    Address,
    Asked,
    CaFile,
    Continue,
    DrainTimeout,
    InsecureHttp,
    JobFile,
    JournalArgument,
    Json,
    MaxOperations,
    RetryFailed,
    Yes,
)

if TYPE_CHECKING:
    from bulkops.client.api import Client
    from bulkops.job import Job
    from bulkops.journal.identity import Identity

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


def apply(
    job_file: JobFile,
    *,
    journal: JournalOption = None,
    yes: Yes = False,
    json: Json = False,
    go_on: Continue = False,
    retry_failed: RetryFailed = False,
    max_operations: MaxOperations = None,
    drain_timeout: DrainTimeout = DRAIN_SECONDS,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
) -> None:
    """Carry a job out, or on where its journal stops.

    Every change is written to the journal before it is sent. Killed, interrupted or cut off, the
    job goes on with the same command: nothing is lost and nothing is done twice.

    Exit codes: 0 all succeeded or nothing to do · 1 error · 2 usage, job file included ·
    3 some failed or in conflict · 4 stopped by the failure tolerance or a gate · 5 some in doubt ·
    6 paused by the job, `--continue` goes on · 11 journal in use · 12 journal damaged ·
    14 journal can't be written · 130/143 interrupted

    Examples:

    - `bulkops apply jobs/security-scan.toml`

    - `bulkops apply jobs/security-scan.toml --journal scan.jsonl --yes`

    - `bulkops apply jobs/advisory-to-mandatory.toml --continue`
    """
    from bulkops.cli.carry_out import Undertaking, hold, start_or_go_on
    from bulkops.cli.session import connect
    from bulkops.journal.identity import Identity
    from bulkops.public import load_job, plan_job

    job = load_job(job_file).allowing(max_operations)

    def client() -> Client:
        return connect(address, ca_file, insecure_http=insecure_http)

    identity = Identity(job.digest, client().address, job.organization)
    undertaking = Undertaking(job, identity, client, lambda c: plan_job(c, job, str(job_file)))
    asked = Asked(yes, json, retry_failed, drain_timeout, go_on)
    with ExitStack() as stack:
        path = journal or _default(stack, job, identity, retry_failed=retry_failed)
        # A new journal in the default folder is safe under the folder's lock until it is there:
        # a command that finds nothing to do leaves no lock behind.
        by = hold(stack, path) if journal or path.exists() else None
        start_or_go_on(stack, path, by, undertaking, asked)


def resume(
    journal: JournalArgument,
    *,
    yes: Yes = False,
    json: Json = False,
    go_on: Continue = False,
    retry_failed: RetryFailed = False,
    drain_timeout: DrainTimeout = DRAIN_SECONDS,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
) -> None:
    """Go on where a journal stops; needs nothing else but credentials.

    The server is read before anything is sent: an operation whose answer was lost is adopted
    where the server shows it done, and sent again only where it does not.

    Examples:

    - `bulkops resume .bulkops/security-scan/20261124T215803Z.jsonl`

    - `bulkops resume scan.jsonl --retry-failed --yes`

    - `bulkops resume scan.jsonl --continue --yes`
    """
    from bulkops.cli.asking import confirm_going_on
    from bulkops.cli.carry_out import hold
    from bulkops.cli.execute import execute
    from bulkops.cli.session import connect
    from bulkops.execution import job_of
    from bulkops.journal.reading import read

    with ExitStack() as stack:
        read(journal)
        by = hold(stack, journal)
        contents = read(journal)
        header = contents.replay.header
        job = job_of(header)
        client = connect(header.address, ca_file, insecure_http=insecure_http)
        asked = Asked(yes, json, retry_failed, drain_timeout, go_on)
        confirm_going_on(contents, journal, asked)
        execute(client, journal, contents, job, by, asked=asked)


def _default(stack: ExitStack, job: Job, identity: Identity, *, retry_failed: bool) -> Path:
    """Return the job's own journal to go on with, else a new place, under the folder's lock."""
    from bulkops.cli.carry_out import hold
    from bulkops.clock import Clock
    from bulkops.journal.folder import folder_of, new, newest
    from bulkops.journal.identity import identity_of
    from bulkops.journal.replay import Replay
    from bulkops.outcome import RETRIED

    folder = folder_of(job.name)
    hold(stack, folder / "folder")

    def fits(replay: Replay) -> bool:
        left = replay.unfinished or (retry_failed and replay.count(*RETRIED) > 0)
        left |= job.rollout.gate is not None and not replay.passed
        return left and identity_of(replay.header) == identity

    return newest(folder, fits) or new(folder, Clock().wall())
