"""Commands that look at a journal, ``status`` and ``journal check``; neither sends a request."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import Literal

from click.exceptions import Exit

from bulkops import events
from bulkops.cli.options import JOURNAL, JSON, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.next_step import next_step
from bulkops.cli.output.printing import note, print_text
from bulkops.errors import ExitCode
from bulkops.journal.following.holder import read_with_holder
from bulkops.journal.reader import Contents, Take, sound_part
from bulkops.journal.replay import Replay
from bulkops.plan.trusted import disagreement_as_known, sound_journal
from bulkops.report.model import report as make
from bulkops.report.text import head, totals, verification


@command(JOURNAL, JSON)
def check(*, journal: Path, json: bool) -> None:
    """Say what is in a journal and whether it is sound.

    Exit 12 where it is damaged, or does not agree with itself: where its job could not have decided
    what it says. Sends no request and leaves the file as it is. A torn tail is no
    damage: a power cut leaves it, and the next apply or resume cuts it.

    \b
    Examples:
      bulkops journal check canary.jsonl
    """
    contents = sound_part(journal)
    scanner, made = contents.scanner, make(contents.replay)
    problem = disagreement_as_known(contents.replay)
    state: Literal["sound", "torn", "damaged", "disagreeing"] = "torn" if scanner.rest else "sound"
    if scanner.damaged or problem:
        state = "damaged" if scanner.damaged else "disagreeing"
    if json:
        print_json(
            events.Journal(
                state=state,
                lines=scanner.seq - 1,
                sound_bytes=scanner.offset,
                other_bytes=scanner.rest,
                run_id=made.run_id,
                counts=made.counts,
                problem=problem,
            )
        )
    else:
        rest_is = "damaged" if scanner.damaged else "torn"
        rest = f", then {scanner.rest} bytes that are {rest_is}" if scanner.rest else ""
        print_text(
            f"{journal}: {scanner.seq - 1} sound lines, {scanner.offset} bytes{rest}",
            f"  {made.run_id}: {totals(made)}",
        )
    if scanner.damaged:
        command = shlex.join(("bulkops", "journal", "repair", str(journal), "--accept-loss"))
        note(f"`{command}` keeps the sound lines.")
    if problem:
        note(
            f"It does not agree with itself: {problem}.",
            "bulkops did not write it so, and carries none of it out.",
        )
    if scanner.damaged or problem:
        raise Exit(ExitCode.JOURNAL_DAMAGED)


@command(JOURNAL, JSON)
def status(*, journal: Path, json: bool) -> None:
    """Say where a journal's job stands; sends no request.

    \b
    Examples:
      bulkops status canary.jsonl
    """
    replay, holder = read_with_holder(journal, partial(replay_of, journal))
    made = make(replay, holder=holder)
    if json:
        print_json(events.Status.of(made))
    else:
        print_text(*head(made), *verification(made))
        note(*next_step(made, journal))


@command(JOURNAL, JSON)
def watch(*, journal: Path, json: bool) -> None:
    """Show a job live that another process runs; sends no request.

    Reads the journal until the job ends, and ends with its exit code. Needs no address and no
    token, and leaves the journal as it is: Ctrl-C stops watching, not the job.

    If the process that ran the job is gone, watch says so and ends with exit 1. On a journal that
    another machine writes, or that is copied here in pieces, it can't tell: it says for how long
    no new record has come, and goes on watching.

    \b
    Examples:
      bulkops watch canary.jsonl
      bulkops watch canary.jsonl --json
    """
    from bulkops.cli.run.follow import follow  # noqa: PLC0415 - status draws nothing

    raise Exit(follow(journal, json=json))


def replay_of(path: Path, take: Take | None = None) -> Replay:
    """Return where a journal stands; a torn tail is told and left."""
    contents = sound_journal(path, take)
    tell_torn(path, contents)
    return contents.replay


def tell_torn(path: Path, contents: Contents) -> None:
    """Say that a journal has a torn tail, if it has one."""
    if contents.torn:
        note(
            f"{path}: its last {contents.torn} bytes are a torn tail; the next apply or resume "
            "cuts it and keeps it aside"
        )
