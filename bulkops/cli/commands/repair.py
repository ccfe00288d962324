"""``bulkops journal repair JOURNAL``: keeps what is sound of it, under its lock."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from bulkops.cli.options import JOURNAL, command
from bulkops.cli.output.printing import print_text
from bulkops.cli.run.hold import hold
from bulkops.errors import JobError
from bulkops.journal.repair import repair as cut

ACCEPT_LOSS = click.Option(["--accept-loss"], is_flag=True, help="Yes, what is not sound may go.")


@command(JOURNAL, ACCEPT_LOSS)
def repair(*, journal: Path, accept_loss: bool) -> None:
    """Keep what is sound of a damaged journal, the rest aside.

    An operation whose result is lost with the rest is in doubt, and the next resume looks at it
    again. One whose intent is lost looks like somebody else's work: no undo takes it back.

    \b
    Examples:
      bulkops journal repair canary.jsonl --accept-loss
    """
    if not accept_loss:
        raise JobError(f"{journal}: was left as it is: say --accept-loss to cut what is not sound")
    with ExitStack() as stack:
        held = hold(stack, journal)
        aside = cut(held.path, held.files)
    print_text(f"{journal}: was sound" if aside is None else f"{journal}: cut; the rest is {aside}")
