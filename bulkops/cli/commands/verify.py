"""``bulkops verify JOURNAL``: check whether the server still shows what a job did."""

from __future__ import annotations

from collections.abc import Iterator

from click.exceptions import Exit

from bulkops import events
from bulkops.cli.commands.journal import note_torn_tail
from bulkops.cli.options import JOURNAL, JSON, SERVER, TRUST_FILES, Server, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import print_text
from bulkops.cli.session import connect, only_reading, run
from bulkops.client.access.address import Stated
from bulkops.errors import ExitCode
from bulkops.journal.place import Place
from bulkops.journal.progress import Progress
from bulkops.journal.records import Verified
from bulkops.journal.replay import Replay
from bulkops.journal.states import DONE
from bulkops.operations import wording
from bulkops.plan.current_state import read_recorded
from bulkops.plan.trusted import open_journal
from bulkops.report.columns import filled, widest
from bulkops.report.model import PENDING
from bulkops.report.words import outcome_in_words
from bulkops.text import counted


@command(JOURNAL, JSON, TRUST_FILES, SERVER)
def verify(*, journal: Place, json: bool, trust_files: bool, server: Server) -> None:
    """Check for drift against a journal.

    Compares the server with what the job did, and lists what has drifted, or isn't done yet (exit
    3). Because a read may lag behind a write, what differs is read again after the job's settle
    time (10 s). Changes neither the server nor the journal.

    \b
    Examples:
      bulkops verify canary.jsonl
    """
    contents = open_journal(journal.reader(trusted=trust_files))
    note_torn_tail(journal, contents)
    replay = contents.replay
    client = connect(server, Stated(journal, replay.header.address))

    with only_reading():
        verified = run(client, lambda c: read_recorded(c, replay, journal))
    if json:
        for event in verified_events(replay, verified):
            print_json(event)
    else:
        for line in differing_lines(replay, verified):
            print_text(line)
        print_text(f"{verified_in_words(replay, verified)}.")
    raise Exit(ExitCode.UNFULFILLED if verified.differing else ExitCode.DONE)


def differing_lines(replay: Replay, verified: Verified) -> Iterator[str]:
    """Yield a line for each operation whose desired state the server does not show."""
    names = {key: replay.operations[key].operation.target.name for key in verified.differing}
    labels = {key: _label(replay.operations[key]) for key in verified.differing}
    width, column = widest(names.values()), widest(labels.values())
    for key, shows in verified.differing.items():
        label, name = filled(labels[key], column), filled(names[key], width)
        operation = replay.operations[key].operation
        desired = wording.state(operation, operation.desired)
        yield f"{label}  {name}  the server shows {shows}; desired: {desired}"


def verified_in_words(replay: Replay, verified: Verified) -> str:
    """Return the totals of a verification: ``11 of 12 operations verified``."""
    total = counted(len(replay.operations), "operation")
    rest = f", {verified.unreadable:,} can't be read back" if verified.unreadable else ""
    return f"{verified.verified:,} of {total} verified{rest}"


def _label(progress: Progress) -> str:
    """Return ``drifted`` only for what the job has done."""
    outcome = progress.outcome
    return "drifted" if outcome in DONE else outcome_in_words(outcome or PENDING)


def verified_events(
    replay: Replay, verified: Verified
) -> Iterator[events.Differing | events.Verified]:
    """Yield what ``--json`` prints of a verification."""
    for key, shows in verified.differing.items():
        target = replay.operations[key].operation.target
        yield events.Differing(**target.fields, key=key, shows=shows)
    yield events.Verified(
        verified=verified.verified,
        differing=len(verified.differing),
        unreadable=verified.unreadable,
    )
