"""Journals of bulkops 0.1 (format 1) are read, resumed, and keep their format."""

from __future__ import annotations

import msgspec
import pytest

from bulkops.journal.formats import FORMATS
from bulkops.journal.records import (
    FORMAT,
    Header,
    Notified,
    Planned,
    Record,
    Verified,
    WaveReached,
)
from bulkops.journal.states import Outcome, Reached
from bulkops.operations.model import Observed, Target
from tests.engine.world import PATH, World, job
from tests.plan.forging import encoded

RENAMED: list[tuple[Record, str, str]] = [
    (
        Planned("attach:ws-1", Target("ws-1", "prod"), Observed("wstask-1", {}), {"a": 1}),
        "wanted",
        "desired",
    ),
    (WaveReached(2, 0, 3, Reached.VERIFIED, "2026-11-24T21:00:05Z", 3), "fallen", "drifted"),
    (Verified("2026-11-24T21:00:05Z", 7, {"attach:ws-1": "not attached"}), "standing", "verified"),
]


@pytest.mark.parametrize(("record", "old", "new"), RENAMED, ids=["wanted", "fallen", "standing"])
def test_each_renamed_field_is_read_and_written_under_both_names(
    record: Record, old: str, new: str
) -> None:
    """Format 1 has only the old name, format 2 only the new one; both give the same record."""
    first, second = (msgspec.json.decode(FORMATS[n].encode(record)) for n in (1, FORMAT))
    assert first.pop(old) == second.pop(new)
    assert first == second
    assert FORMATS[1].decode(FORMATS[1].encode(record)) == record
    assert FORMATS[FORMAT].decode(FORMATS[FORMAT].encode(record)) == record


def test_a_notification_is_the_same_in_every_format() -> None:
    """A journal of 0.1 may be resumed by a job that has [notify] now."""
    record = Notified("finished", "WEBHOOK", "2026-11-24T21:00:05Z", 3, "answered 500")
    for form in FORMATS.values():
        assert form.decode(form.encode(record)) == record


def test_an_operation_under_the_other_formats_name_is_refused() -> None:
    """Without its desired state an attach would be read as a detach."""
    planned, _, _ = RENAMED[0]
    with pytest.raises(msgspec.ValidationError, match="`desired`"):
        FORMATS[FORMAT].decode(FORMATS[1].encode(planned))
    with pytest.raises(msgspec.ValidationError, match="`wanted`"):
        FORMATS[1].decode(FORMATS[FORMAT].encode(planned))


def test_a_journal_of_format_1_is_resumed_in_format_1() -> None:
    """Appended records have the old names, so that 0.1 can still read the journal."""
    world = World(workspaces=3)
    world.start(job())
    records = [FORMATS[FORMAT].decode(line) for line in world.disk.content(PATH).splitlines()]
    header = records[0]
    assert isinstance(header, Header)
    records[0] = msgspec.structs.replace(header, format=1)
    world.disk.put(PATH, encoded(records))
    replay = world.resume()
    assert replay.count(Outcome.SUCCEEDED) == 3
    written = world.disk.content(PATH)
    assert b'"standing":3' in written
    assert b'"wanted":{' in written
    assert b'"desired":' not in written
