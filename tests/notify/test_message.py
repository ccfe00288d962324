"""What people are told: valid events, and sentences that say where, how far and what next."""

from __future__ import annotations

import hashlib
import hmac

import jsonschema
import msgspec
import pytest

from bulkops.errors import SIGNALS
from bulkops.journal.records import Ended, Execution, Record
from bulkops.journal.replay import replay
from bulkops.journal.states import How
from bulkops.notify.message import Message, at_end, occasion_of, signature, started
from bulkops.report.model import Report, report
from tests.documents.event_tables import SCHEMA
from tests.journal.samples import HOLDER, header, planned
from tests.report.samples import at

VALIDATOR = jsonschema.Draft202012Validator(msgspec.json.decode(SCHEMA.read_bytes()))


def reported(how: str = "", executions: int = 1, *, running: bool = False) -> Report:
    """Return the report of a job with one pending operation."""
    records: list[Record] = [header(1), planned(1), *[Execution(HOLDER, "1")] * executions]
    state = replay([*records, *([Ended(at(9), how)] if how else [])])
    return report(state, holder=HOLDER if running else None)


def members(message: Message) -> dict[str, object]:
    """Return the body's members: a valid event, ``type`` first, with two more."""
    body = msgspec.json.decode(message.body, type=dict[str, object])
    VALIDATOR.validate(body)
    assert next(iter(body)) == "type"
    assert (body["event"], body["text"]) == (message.occasion, message.text)
    return body


@pytest.mark.parametrize("how", [*How, *SIGNALS])
def test_each_end_is_told(how: str) -> None:
    """Only the complete end is finished, only what waits is paused; all others have stopped it."""
    expected = {"complete": "finished", "paused": "paused", "window": "paused"}.get(how, "stopped")
    assert occasion_of(how) == expected
    message = at_end(reported(how))
    assert message.occasion == expected
    assert message.text.startswith(f"{expected.capitalize()}: ")
    assert members(message)["type"] == "report"


@pytest.mark.parametrize(("executions", "word"), [(1, "Started"), (2, "Resumed")])
def test_a_start_says_who_runs_it(executions: int, word: str) -> None:
    """Its second line has the counts, and the process with its host."""
    message = started(reported(executions=executions, running=True))
    first, second = message.text.splitlines()
    assert first.startswith(f"{word}: ")
    assert second == f"1 pending of 1 operation; pid {HOLDER.pid} on {HOLDER.host}, since " + (
        f"{HOLDER.started_at}."
    )
    assert members(message)["type"] == "status"


def test_a_start_of_an_unknown_process_is_told_too() -> None:
    """Then its second line has only the counts."""
    assert started(reported()).text.splitlines()[1] == "1 pending of 1 operation."


def test_a_shard_is_named_in_both() -> None:
    """In the text, and in the event's own member."""
    for message in (started(reported(), "eu"), at_end(reported("complete"), (), "eu")):
        assert ": eu: " in message.text.splitlines()[0]
        assert members(message)["shard"] == "eu"


def test_what_to_run_next_is_last() -> None:
    """One line per sentence."""
    message = at_end(reported("paused"), ["Do this.", "Then that."])
    assert message.text.splitlines()[1:] == [
        "1 pending of 1 operation; paused by the job.",
        "Do this.",
        "Then that.",
    ]


def test_a_signature_is_hmac_sha512() -> None:
    """In hex, of the bytes as they are sent."""
    expected = hmac.new(b"k\xc3\xa9y", b"{}", hashlib.sha512).hexdigest()
    assert signature(b"{}", "kéy") == expected
