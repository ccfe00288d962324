"""``journal copy``: between files and a bucket, refused where a copy would do harm."""

from __future__ import annotations

import os
import signal

import pytest

from bulkops.journal.local.lock import locked
from bulkops.journal.place import place_of
from bulkops.journal.records import Holder
from tests.cli.support import World
from tests.conftest import Here
from tests.journal.remote.servers import Server
from tests.journal.remote.tiny_s3 import Asked, Reply, TinyS3

THERE = "s3://journals/team/scan"
BOB = Holder("bob", "build-8", 12, "2026-11-24T21:58:03.120Z")


def _segments(bucket: TinyS3) -> dict[str, bytes]:
    return {name: data for name, data in sorted(bucket.objects.items()) if ".jsonl" in name}


def _files(world: World) -> dict[str, bytes]:
    """Return the files of the folder; a lock file's text names whoever held it last."""
    return {
        path.name: b"" if path.suffix == ".lock" else path.read_bytes()
        for path in world.folder.iterdir()
        if path.is_file()
    }


def test_a_job_moves_to_a_bucket_and_back(world: World, here: Here, bucket: TinyS3) -> None:
    """Killed with its journal in a file, resumed from a bucket, verified from another file."""
    world.kill(signal.SIGKILL, write=5, stage="after")
    before = world.journal.read_bytes()
    done = here("journal", "copy", "scan.jsonl", THERE)
    assert done.code == 0
    lines = before.count(b"\n")
    size = f"{lines} lines, {len(before):,} bytes"
    assert done.out == f"{THERE}: is a copy of scan.jsonl ({size})\n"
    assert done.err.startswith("Both are journals of bulkops-")
    assert done.err.endswith(f": from now on use only {THERE}.\n")
    assert b"".join(_segments(bucket).values()) == before
    assert here("resume", THERE, "--yes").code == 0
    assert world.all_desired()
    assert set(world.changed().values()) == {1}
    done = here("journal", "copy", THERE, "back.jsonl", "--json")
    back = (world.folder / "back.jsonl").read_bytes()
    assert back == b"".join(_segments(bucket).values())
    (event,) = done.objects
    assert event == {
        "type": "copied",
        "source": THERE,
        "target": "back.jsonl",
        "lines": back.count(b"\n"),
        "bytes": len(back),
        "left_out": 0,
        "run_id": event["run_id"],
    }
    assert here("verify", "back.jsonl").code == 0
    assert world.journal.read_bytes() == before


@pytest.mark.parametrize("there", [THERE, "copy.jsonl"])
def test_the_same_command_again_changes_nothing(
    world: World, here: Here, bucket: TinyS3, there: str
) -> None:
    """It was complete, and says so; what isn't its copy any more is refused."""
    assert here(*world.applying).code == 0
    assert here("journal", "copy", "scan.jsonl", there).code == 0
    before = _segments(bucket)
    again = here("journal", "copy", "scan.jsonl", there)
    assert (again.code, "was already a copy of scan.jsonl" in again.out) == (0, True)
    assert here("resume", there, "--yes").code == 0
    grown = here("journal", "copy", "scan.jsonl", there)
    assert grown.code == 2
    words = f"{there}: exists and was left unchanged. Choose another place for the copy"
    assert words in grown.err
    assert before.items() <= _segments(bucket).items()


@pytest.mark.parametrize("what", ["job.toml", "scan.jsonl", "./scan.jsonl", "other.json", "."])
def test_what_is_there_is_left_as_it_is(
    world: World, here: Here, bucket: TinyS3, what: str
) -> None:
    """A job file, the journal itself, any other file, a folder: exit 2."""
    assert here(*world.applying).code == 0
    (world.folder / "other.json").write_text("{}", encoding="utf-8")
    before = _files(world)
    done = here("journal", "copy", "scan.jsonl", what)
    assert (done.code, bool(done.err)) == (2, True)
    assert _files(world) == before
    assert bucket.objects == {}


def test_a_damaged_journal_is_not_copied(world: World, here: Here, bucket: TinyS3) -> None:
    """Exit 12, with what to do, and nothing is written to the bucket."""
    assert here(*world.applying).code == 0
    content = bytearray(world.journal.read_bytes())
    content[content.index(b'"type":"result"')] ^= 1
    world.journal.write_bytes(content)
    done = here("journal", "copy", "scan.jsonl", THERE)
    assert (done.code, "`bulkops journal check scan.jsonl`" in done.err) == (12, True)
    assert bucket.objects == {}


def test_a_torn_tail_is_left_out_and_noted(world: World, here: Here, bucket: TinyS3) -> None:
    """The copy is sound."""
    assert here(*world.applying).code == 0
    world.journal.write_bytes(world.journal.read_bytes()[:-10])
    done = here("journal", "copy", "scan.jsonl", THERE)
    assert (done.code, "are a torn tail, which the copy lacks" in done.err) == (0, True)
    assert here("journal", "check", THERE).code == 0
    assert len(_segments(bucket)) > 1


@pytest.mark.parametrize("held", ["scan.jsonl", THERE, "copy.jsonl"])
def test_a_journal_in_use_is_not_copied(
    world: World, here: Here, bucket: TinyS3, held: str
) -> None:
    """Exit 11 names the holder, whether it has the journal or the place of its copy."""
    assert here(*world.applying).code == 0
    there = "copy.jsonl" if held == "copy.jsonl" else THERE
    with place_of(held).locked(BOB):
        done = here("journal", "copy", "scan.jsonl", there)
    assert (done.code, "bob on build-8, pid 12" in done.err) == (11, True)
    assert _segments(bucket) == {}
    assert here("journal", "copy", "scan.jsonl", there).code == 0


def test_it_waits_for_a_running_job(world: World, here: Here, bucket: TinyS3) -> None:
    """With ``--wait``, the copy has all that the job wrote."""
    assert here(*world.applying).code == 0
    with locked(world.journal, BOB):
        process = world.start("journal", "copy", "scan.jsonl", THERE, "--wait")
        assert process.stderr is not None
        assert "Waiting until it ends" in process.stderr.readline()
    process.communicate()
    assert process.returncode == 0
    assert b"".join(_segments(bucket).values()) == world.journal.read_bytes()


def test_what_others_may_have_written_is_not_made_ones_own(
    world: World, here: Here, bucket: TinyS3
) -> None:
    """A copy would be trusted; exit 2, unless ``--trust-files``."""
    assert here(*world.applying).code == 0
    world.journal.chmod(0o666)
    done = here("journal", "copy", "scan.jsonl", THERE)
    assert (done.code, "--trust-files" in done.err) == (2, True)
    assert bucket.objects == {}
    assert here("journal", "copy", "scan.jsonl", THERE, "--trust-files").code == 0


def test_a_signal_ends_it_and_the_same_command_completes_it(
    world: World, here: Here, bucket: TinyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while segments are written: exit 130, and no journal is there."""
    assert here(*world.applying).code == 0
    answer = TinyS3.answer

    def interrupting(self: TinyS3, asked: Asked, body: bytes) -> Reply:
        if asked.method == "PUT" and asked.target.endswith("2.jsonl"):
            os.kill(os.getpid(), signal.SIGINT)
        return answer(self, asked, body)

    monkeypatch.setattr(TinyS3, "answer", interrupting)
    done = here("journal", "copy", "scan.jsonl", THERE)
    assert done.code == 130
    assert done.err.endswith("Interrupted: the same command completes the copy.\n")
    assert "team/scan/00000001.jsonl" not in bucket.objects
    assert here("status", THERE).code == 12
    monkeypatch.setattr(TinyS3, "answer", answer)
    assert here("journal", "copy", "scan.jsonl", THERE).code == 0
    assert b"".join(_segments(bucket).values()) == world.journal.read_bytes()


@pytest.mark.long
@pytest.mark.parametrize("name", ["moto_server", "seaweedfs_server", "azurite_server"])
def test_it_copies_to_a_real_store_and_back(
    world: World, here: Here, request: pytest.FixtureRequest, name: str
) -> None:
    """The bytes are the same, and the second copy finds the first one."""
    server: Server = request.getfixturevalue(name)
    world.environment |= server.env
    assert here(*world.applying).code == 0
    there = str(server.address(f"copied/{name}"))
    assert here("journal", "copy", "scan.jsonl", there).code == 0
    assert here("verify", there).code == 0
    assert "was already a copy" in here("journal", "copy", "scan.jsonl", there).out
    assert here("journal", "copy", there, "back.jsonl").code == 0
    assert (world.folder / "back.jsonl").read_bytes() == world.journal.read_bytes()
