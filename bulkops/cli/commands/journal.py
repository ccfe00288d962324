"""``bulkops status``, ``watch`` and ``journal list`` and ``check``, which send no request."""

from __future__ import annotations

from functools import partial
from typing import Literal

import click
from click.exceptions import Exit

from bulkops import events
from bulkops.cli.options import JOURNAL, JSON, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.next_step import next_step
from bulkops.cli.output.printing import note, print_text
from bulkops.cli.output.tables import print_table
from bulkops.errors import ExitCode
from bulkops.journal.local.holder import was_killed
from bulkops.journal.place import Place, default_journals
from bulkops.journal.reader import Contents, Take, sound_part
from bulkops.journal.replay import Replay
from bulkops.journal.states import How
from bulkops.journal.upkeep.listing import Listed, listed
from bulkops.plan.trusted import disagreement_as_known, sound_journal
from bulkops.report.model import report as summarize
from bulkops.report.text import head, totals, verification
from bulkops.report.words import date, ended
from bulkops.text import as_argument

JOB_NAME = click.Option(["--job"], metavar="NAME", help="Only journals of the job with this name.")


@command(JOB_NAME, JSON)
def list_journals(*, job: str | None, json: bool) -> None:
    """List the journals of the default place.

    The newest comes first. Shows which journal to resume, for example after a runner has lost its
    disk. The default place is .bulkops, or what BULKOPS_JOURNALS names: another folder, or an
    address such as s3://bucket/prefix. At an address, only the newest journal of each version of a
    job is listed, per organization and server, and none of an undo.

    Reads only the first line and the end of each journal. Exits with 1 if one can't be read.
    Sends no request to the Terraform server and needs no token.

    \b
    Examples:
      bulkops journal list
      bulkops journal list --job canary --json
    """
    place = default_journals()
    journals = listed(place.all(job))
    if json:
        for one in journals:
            print_json(_event(one))
    elif journals:
        header = ("JOURNAL", "JOB", "ORGANIZATION", "STARTED (UTC)", "STATE")
        print_table(header, map(_row, journals))
    if not journals:
        none = f"{place}: no journals{f' of the job {job}' if job else ''}."
        (note if json else print_text)(none)
    if any(one.problem for one in journals):
        raise Exit(ExitCode.ERROR)


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


def _row(one: Listed) -> tuple[str, ...]:
    if one.header is None:
        return str(one.place), "", "", "", one.problem
    return (
        str(one.place),
        _job(one),
        one.header.organization,
        date(one.header.created_at),
        _state(one),
    )


def _state(one: Listed) -> str:
    if not one.ended:
        return "not finished"
    state = ended(one.ended, killed=False)
    return f"ended: {state}" if one.ended == How.COMPLETE else state


def _job(one: Listed) -> str:
    return str(one.header.job.get("name", "")) if one.header else ""


def _event(one: Listed) -> events.Listed:
    header = one.header
    return events.Listed(
        journal=str(one.place),
        job=_job(one) if header else None,
        organization=header.organization if header else None,
        created_at=header.created_at if header else None,
        ended=one.ended if header else None,
        problem=one.problem,
    )
