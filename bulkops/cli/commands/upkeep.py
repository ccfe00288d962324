"""``bulkops journal repair`` and ``bulkops journal copy``, under the journals' locks."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import anyio
import click

from bulkops import events
from bulkops.cli.options import JOURNAL, JSON, TRUST_FILES, WAIT, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import note, print_text
from bulkops.cli.run.hold import hold, open_locked
from bulkops.cli.signals import received
from bulkops.cli.value_types import PLACE
from bulkops.errors import JobError, JournalError, unreadable
from bulkops.journal.place import Hold, Place
from bulkops.journal.reader import Contents, sound_part
from bulkops.journal.storage import Headless
from bulkops.journal.upkeep import copying
from bulkops.journal.upkeep.repair import repair as cut
from bulkops.plan.trusted import sound_journal
from bulkops.text import counted

ACCEPT_LOSS = click.Option(["--accept-loss"], is_flag=True, help="Discard the damaged part.")
FROM = click.Argument(
    ["source"], type=PLACE, metavar="FROM", help="The journal: a file or an address."
)
TO = click.Argument(["target"], type=PLACE, metavar="TO", help="Where to: a file or an address.")


@command(JOURNAL, ACCEPT_LOSS, WAIT)
def repair(*, journal: Place, accept_loss: bool, wait: bool) -> None:
    """Cut the damaged part off a journal.

    The damaged part is saved beside the journal, in object storage below it. An operation whose
    result was in it is in doubt, and the next resume checks it. An operation whose intent was in
    it looks like a change made outside the job, and an undo does not revert it.

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


@command(FROM, TO, JSON, WAIT, TRUST_FILES)
def copy(*, source: Place, target: Place, json: bool, wait: bool, trust_files: bool) -> None:
    """Copy a journal to a file or into object storage.

    Either may be a file or an address in object storage such as s3://bucket/path. The copy has
    the same lines, and TO must not exist. If the copying is interrupted, TO is not a journal yet,
    and the same command completes it.

    Both are then journals of one run of the job. From then on use only one of them: a process
    that resumes one knows nothing of what another does with the other. Nothing is deleted.

    \b
    Examples:
      bulkops journal copy canary.jsonl s3://my-bucket/bulkops/canary
      bulkops journal copy canary.jsonl moved.jsonl
    """
    if source.is_same(target):
        raise JobError(f"{target}: is the journal itself. Choose another place for the copy")
    target.check_folder(trusted=trust_files)
    with ExitStack() as stack:
        held, contents = open_locked(
            stack, source, wait=wait, trusted=trust_files, read=sound_journal
        )
        into = hold(stack, target, wait=wait)
        new = not _is_there(held, contents, into)
        if new:
            _copy(held, contents, into)
    scanner, run_id = contents.scanner, contents.replay.header.run_id
    if scanner.rest:
        note(f"{source}: its last {scanner.rest} bytes are a torn tail, which the copy lacks.")
    if json:
        print_json(
            events.Copied(
                source=str(source),
                target=str(target),
                lines=scanner.seq - 1,
                bytes=scanner.offset,
                left_out=scanner.rest,
                run_id=run_id,
            )
        )
    else:
        size = f"{counted(scanner.seq - 1, 'line')}, {scanner.offset:,} bytes"
        print_text(f"{target}: {'is' if new else 'was already'} a copy of {source} ({size})")
    note(f"Both are journals of {run_id}: from now on use only {target}.")


def _is_there(source: Hold, contents: Contents, target: Hold) -> bool:
    """Return whether the copy was made before.

    Raises:
        JobError: something else is there.
        JournalError: it can't be read.
    """
    place = target.place
    if not place.exists():
        return False
    try:
        if not place.is_journal():
            target.storage.read().close()
        elif copying.is_copy(source.storage, contents, target.storage):
            return True
    except Headless:
        # An unfinished copy.
        return False
    except OSError as error:
        raise JournalError(unreadable(place, error)) from error
    raise JobError(f"{place}: exists and was left unchanged. Choose another place for the copy")


def _copy(source: Hold, contents: Contents, target: Hold) -> None:
    """Copy in an event loop, which keeps the leases; a signal ends it."""

    async def cancellable() -> None:
        loop = asyncio.get_running_loop()
        with anyio.CancelScope() as scope, received.passed_to(lambda _: scope.cancel(), loop):
            await copying.copy(source, contents, target)

    with received.deferred():
        anyio.run(cancellable)
    try:
        received.check()
    except SystemExit:
        note("", "Interrupted: the same command completes the copy.")
        raise
