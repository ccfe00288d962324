"""``bulkops status`` and ``bulkops journal check``, which send no request."""

from __future__ import annotations

from functools import partial
from typing import Literal

from click.exceptions import Exit

from bulkops import events
from bulkops.cli.options import JOURNAL, JSON, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.next_step import next_step
from bulkops.cli.output.printing import note, print_text
from bulkops.errors import ExitCode
from bulkops.journal.local.holder import was_killed
from bulkops.journal.place import Place
from bulkops.journal.reader import Contents, Take, sound_part
from bulkops.journal.replay import Replay
from bulkops.plan.trusted import disagreement_as_known, sound_journal
from bulkops.report.model import report as summarize
from bulkops.report.text import head, totals, verification
from bulkops.text import as_argument


@command(JOURNAL, JSON)
def check(*, journal: Place, json: bool) -> None:
    """Check whether a journal is sound.

    Exits with 12 if it is damaged, or if it contradicts itself: its job would not have decided
    these operations. A torn tail is not damage: a power cut leaves one, and the next apply or
    resume cuts it off. Sends no request and leaves the file unchanged.

    \b
    Examples:
      bulkops journal check canary.jsonl
    """
    contents = sound_part(journal.reader())
    scanner, summary = contents.scanner, summarize(contents.replay)
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
                run_id=summary.run_id,
                counts=summary.counts,
                problem=problem,
            )
        )
    else:
        rest_is = "damaged" if scanner.damaged else "torn"
        rest = f", then {scanner.rest} {rest_is} bytes" if scanner.rest else ""
        print_text(
            f"{journal}: {scanner.seq - 1} sound lines, {scanner.offset} bytes{rest}",
            f"  {summary.run_id}: {totals(summary)}",
        )
    if scanner.damaged:
        command = f"bulkops journal repair {as_argument(journal)} --accept-loss"
        note(f"`{command}` keeps the sound lines.")
    if problem:
        note(
            f"It contradicts itself: {problem}.",
            "bulkops did not write it like this and will not run it.",
        )
    if scanner.damaged or problem:
        raise Exit(ExitCode.JOURNAL_DAMAGED)


@command(JOURNAL, JSON)
def status(*, journal: Place, json: bool) -> None:
    """Show how far a job is, from its journal.

    Sends no request.

    \b
    Examples:
      bulkops status canary.jsonl
    """
    replay, holder = journal.read_with_holder(partial(replay_of, journal))
    summary = summarize(replay, holder=holder, killed=was_killed(journal, replay))
    if json:
        print_json(events.Status.of(summary))
    else:
        print_text(*head(summary), *verification(summary))
        note(*next_step(summary, journal))


@command(JOURNAL, JSON)
def watch(*, journal: Place, json: bool) -> None:
    """Show a running job live, from its journal.

    For a job that another process runs: reads its journal until the job ends, then exits with the
    job's exit code. Sends no request, needs no address and no token, and leaves the journal as it
    is. Ctrl-C stops watching, not the job.

    If the process that ran the job is gone, watch reports it within 10 seconds and exits with 1. If
    another machine writes the journal, or copies it here in pieces, watch can't tell: it shows how
    long ago the last record arrived, and continues.

    \b
    Examples:
      bulkops watch canary.jsonl
      bulkops watch canary.jsonl --json
    """
    from bulkops.cli.run.follow import follow  # noqa: PLC0415 - status draws nothing

    raise Exit(follow(journal, json=json))


def replay_of(journal: Place, take: Take | None = None) -> Replay:
    """Return the replay of a journal; a torn tail is noted and left."""
    contents = sound_journal(journal.reader(), take)
    note_torn_tail(journal, contents)
    return contents.replay


def note_torn_tail(journal: Place, contents: Contents) -> None:
    """Note on stderr that a journal has a torn tail, if it has one."""
    if contents.torn:
        note(
            f"{journal}: its last {contents.torn} bytes are a torn tail. The next apply or resume "
            "cuts it off and saves it beside the journal"
        )
