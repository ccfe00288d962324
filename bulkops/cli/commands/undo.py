"""``bulkops undo JOURNAL``: take back what a job did."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulkops.cli.options import (
    DRAIN_SECONDS,
    Asked,
    CaFile,
    DrainTimeout,
    InsecureHttp,
    JournalArgument,
    Json,
    MetricsFileOption,
    RetryFailed,
    Yes,
)

if TYPE_CHECKING:
    from bulkops.client.api import Client

UndoJournal = Annotated[
    Path | None,
    typer.Option(
        "--journal",
        metavar="FILE",
        help="The undo's own journal, to start or to go on with. [default: JOURNAL with .undo "
        "before its ending]",
        show_default=False,
    ),
]


def undo(
    journal: JournalArgument,
    *,
    undo_journal: UndoJournal = None,
    yes: Yes = False,
    json: Json = False,
    retry_failed: RetryFailed = False,
    drain_timeout: DrainTimeout = DRAIN_SECONDS,
    metrics_file: MetricsFileOption = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
) -> None:
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
    from bulkops.cli.run.start import Undertaking, hold, start_or_go_on
    from bulkops.cli.session import connect
    from bulkops.journal.identity import Identity
    from bulkops.journal.reader import read
    from bulkops.library import plan_undo
    from bulkops.plan.recorded import job_of

    header = read(journal).replay.header
    job = job_of(header)
    path = undo_journal or journal.with_name(f"{journal.stem}.undo{journal.suffix}")

    def client() -> Client:
        return connect(header.address, ca_file, insecure_http=insecure_http)

    identity = Identity(f"undo of {header.run_id}", header.address, header.organization)
    undertaking = Undertaking(job, identity, client, lambda c: plan_undo(c, journal), undo=True)
    asked = Asked(yes, json, retry_failed, drain_timeout, metrics_file=metrics_file)
    with ExitStack() as stack:
        hold(stack, journal)
        by = hold(stack, path)
        start_or_go_on(stack, path, by, undertaking, asked)
