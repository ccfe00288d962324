"""Records are written and read back, and replayed to the state of a job."""

from __future__ import annotations

from io import BytesIO
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.journal.lines import Scanner, frame
from bulkops.journal.records import (
    Ended,
    Execution,
    Holder,
    Intent,
    Planned,
    Record,
    Result,
    Skipped,
    Verified,
    WaveReached,
    decode,
    encode,
)
from bulkops.journal.replay import replay
from bulkops.journal.states import Outcome, Reached
from bulkops.operations.model import Observed, Target
from tests.journal.samples import AT, HOLDER, first, header, intent, planned, result

texts = st.text(max_size=8)
attributes = st.fixed_dictionaries(
    {"enforcement-level": texts, "stages": st.lists(texts, max_size=3)}
)
targets = st.builds(Target, texts, texts, texts)
records: st.SearchStrategy[Record] = st.one_of(
    st.builds(
        Planned, texts, targets, st.none() | st.builds(Observed, texts, attributes), attributes
    ),
    st.builds(Planned, texts, targets, st.builds(Observed, texts, attributes), st.none()),
    st.builds(Skipped, targets, texts, st.booleans()),
    st.builds(Execution, st.builds(Holder, texts, texts, st.integers(0, 9), texts), texts),
    st.builds(Intent, texts, texts),
    st.builds(Result, texts, st.sampled_from(Outcome), texts, st.booleans(), texts),
    st.builds(Verified, texts, st.integers(0, 9), st.dictionaries(texts, texts, max_size=2)),
    st.builds(
        WaveReached,
        *[st.integers(0, 9)] * 3,
        st.sampled_from(Reached),
        texts,
        held=texts,
        status=st.none() | st.integers(-9, 255),
    ),
    st.builds(Ended, texts, texts),
)


@given(st.lists(st.lists(records, min_size=1, max_size=3), max_size=4))
def test_records_are_read_back_as_written(groups: list[list[Record]]) -> None:
    """Any records, in any groups; every byte is accounted for."""
    seq, crc, data = 1, 0, b""
    for group in groups:
        lines, crc = frame([encode(record) for record in group], seq, seq, crc)
        seq, data = seq + len(group), data + lines
    scanner = Scanner()
    read = [decode(line) for line in scanner.lines(BytesIO(data))]
    assert read == [record for group in groups for record in group]
    assert (scanner.seq, scanner.crc, scanner.offset) == (seq, crc, len(data))
    assert not scanner.rest
    assert not scanner.damaged


def test_a_line_is_one_object_with_its_position() -> None:
    """``seq`` is dense, ``group`` is its group's first ``seq``, ``crc`` continues over lines."""
    data, _ = frame([encode(intent(0)), encode(intent(1))], 7, 7, 0x12345678)
    crc = 0x12345678
    for number, line in enumerate(data.splitlines(), 7):
        values = msgspec.json.decode(line)
        assert list(values)[:2] == ["seq", "group"]
        assert list(values)[-1] == "crc"
        assert (values["seq"], values["group"]) == (number, 7)
        crc = crc32(line[: line.index(b'"crc"')], crc)
        assert values["crc"] == f"{crc:08x}"


def test_a_crc_in_another_spelling_is_invalid() -> None:
    """Bytes are compared: upper case or a sign is damage, though the number is the same."""
    data, _ = frame([encode(intent(0))], 1, 1, 0)
    digits = data[-11:-3]
    assert digits.upper() != digits
    scanner = Scanner()
    assert list(scanner.lines(BytesIO(data.replace(digits, digits.upper())))) == []


def test_the_replay_has_the_state_of_each_operation() -> None:
    """Pending without an intent, in doubt with only an intent, else the last result."""
    state = replay(
        [*first(4), Execution(HOLDER, "1"), intent(0), result(0), intent(1), result(2), intent(2)]
    )
    outcomes = [progress.outcome for progress in state.operations.values()]
    assert outcomes == [Outcome.SUCCEEDED, Outcome.IN_DOUBT, Outcome.IN_DOUBT, None]
    assert state.unfinished
    assert state.count(Outcome.SUCCEEDED) == 1
    assert [skip.reason for skip in state.skips] == ["already attached as wanted"]


def test_a_replay_has_the_last_record_of_each_wave() -> None:
    """A wave that has passed may be opened again; the others don't change."""
    first_wave = [WaveReached(1, 0, 1, reached, AT) for reached in (Reached.OPEN, Reached.PASSED)]
    state = replay([*first(4), *first_wave])
    passed = state.passed
    state.take(WaveReached(2, 1, 4, Reached.VERIFIED, AT, held="manual"))
    assert (passed, state.passed) == (True, False)
    state.take(first_wave[0])
    assert {n: wave.reached for n, wave in state.waves.items()} == {1: "open", 2: "verified"}


def test_an_operation_planned_again_is_pending_again_in_its_place() -> None:
    """``--retry-failed`` records the operation again under its key; the order stays."""
    state = replay([*first(2), intent(0), result(0), planned(0)])
    assert list(state.operations) == ["attach:ws-0", "attach:ws-1"]
    assert state.operations["attach:ws-0"].outcome is None


def test_the_replay_updates_its_counts() -> None:
    """After each record they equal a full count, whether they were built early or late."""
    doubt = msgspec.structs.replace(result(2), outcome=Outcome.IN_DOUBT)
    later: list[Record] = [intent(0), result(0), intent(1), intent(0), intent(2), intent(2)]
    later += [planned(1), doubt, intent(2), doubt, result(2), result(3), planned(3), planned(3)]
    state = replay(first(4))
    for record in later:
        state.take(record)
        outcomes = [progress.outcome for progress in state.operations.values()]
        for outcome in (None, *Outcome):
            assert state.count(outcome) == outcomes.count(outcome), (record, outcome)
    assert state.operations.results.total() == 1
    assert replay([*first(4), *later]).operations.results == state.operations.results


def test_two_operations_on_one_target_are_found_by_their_keys() -> None:
    """The target is listed once; an operation that was never planned is not found."""
    target = Target("ws-0", "prod-0")
    keys = ["attach:ws-0", "detach:ws-0"]
    operations = replay([header(2), *(Planned(key, target, None, {}) for key in keys)]).operations
    assert list(operations) == [operations[key].operation.key for key in keys] == keys
    assert operations.target_ids == ["ws-0"]
    assert not {"update:ws-0", "attach:ws-1"} & operations.keys()


def test_a_new_execution_resets_verification_and_end() -> None:
    """Both belong to the last execution only."""
    ended = [*first(1), Execution(HOLDER, "1"), Verified(AT, 1), Ended(AT, "complete")]
    assert replay(ended).ended == Ended(AT, "complete")
    again = replay([*ended, Execution(HOLDER, "1")])
    assert (again.ended, again.verified, len(again.executions)) == (None, None, 2)


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        ([], "its first record is not a header"),
        ([intent(0)], "its first record is not a header"),
        ([header(0), header(0)], "a second header"),
        ([header(0), intent(7)], "an operation on 'ws-7' was never planned"),
        (
            [header(1), msgspec.structs.replace(planned(0), key="attach:ws-1")],
            "operation attach:ws-1 has another target, ws-0",
        ),
    ],
)
def test_inconsistent_records_are_refused(stream: list[Record], problem: str) -> None:
    """A header comes first, and every record is about a planned operation."""
    with pytest.raises(ValueError, match=problem):
        replay(stream)


@pytest.mark.parametrize(
    ("before", "desired", "verb"),
    [
        (None, {"enforcement-level": "advisory"}, "attach"),
        ({"enforcement-level": "advisory"}, {"enforcement-level": "mandatory"}, "update"),
        ({"enforcement-level": "advisory"}, None, "detach"),
        ({"name": "scan"}, None, "delete"),
        (None, {"name": "scan"}, "create"),
        ({}, {"hmac-key-sha256": "0"}, "rotate"),
        ({"enabled": False}, {"enabled": True}, "enable"),
        ({"enabled": True}, {"enabled": False}, "disable"),
        ({"auto-apply": True}, {"auto-apply": False}, "update"),
    ],
)
def test_the_verbs_of_a_0_1_journal_are_inferred(
    before: dict[str, object] | None, desired: dict[str, object] | None, verb: str
) -> None:
    """It doesn't record them; a recorded verb takes precedence."""
    observed = None if before is None else Observed("x", before)
    line = {"key": "kind:ws-0", "target": Target("ws-0", "prod-0"), "before": observed}
    record = Planned(**line, desired=desired)  # type: ignore[arg-type]  # a row of the table
    (progress,) = replay([header(1), record]).operations.values()
    assert progress.operation.verb == verb
    old = Planned(**line, desired=desired, verb="freeze")  # type: ignore[arg-type]  # as above
    (progress,) = replay([header(1), old]).operations.values()
    assert progress.operation.verb == "freeze"


def test_a_target_has_a_project_only_if_it_is_known() -> None:
    """A record without one is that of 0.2; a million records share one string per project."""
    old = encode(planned(0))
    assert b'"target":{"id":"ws-0","name":"prod-0"}' in old
    records = [
        msgspec.structs.replace(planned(number), target=Target(f"ws-{number}", "prod", "payments"))
        for number in (1, 2)
    ]
    again = [decode(line) for line in (old, *map(encode, records))]
    state = replay([header(3), *again])
    projects = [p.operation.target.project for p in state.operations.values()]
    assert projects == ["", "payments", "payments"]
    assert projects[1] is projects[2]
