"""No output is written over a journal, a plan, a job or a lock, whatever it is called."""

from __future__ import annotations

import os
import sys

import pytest

from tests.cli.support import JOB, World
from tests.conftest import Here

OPTIONS: dict[str, tuple[str, ...]] = {
    "report": ("report", "scan.jsonl", "--output", "FILE"),
    "html": ("report", "scan.jsonl", "--format", "html", "--output", "FILE"),
    "coverage": ("coverage", "job.toml", "--output", "FILE"),
    "metrics": ("apply", "job.toml", "--journal", "new.jsonl", "--yes", "--metrics-file", "FILE"),
    "resume metrics": ("resume", "scan.jsonl", "--metrics-file", "FILE"),
    "undo metrics": ("undo", "scan.jsonl", "--yes", "--metrics-file", "FILE"),
    "log": ("--log-file", "FILE", "status", "scan.jsonl"),
    "log of a plan": ("--log-file", "FILE", "plan", "job.toml"),
}
"""Command with an output → its arguments."""

OURS = ("scan.jsonl", "other.jsonl", "job.toml", "other.toml", "scan.plan", "scan.jsonl.lock")
WITHOUT_PLANS = tuple(name for name in OURS if name != "scan.plan")


@pytest.fixture
def ours(world: World, here: Here) -> World:
    """A folder with a finished journal, another one, jobs, a saved plan and a lock."""
    assert here(*world.applying).code == 0
    assert here("plan", "job.toml", "--out", "scan.plan").code == 0
    (world.folder / "other.jsonl").write_bytes(world.journal.read_bytes())
    (world.folder / "other.toml").write_text(f"# mine\n{JOB}", encoding="utf-8-sig")
    world.simulator.stats.requests = 0
    return world


def contents(world: World) -> dict[str, bytes]:
    """Return the content of each of bulkops' files."""
    return {name: (world.folder / name).read_bytes() for name in OURS}


@pytest.mark.parametrize("option", OPTIONS)
def test_no_output_destroys_a_file_of_ours(ours: World, here: Here, option: str) -> None:
    """By its name, a link or a hard link: exit 2, nothing is sent, every file is unchanged."""
    before = contents(ours)
    for name in OURS:
        (ours.folder / f"{name}-symlink").symlink_to(name)
        (ours.folder / f"{name}-hard").hardlink_to(ours.folder / name)
        for target in (name, f"{name}-symlink", f"{name}-hard"):
            done = here(*(target if word == "FILE" else word for word in OPTIONS[option]))
            assert (done.code, done.out) == (2, ""), target
            assert "and was not overwritten: choose another file" in done.err, target
            assert contents(ours) == before, target
            assert ours.requests == 0, target
            assert not (ours.folder / "new.jsonl").exists(), target


@pytest.mark.parametrize("name", WITHOUT_PLANS)
def test_a_plan_is_saved_over_no_file_of_ours(ours: World, here: Here, name: str) -> None:
    """``plan --out``, with a link as well: exit 2, or 1 with ``--detailed-exitcode``."""
    (ours.folder / "link").symlink_to(name)
    before = contents(ours)
    for out in (name, "link"):
        assert here("plan", "job.toml", "--out", out).code == 2
        assert here("plan", "job.toml", "--out", out, "--detailed-exitcode").code == 1
    assert contents(ours) == before


@pytest.mark.parametrize("name", ["job.toml", "scan.plan", "scan.jsonl.lock"])
@pytest.mark.parametrize("command", ["apply", "undo"])
def test_no_journal_is_started_in_another_file_of_ours(
    ours: World, here: Here, name: str, command: str
) -> None:
    """``--journal`` naming a job, a plan or a lock is exit 2, and no lock file is created."""
    before = contents(ours)
    of = "job.toml" if command == "apply" else "scan.jsonl"
    done = here(command, of, "--journal", name, "--yes")
    assert done.code == 2
    assert "choose another place for the journal" in done.err
    assert contents(ours) == before
    assert not (ours.folder / f"{name}.lock").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "job.toml"),
        ("apply", "job.toml", "--yes", "--journal", "new.jsonl"),
        ("resume", "scan.jsonl", "--yes"),
        ("undo", "scan.jsonl", "--yes"),
    ],
)
def test_no_summary_is_appended_to_a_file_of_ours(
    ours: World, here: Here, arguments: tuple[str, ...]
) -> None:
    """``GITHUB_STEP_SUMMARY`` is an output like any other."""
    before = contents(ours)
    for name in OURS:
        done = here(*arguments, GITHUB_STEP_SUMMARY=name)
        assert done.code == 2, name
        assert f"GITHUB_STEP_SUMMARY: {name}: is " in done.err
        assert contents(ours) == before, name
        assert ours.requests == 0, name


def test_a_job_that_is_being_edited_is_a_job(ours: World, here: Here) -> None:
    """A file with a syntax error is still recognized, and not overwritten."""
    (ours.folder / "job.toml").write_text(f"{JOB}\nbroken =", encoding="utf-8")
    assert here("report", "scan.jsonl", "--output", "job.toml").code == 2


def test_a_damaged_journal_is_a_journal(ours: World, here: Here) -> None:
    """So is its saved damaged part, which may still be needed."""
    data = ours.journal.read_bytes()
    (ours.folder / "damaged").write_bytes(b"x" + data[1:])
    (ours.folder / "aside").write_bytes(data[data.index(b"\n") + 1 :])
    for name in ("damaged", "aside"):
        assert here("report", "scan.jsonl", "--output", name).code == 2


@pytest.mark.parametrize("old", [b"", b"an older report\n", b"operation = 3\n", b"\xff" * 100])
def test_any_other_file_is_replaced(ours: World, here: Here, old: bytes) -> None:
    """A report replaces the whole file, also through a link."""
    (ours.folder / "old.txt").write_bytes(old * 1000)
    (ours.folder / "link").symlink_to("old.txt")
    plain = here("report", "scan.jsonl").out
    for name in ("old.txt", "link", "new.txt"):
        assert here("report", "scan.jsonl", "--output", name).code == 0
        assert (ours.folder / name).read_text(encoding="utf-8") == plain
    assert (ours.folder / "link").is_symlink()
    metrics = ("resume", "scan.jsonl", "--metrics-file", "link")
    assert here(*metrics).code == 0
    assert (ours.folder / "link").is_symlink()
    assert (ours.folder / "old.txt").read_text(encoding="utf-8").startswith("# HELP")


def test_devices_and_pipes_are_written_directly(ours: World) -> None:
    """``/dev/null``, ``/dev/stdout`` and a FIFO with a reader."""
    plain = ours.run("report", "scan.jsonl").out
    assert ours.run("report", "scan.jsonl", "--output", "/dev/null").code == 0
    assert ours.run("report", "scan.jsonl", "--output", "/dev/stdout").out == plain
    os.mkfifo(ours.folder / "fifo")
    script = "cat fifo & bulkops report scan.jsonl --output fifo; wait"
    assert ours.shell(script).out == plain
    python = f"{sys.executable} -m bulkops"
    assert ours.shell(f"{python} report scan.jsonl --output >(cat) | cat").out == plain
