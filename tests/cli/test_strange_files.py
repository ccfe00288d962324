"""FIFOs, devices, links and endless files where bulkops reads or creates one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.forked import Forked
from tests.cli.support import Done, World, ended
from tests.conftest import Here

HUGE = 8 << 30
MEMORY = 400 << 20
"""The most bytes of memory, Python included, of a command that meets a strange file."""


def fifo(path: Path) -> None:
    """Create a FIFO without a writer."""
    os.mkfifo(path)


def endless(path: Path) -> None:
    """Create a link to ``/dev/zero``."""
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    """Create a sparse file of eight gigabytes without a line break."""
    with path.open("wb") as file:
        file.truncate(HUGE)


def huge_after_a_header(path: Path) -> None:
    """Create a file that begins as a journal and continues as ``huge``."""
    (journal,) = path.parent.glob("*Z.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:20]))
    os.truncate(path, HUGE)


def nested(path: Path) -> None:
    """Create a file that is nested too deeply for any parser."""
    path.write_bytes(b'{"seq":' + b"[" * 10_000_000 + b"\n")


def nothing(path: Path) -> None:
    """Create a link to a missing file."""
    path.symlink_to("nowhere")


def circle(path: Path) -> None:
    """Create a link to itself."""
    path.symlink_to(path.name)


Make = Callable[[Path], None]
STRANGE = pytest.mark.parametrize(
    "make",
    [
        *(fifo, endless, nested, nothing, circle),
        *(pytest.param(make, marks=pytest.mark.long) for make in (huge, huge_after_a_header)),
    ],
)


def bounded(world: World, *arguments: str, **environment: str) -> Done:
    """Run a command with bounded memory and within a minute."""
    process = world.start(*arguments, **environment)
    assert isinstance(process, Forked)
    done = ended(process)
    assert process.memory < MEMORY
    return done


@pytest.fixture(autouse=True)
def _nothing_huge_is_looked_at_afterwards(world: World) -> Iterator[None]:
    """Remove the files that the world's teardown would read completely."""
    yield
    for path in world.folder.rglob("*"):
        if path.is_file() and path.stat().st_size > MEMORY:
            path.unlink()


@STRANGE
def test_a_strange_file_beside_a_journal_stops_no_plan(
    world: World, here: Here, make: Make
) -> None:
    """``plan`` ignores it: it neither waits, nor fills its memory, nor fails."""
    assert here("apply", "job.toml", "--yes").code == 0
    make(world.folder / ".bulkops" / "scan" / "strange.jsonl")
    assert bounded(world, "plan", "job.toml").code == 0


@STRANGE
def test_a_strange_file_in_the_jobs_folder_is_named(world: World, here: Here, make: Make) -> None:
    """``apply`` can't know which journal is the newest: it names the file and sends nothing."""
    assert here("apply", "job.toml", "--yes").code == 0
    before = world.writes
    make(world.folder / ".bulkops" / "scan" / "strange.jsonl")
    done = bounded(world, "apply", "job.toml", "--yes")
    assert done.code in (2, 12)
    assert ".bulkops/scan/strange.jsonl: " in done.err
    assert world.writes == before


@STRANGE
@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "strange.jsonl"),
        ("report", "strange.jsonl"),
        ("verify", "strange.jsonl"),
        ("resume", "strange.jsonl"),
        ("undo", "strange.jsonl"),
        ("journal", "check", "strange.jsonl"),
    ],
    ids=" ".join,
)
def test_a_strange_journal_is_refused_with_a_message(
    world: World, here: Here, make: Make, arguments: tuple[str, ...]
) -> None:
    """Exit 2 or 12 immediately, with the file's name and no request."""
    assert here(*world.applying).code == 0
    shutil.copy(world.journal, world.folder / "20Z.jsonl")
    requests = world.requests
    make(world.folder / "strange.jsonl")
    done = bounded(world, *arguments)
    assert done.code in (2, 12)
    assert "strange.jsonl: " in done.out + done.err
    assert world.requests == requests


@pytest.mark.parametrize("place", ["fifo", "/dev/null", "/dev/zero", "."])
def test_a_special_file_is_not_a_journal(world: World, here: Here, place: str) -> None:
    """A special file as ``--journal`` is exit 2 immediately, and nothing is sent."""
    os.mkfifo(world.folder / "fifo")
    for arguments in (
        ("apply", "job.toml", "--journal", place, "--yes"),
        ("journal", "repair", place, "--accept-loss"),
    ):
        done = here(*arguments)
        assert done.code == 2
        assert f"{place}: " in done.err
    assert world.requests == 0


def victim(world: World) -> Path:
    """Create a file that an attacker wants overwritten."""
    path = world.folder / "victim"
    path.write_bytes(b"precious")
    return path


IN_THE_WAY: dict[str, Make] = {
    "link": lambda path: path.symlink_to("victim"),
    "hard link": lambda path: path.hardlink_to(path.with_name("victim")),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "fifo": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/full"),
    "left by a killed process": Path.touch,
}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_a_file_in_the_way_of_a_new_one_is_left_unchanged(
    world: World, here: Here, what: str
) -> None:
    """A file at ``JOURNAL.new`` or ``PLAN.new`` is left unchanged; journal and plan are saved."""
    precious = victim(world)
    for name in ("scan.jsonl.new", "scan.plan.new"):
        IN_THE_WAY[what](world.folder / name)
    assert here("plan", "job.toml", "--out", "scan.plan").code == 0
    assert here("apply", "scan.plan", "--journal", "scan.jsonl").code == 0
    assert world.all_desired()
    assert precious.read_bytes() == b"precious"
    assert not (world.folder / "nowhere").exists()
    names = {path.name for path in world.folder.glob("*.new*")}
    assert names == {"scan.jsonl.new", "scan.plan.new"}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_a_file_in_the_way_of_a_torn_tail_is_left_unchanged(
    world: World, here: Here, what: str
) -> None:
    """The tail is saved under the next free name."""
    precious = victim(world)
    assert here(*world.applying).code == 0
    size = world.journal.stat().st_size
    for why in ("torn", "damaged"):
        IN_THE_WAY[what](world.folder / f"scan.jsonl.{why}-{size}")
    with world.journal.open("ab") as file:
        file.write(b"torn once")
    assert here(*world.applying).code == 0
    assert (world.folder / f"scan.jsonl.torn-{size}-2").read_bytes() == b"torn once"
    assert precious.read_bytes() == b"precious"
    assert not (world.folder / "nowhere").exists()


@pytest.mark.parametrize("what", ["link", "hard link", "dangling link", "fifo", "device"])
def test_a_strange_lock_file_is_refused(world: World, here: Here, what: str) -> None:
    """A lock file that is a link or another file is named, and nothing is sent."""
    precious = victim(world)
    IN_THE_WAY[what](world.folder / "scan.jsonl.lock")
    done = here(*world.applying)
    assert done.code == (2 if what == "hard link" else 14)
    assert "scan.jsonl.lock: " in done.err
    assert world.requests == 0
    assert precious.read_bytes() == b"precious"
    assert not (world.folder / "nowhere").exists()


@pytest.mark.parametrize("content", [b"", bytes(80), b'{"user":"ann","ho'])
def test_a_lock_file_that_a_crash_has_left_is_used(
    world: World, here: Here, content: bytes
) -> None:
    """A partly written lock file need not be removed."""
    (world.folder / "scan.jsonl.lock").write_bytes(content)
    assert here(*world.applying).code == 0


def test_a_job_may_be_read_from_a_pipe(world: World) -> None:
    """As ``/dev/stdin`` or ``<(…)``; so may its list of workspaces, and an HMAC key."""
    python = f"{sys.executable} -m bulkops"
    assert world.shell(f"cat job.toml | {python} plan /dev/stdin").code == 0
    assert world.shell(f"{python} plan <(cat job.toml)").code == 0
    world.job(("all = true", 'file = "/dev/stdin"'))
    done = world.shell(f"printf 'name\\nprod-001\\n' | {python} plan job.toml")
    assert "Plan: 1 to attach" in done.out
    key = "--url https://example.com --organization acme --hmac-key-file <(echo secret)"
    assert world.shell(f"{python} task create keyed {key}").code == 0


@pytest.mark.parametrize("command", ["plan", "check", "apply", "coverage", "workspaces"])
def test_an_endless_job_is_refused(world: World, command: str) -> None:
    """``/dev/zero`` as a job file, or as its list of workspaces: exit 2, in bounded memory."""
    done = bounded(world, command, "/dev/zero")
    assert (done.code, "it has more than" in done.err) == (2, True)
    world.job(("all = true", 'file = "/dev/zero"'))
    done = bounded(world, command, "job.toml")
    assert (done.code, "select.file: /dev/zero: can't be read: it" in done.err) == (2, True)


@pytest.mark.parametrize("make", [fifo, endless, huge])
def test_strange_credentials_are_refused(world: World, make: Make) -> None:
    """A strange credentials or CA file is exit 1 with a message, immediately."""
    folder = world.folder / ".terraform.d"
    folder.mkdir()
    make(folder / "credentials.tfrc.json")
    done = bounded(world, "plan", "job.toml", TFE_TOKEN="")
    assert (done.code, "credentials.tfrc.json: can't be read: it " in done.err) == (1, True)
    if make is not fifo:
        make(world.folder / "ca.pem")
        asked = ("plan", "job.toml", "--address", "https://127.0.0.1:9", "--ca-file", "ca.pem")
        done = bounded(world, *asked)
        assert (done.code, "ca.pem: can't be used as --ca-file" in done.err) == (1, True)


REFUSING = """
import errno, os, stat
real_fsync = os.fsync
def fsync(descriptor):
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        raise OSError(errno.{error}, os.strerror(errno.{error}))
    real_fsync(descriptor)
def fchmod(descriptor, mode):
    raise OSError(errno.{error}, os.strerror(errno.{error}))
os.fsync, os.fchmod = fsync, fchmod
from bulkops.cli import main
main()
"""


def test_what_a_file_system_can_not_do_stops_nothing(world: World) -> None:
    """CIFS, 9p, FUSE: folders that can't be synced and modes that can't be set are noted once."""
    program = [sys.executable, "-c", REFUSING.format(error="EINVAL")]
    done = ended(world.start_program([*program, *world.applying, "--metrics-file", "m.prom"]))
    assert done.code == 0
    assert done.err.count("the folder could not be synced") == 1
    assert done.err.count("its mode can't be set") == 1
    assert world.all_desired()
    assert (world.folder / "m.prom").exists()
    planned = ended(world.start_program([*program, "plan", "job.toml", "--out", "scan.plan"]))
    assert planned.code == 0
    assert planned.err.count("the folder could not be synced") == 1


def test_a_folder_whose_sync_fails_stops_everything(world: World) -> None:
    """A disk error is not a missing feature: exit 14, nothing is sent."""
    program = [sys.executable, "-c", REFUSING.format(error="EIO")]
    done = ended(world.start_program([*program, *world.applying]))
    assert done.code == 14
    assert world.writes == 0
