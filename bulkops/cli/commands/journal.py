"""Commands about a journal: ``verify`` reads the server again, ``status`` doesn't."""

from __future__ import annotations

import shlex
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bulkops.cli.options import CaFile, InsecureHttp, JournalArgument, Json
from bulkops.cli.output.printing import note, print_json, print_text
from bulkops.exit_codes import ExitCode

if TYPE_CHECKING:
    from bulkops.journal.reader import Take
    from bulkops.journal.records import Verified
    from bulkops.journal.replay import Replay


app = typer.Typer(no_args_is_help=True, help="Look at a journal's file itself.")


@app.command()
def check(journal: JournalArgument, *, json: Json = False) -> None:
    """Say what is in a journal and whether it is sound.

    Exit 12 where it is damaged. Sends no request and leaves the file as it is. A torn tail is no
    damage: a power cut leaves it, and the next apply or resume cuts it.

    \b
    Examples:
      bulkops journal check canary.jsonl
    """
    from bulkops import events
    from bulkops.journal.reader import sound_part
    from bulkops.report.model import report as make
    from bulkops.report.text import totals

    contents = sound_part(journal)
    scanner, made = contents.scanner, make(contents.replay)
    state: Literal["sound", "torn", "damaged"] = (
        "damaged" if scanner.damaged else "torn" if scanner.tail else "sound"
    )
    if json:
        print_json(
            events.Journal(
                state=state,
                lines=scanner.seq - 1,
                sound_bytes=scanner.offset,
                other_bytes=len(scanner.tail),
                run_id=made.run_id,
                counts=made.counts,
            )
        )
    else:
        rest = f", then {len(scanner.tail)} bytes that are {state}" if scanner.tail else ""
        print_text(
            f"{journal}: {scanner.seq - 1} sound lines, {scanner.offset} bytes{rest}",
            f"  {made.run_id}: {totals(made)}",
        )
    if scanner.damaged:
        command = shlex.join(("bulkops", "journal", "repair", str(journal), "--accept-loss"))
        note(f"`{command}` keeps the sound lines.")
        raise typer.Exit(ExitCode.JOURNAL_DAMAGED)


@app.command()
def repair(
    journal: JournalArgument,
    *,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Yes, what is not sound may go.")
    ] = False,
) -> None:
    """Keep what is sound of a damaged journal, the rest aside.

    An operation whose result is lost with the rest is in doubt, and the next resume looks at it
    again. One whose intent is lost looks like somebody else's work: no undo takes it back.

    \b
    Examples:
      bulkops journal repair canary.jsonl --accept-loss
    """
    from contextlib import ExitStack

    from bulkops.cli.run.start import hold
    from bulkops.errors import JobError
    from bulkops.journal.repair import repair as cut

    if not accept_loss:
        raise JobError(f"{journal}: was left as it is: say --accept-loss to cut what is not sound")
    with ExitStack() as stack:
        hold(stack, journal)
        aside = cut(journal)
    print_text(f"{journal}: was sound" if aside is None else f"{journal}: cut; the rest is {aside}")


def verify(
    journal: JournalArgument,
    *,
    json: Json = False,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
) -> None:
    """Ask the server whether all is still as a job made it.

    Exit 3, and a list, where it is not. Changes nothing, neither at the server nor in the
    journal.

    \b
    Examples:
      bulkops verify canary.jsonl
    """
    from bulkops.cli.session import connect, only_reading, run
    from bulkops.library import verify_journal

    replay = replay_of(journal)
    client = connect(replay.header.address, ca_file, insecure_http=insecure_http)

    with only_reading():
        verified = run(client, lambda c: verify_journal(c, journal))
    if json:
        _print_verified_json(replay, verified)
    else:
        _print_verified(replay, verified)
    raise typer.Exit(ExitCode.UNFULFILLED if verified.differing else ExitCode.DONE)


def _print_verified(replay: Replay, verified: Verified) -> None:
    from bulkops.cli.session import counted
    from bulkops.report.columns import filled, widest

    names = {key: replay.operations[key].operation.target.name for key in verified.differing}
    width = widest(names.values())
    for key, shows in verified.differing.items():
        print_text(f"differs  {filled(names[key], width)}  the server shows {shows}")
    total = counted(len(replay.operations), "operation")
    rest = f", {verified.unreadable} can't be read back" if verified.unreadable else ""
    print_text(f"{verified.standing} of {total} shown as wanted by the server{rest}.")


def _print_verified_json(replay: Replay, verified: Verified) -> None:
    from bulkops import events

    for key, shows in verified.differing.items():
        target = replay.operations[key].operation.target
        print_json(events.Differing(**target.said, key=key, shows=shows))
    print_json(
        events.Verified(
            standing=verified.standing,
            differing=len(verified.differing),
            unreadable=verified.unreadable,
        )
    )


def status(journal: JournalArgument, *, json: Json = False) -> None:
    """Say where a journal's job stands; sends no request.

    \b
    Examples:
      bulkops status canary.jsonl
    """
    from bulkops import events
    from bulkops.cli.output.next_step import next_step
    from bulkops.report.model import report as make
    from bulkops.report.text import lines

    made = make(replay_of(journal))
    if json:
        print_json(events.Status.of(made))
    else:
        print_text(*islice(lines(made, only_failed=True), 3 + (made.wave is not None)))
        note(*next_step(made, journal))


def replay_of(path: Path, take: Take | None = None) -> Replay:
    """Return where a journal stands; a torn tail is told and left."""
    from bulkops.journal.reader import read

    contents = read(path, take=take)
    if contents.torn:
        note(
            f"{path}: its last {contents.torn} bytes are a torn tail; the next apply or resume "
            "cuts it and keeps it aside"
        )
    return contents.replay
