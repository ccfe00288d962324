"""``journal check`` and ``journal repair``: the file itself."""

from __future__ import annotations

import codecs
import signal
from collections.abc import Callable

import pytest

from bulkops.journal.lines import frame
from tests.cli.support import World
from tests.conftest import Here


def damage(world: World, byte: int) -> None:
    """Flip a bit of the journal."""
    content = bytearray(world.journal.read_bytes())
    content[byte] ^= 1
    world.journal.write_bytes(content)


def a_result(world: World) -> int:
    """Return the offset of the journal's first result."""
    return world.journal.read_bytes().index(b'"type":"result"')


def test_a_sound_journal_is_reported_as_sound(world: World, here: Here) -> None:
    """``journal check`` counts lines and bytes, shows the job's totals, and sends no request."""
    here(*world.applying)
    requests = world.requests
    done = here("journal", "check", "scan.jsonl")
    size = world.journal.stat().st_size
    lines = world.journal.read_bytes().count(b"\n")
    assert done.lines[0] == f"scan.jsonl: {lines} sound lines, {size} bytes"
    assert done.lines[1].endswith(": 12 succeeded of 12 operations")
    assert (done.code, world.requests) == (0, requests)


def test_a_torn_tail_is_reported_and_is_not_damage(world: World, here: Here) -> None:
    """A torn tail, as a power cut leaves it, is exit 0."""
    here(*world.applying)
    world.journal.write_bytes(world.journal.read_bytes()[:-10])
    done = here("journal", "check", "scan.jsonl", "--json")
    assert done.code == 0
    assert done.objects[0]["state"] == "torn"


def test_damage_is_exit_12_and_repaired_only_when_accepted(world: World, here: Here) -> None:
    """The sound lines are kept, the rest is saved beside them, and the job can be resumed."""
    here(*world.applying)
    damage(world, a_result(world))
    before = world.journal.read_bytes()
    checked = here("journal", "check", "scan.jsonl")
    assert checked.code == 12
    assert "--accept-loss" in checked.err
    assert here("resume", "scan.jsonl", "--yes").code == 12
    refused = here("journal", "repair", "scan.jsonl")
    assert refused.code == 2
    assert world.journal.read_bytes() == before
    repaired = here("journal", "repair", "scan.jsonl", "--accept-loss")
    assert repaired.code == 0
    kept = world.journal.read_bytes()
    aside = next(world.folder.glob("scan.jsonl.damaged-*"))
    assert kept + aside.read_bytes() == before
    assert here("journal", "check", "scan.jsonl").code == 0
    writes = world.writes
    assert here("resume", "scan.jsonl", "--yes").code == 0
    assert world.writes == writes
    assert world.all_desired()


SAVED_ANEW: dict[str, Callable[[bytes], bytes]] = {
    "its line breaks are CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "it begins with a byte order mark": lambda data: codecs.BOM_UTF8 + data,
    "it is not UTF-8": lambda data: data.decode().encode("utf-16"),
}


@pytest.mark.parametrize("words", SAVED_ANEW)
def test_a_journal_that_another_program_saved_is_called_that(
    world: World, here: Here, words: str
) -> None:
    """Every command says so, changes nothing and sends nothing; saved back, it is sound."""
    here(*world.applying)
    before, writes = world.journal.read_bytes(), world.writes
    saved = SAVED_ANEW[words](before)
    world.journal.write_bytes(saved)
    reading = (("status",), ("report",), ("verify",), ("watch",), ("journal", "check"))
    changing = (("resume", "--yes"), ("undo", "--yes"), ("journal", "repair", "--accept-loss"))
    for command in (*reading, *changing):
        done = here(*command, "scan.jsonl")
        assert (done.code, done.out) == (12, ""), command
        assert f"scan.jsonl: {words}: git, an editor or a shell has changed it" in done.err, command
    assert here(*world.applying).code == 12
    assert (world.journal.read_bytes(), world.writes) == (saved, writes)
    world.journal.write_bytes(before)
    assert here("journal", "check", "scan.jsonl").code == 0


def test_a_journal_without_its_plan_is_beyond_repair(world: World, here: Here) -> None:
    """Damage in the plan: exit 12, nothing is cut."""
    here(*world.applying)
    damage(world, world.journal.read_bytes().index(b'"type":"operation"'))
    before = world.journal.read_bytes()
    done = here("journal", "repair", "scan.jsonl", "--accept-loss")
    assert done.code == 12
    assert "its plan is incomplete" in done.err
    assert world.journal.read_bytes() == before


@pytest.mark.parametrize("accepted", [(), ("--accept-loss",)], ids=["asking", "accepting"])
def test_what_is_no_journal_is_named_and_gets_no_lock_file(
    world: World, here: Here, accepted: tuple[str, ...]
) -> None:
    """A job file, an empty file, nothing: the message is that of the other commands."""
    (world.folder / "empty").touch()
    before = sorted(world.folder.iterdir())
    for name in ("job.toml", "empty", "missing"):
        done = here("journal", "repair", name, *accepted)
        assert (done.code, done.err) == (2, here("journal", "check", name).err)
    assert sorted(world.folder.iterdir()) == before


def test_a_journal_of_an_unknown_format_gets_no_lock_file(world: World, here: Here) -> None:
    """Neither resume nor repair leaves one where nothing began."""
    here(*world.applying)
    header, *lines = world.journal.read_bytes().splitlines(keepends=True)
    members = header.split(b",", 2)[2].rpartition(b',"crc"')[0]
    forged, _ = frame([b"{%b}" % members.replace(b'"format":2', b'"format":9')], 1, 1, 0)
    world.journal.write_bytes(forged + b"".join(lines))
    lock = world.folder / "scan.jsonl.lock"
    lock.unlink()
    for command in (("resume", "scan.jsonl"), ("journal", "repair", "scan.jsonl", "--accept-loss")):
        done = here(*command)
        assert (done.code, "journal format 9" in done.err) == (1, True)
        assert not lock.exists()


@pytest.mark.parametrize("accepted", [(), ("--accept-loss",)], ids=["asking", "accepting"])
def test_a_sound_journal_needs_no_repair(
    world: World, here: Here, accepted: tuple[str, ...]
) -> None:
    """A sound journal is reported as sound and left unchanged; there is no loss to accept."""
    world.kill(signal.SIGKILL, write=3, stage="after")
    before = world.journal.read_bytes()
    done = here("journal", "repair", "scan.jsonl", *accepted)
    assert (done.code, done.out) == (0, "scan.jsonl: is sound\n")
    assert world.journal.read_bytes() == before
