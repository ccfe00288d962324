"""``bulkops journal repair JOURNAL``: cut off its damaged part, under its lock."""

from __future__ import annotations

from contextlib import ExitStack

import click

from bulkops.cli.options import JOURNAL, WAIT, command
from bulkops.cli.output.printing import print_text
from bulkops.cli.run.hold import hold
from bulkops.errors import JobError
from bulkops.journal.place import Place
from bulkops.journal.reader import sound_part
from bulkops.journal.repair import repair as cut

ACCEPT_LOSS = click.Option(["--accept-loss"], is_flag=True, help="Discard the damaged part.")


@command(JOURNAL, ACCEPT_LOSS, WAIT)
def repair(*, journal: Place, accept_loss: bool, wait: bool) -> None:
    """Cut the damaged part off a journal.

    The damaged part is saved beside the journal. An operation whose result was in it is in doubt,
    and the next resume checks it. An operation whose intent was in it looks like a change made
    outside the job, and an undo does not revert it.

    \b
    Examples:
      bulkops journal repair canary.jsonl --accept-loss
    """
    # Before it is locked: what is not a journal gets no lock file.
    damaged = sound_part(journal.reader()).scanner.damaged
    if not accept_loss:
        if damaged:
            raise JobError(
                f"{journal}: was left unchanged. Add --accept-loss to discard the damaged part"
            )
        print_text(f"{journal}: is sound")
        return
    with ExitStack() as stack:
        aside = cut(hold(stack, journal, wait=wait).storage)
    print_text(
        f"{journal}: is sound"
        if not aside
        else f"{journal}: repaired; the damaged part is in {aside}"
    )
