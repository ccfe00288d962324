"""``bulkops undo JOURNAL``: take back what a job did."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from bulkops.cli.options import JOURNAL, PATH, TRUST, UNDOING, Asked, Server, command
from bulkops.cli.run.hold import hold
from bulkops.cli.run.start import Undertaking, start_or_go_on
from bulkops.cli.session import connect
from bulkops.client.api import Client
from bulkops.journal.identity import Identity
from bulkops.journal.reader import read
from bulkops.library import plan_undo
from bulkops.plan.recorded import job_of

OWN_JOURNAL = click.Option(
    ["--journal", "undo_journal"],
    type=PATH,
    metavar="FILE",
    help="The undo's own journal, to start or to go on with. [default: JOURNAL with .undo "
    "before its ending]",
)


@command(JOURNAL, OWN_JOURNAL, UNDOING, TRUST)
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
    header = read(journal).replay.header
    job = job_of(header)
    path = undo_journal or journal.with_name(f"{journal.stem}.undo{journal.suffix}")

    def client() -> Client:
        return connect(server._replace(address=header.address))

    identity = Identity(f"undo of {header.run_id}", header.address, header.organization)
    undertaking = Undertaking(job, identity, client, lambda c: plan_undo(c, journal), undo=True)
    with ExitStack() as stack:
        hold(stack, journal)
        by = hold(stack, path)
        start_or_go_on(stack, path, by, undertaking, asked)
