"""A journal read while it grows, arrives in pieces, or is replaced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bulkops.errors import JournalDamaged, JournalError
from bulkops.journal.following.follower import Follower
from bulkops.journal.formats import FORMATS
from bulkops.journal.lines import frame
from bulkops.journal.local.file import JournalFile, ReadFile
from bulkops.journal.reader import read
from bulkops.journal.records import Ended, Execution, Header, Record, encode
from tests.journal.samples import AT, HOLDER, LATER, first, header, intent, planned, result

PLAN = first(3)
GROUPS: list[list[Record]] = [PLAN, *LATER]
RECORDS = [record for group in GROUPS for record in group]


def written(groups: Sequence[Sequence[Record]], version: int = 2) -> bytes:
    """Return a journal's bytes."""
    made, seq, crc = b"", 1, 0
    for group in groups:
        lines = [FORMATS[version].encode(record) for record in group]
        data, crc = frame(lines, seq, seq, crc)
        seq += len(lines)
        made += data
    return made


WHOLE = written(GROUPS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path at which the journal is, or will be."""
    return tmp_path / "job.jsonl"


def looked(follower: Follower) -> list[Record]:
    """Return the new records."""
    return list(follower.look())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ends=st.sets(st.integers(0, len(WHOLE))), zeros=st.booleans())
def test_it_may_arrive_in_any_pieces(path: Path, ends: set[int], *, zeros: bool) -> None:
    """Each record comes once and in order; a torn line, or a page of zeros, is waited for."""
    follower = Follower(ReadFile(path))
    seen = list[Record]()
    for end in [*sorted(ends), len(WHOLE)]:
        rest = b"\0" * min(4096, len(WHOLE) - end) if zeros else b""
        path.write_bytes(WHOLE[:end] + rest)
        seen += looked(follower)
        assert not follower.damaged
        assert not follower.other
        assert seen == RECORDS[: len(seen)]
        assert follower.planned == (len(seen) >= len(PLAN))
    assert seen == RECORDS
    assert follower.replay == read(JournalFile(path)).replay
    assert looked(follower) == []
    path.unlink()


def test_journals_of_0_1_are_followed(path: Path) -> None:
    """Its records have the names of their format."""
    records = [replace(header(1), format=1, skips=0), planned(0), *LATER[0]]
    path.write_bytes(written([records[:2], records[2:]], version=1))
    assert looked(Follower(ReadFile(path))) == records


def test_a_copy_that_is_renamed_into_place_is_read_on(path: Path) -> None:
    """Shorter, as long or longer than the old file: no record comes twice, and none is lost."""
    follower = Follower(ReadFile(path))
    half, more = len(written(GROUPS[:3])), len(written(GROUPS[:4]))
    path.write_bytes(WHOLE[:half])
    seen = looked(follower)
    replay = follower.replay
    for size in (0, 10, half - 5, half, half + 3, more, 20, more + 1, len(WHOLE)):
        other = path.with_name("copy")
        other.write_bytes(WHOLE[:size])
        other.rename(path)
        seen += looked(follower)
        assert follower.planned
        assert seen == RECORDS[: len(seen)]
    assert seen == RECORDS
    assert follower.replay is replay
    assert follower.replaced == 0


def test_one_that_is_rewritten_in_place_is_read_on(path: Path) -> None:
    """``cp`` empties the file and fills it again."""
    follower = Follower(ReadFile(path))
    path.write_bytes(WHOLE)
    assert looked(follower) == RECORDS
    for size in (0, 100, len(WHOLE)):
        path.write_bytes(WHOLE[:size])
        assert looked(follower) == []
    assert follower.replaced == 0


def test_another_state_of_the_same_run_is_read_from_its_beginning(path: Path) -> None:
    """A backup was restored, or damage cut, and the job resumed: all records come again."""
    follower = Follower(ReadFile(path))
    path.write_bytes(WHOLE)
    looked(follower)
    again: list[Record] = [Execution(HOLDER, "2"), intent(0), result(0), intent(2)]
    other: list[list[Record]] = [*GROUPS[:3], [result(2)], again]
    path.write_bytes(written(other))
    assert looked(follower) == [record for group in other for record in group]
    assert follower.replaced == 1
    assert follower.replay == read(JournalFile(path)).replay


def test_the_journal_of_another_run_is_an_error(path: Path) -> None:
    """It is an error: the records so far belong to another job."""
    follower = Follower(ReadFile(path))
    path.write_bytes(WHOLE)
    looked(follower)
    path.unlink()
    path.write_bytes(written([[replace(header(3, 1), run_id="bulkops-other"), *PLAN[1:]]]))
    with pytest.raises(JournalError, match="another run has taken its place") as raised:
        looked(follower)
    assert raised.value.exit_code == 1


def test_a_file_that_is_away_for_a_moment_is_no_news(path: Path) -> None:
    """The error is kept; then reading continues."""
    follower = Follower(ReadFile(path))
    assert looked(follower) == []
    assert isinstance(follower.missing, FileNotFoundError)
    path.write_bytes(WHOLE[:-1])
    seen = looked(follower)
    path.unlink()
    assert looked(follower) == []
    assert follower.missing is not None
    path.write_bytes(WHOLE)
    assert [*seen, *looked(follower)] == RECORDS
    assert follower.missing is None


@pytest.mark.parametrize("text", [b'name = "scan"\n', b'{"user":', b"\xff" * 100, b'{"seq":2,'])
def test_another_file_is_recognized_by_its_first_bytes(path: Path, text: bytes) -> None:
    """For an empty file, zeros, or the first bytes of a header, that is not known yet."""
    follower = Follower(ReadFile(path))
    for waited_for in (b"", b"\0" * 5000, WHOLE[:1], WHOLE[:40]):
        path.write_bytes(waited_for)
        assert looked(follower) == []
        assert not follower.other
    path.write_bytes(text)
    assert looked(follower) == []
    assert follower.other


def test_damage_is_reported_and_may_disappear(path: Path) -> None:
    """A network file system had not delivered the page yet."""
    damaged = bytearray(WHOLE)
    damaged[len(written(GROUPS[:2])) + 5] ^= 1
    path.write_bytes(damaged)
    follower = Follower(ReadFile(path))
    seen = looked(follower)
    assert follower.damaged
    path.write_bytes(WHOLE)
    assert [*seen, *looked(follower)] == RECORDS
    assert not follower.damaged


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ([result(7)], "never planned"),
        ([header(0)], "a second header"),
    ],
)
def test_one_that_does_not_agree_with_itself_is_damaged(
    path: Path, group: list[Record], message: str
) -> None:
    """Its lines are valid, but bulkops did not write them."""
    path.write_bytes(written([PLAN, group]))
    with pytest.raises(JournalDamaged, match=message):
        looked(Follower(ReadFile(path)))


def test_other_versions_are_named(path: Path) -> None:
    """A format or type of record that this version does not know; another first record."""
    path.write_bytes(written([[replace(header(0), format=99)]]))
    with pytest.raises(JournalError, match="has journal format 99"):
        looked(Follower(ReadFile(path)))
    plan, crc = frame([encode(record) for record in PLAN], 1, 1, 0)
    later, _ = frame([b'{"type":"later"}'], len(PLAN) + 1, len(PLAN) + 1, crc)
    path.write_bytes(plan + later)
    with pytest.raises(JournalDamaged, match="has a record that this version doesn't know"):
        looked(Follower(ReadFile(path)))


def test_the_last_execution_is_read_again_from_the_file(path: Path) -> None:
    """From its own record to the last one read; none if it has no record."""
    follower = Follower(ReadFile(path))
    path.write_bytes(written(GROUPS[:1]))
    looked(follower)
    assert list(follower.of_last_execution()) == []
    again: list[Record] = [Execution(HOLDER, "2"), intent(2)]
    path.write_bytes(written([*GROUPS, again, [result(2)]]) + b'{"seq":')
    looked(follower)
    assert list(follower.of_last_execution()) == [*again, result(2)]
    path.unlink()
    with pytest.raises(JournalError, match="Run the same command again"):
        list(follower.of_last_execution())


def test_only_new_lines_are_read(path: Path) -> None:
    """A look at an unchanged journal reads none of its lines again."""
    path.write_bytes(WHOLE)
    follower = Follower(ReadFile(path))
    looked(follower)
    with path.open("r+b") as file:
        file.write(b"\0" * (len(WHOLE) - 20))
    assert looked(follower) == []
    assert not follower.damaged
    assert isinstance(RECORDS[0], Header)
    assert isinstance(RECORDS[-1], Ended)
    assert RECORDS[-1].at == AT
