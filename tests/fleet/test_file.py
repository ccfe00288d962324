"""Reading a fleet file, and the job file that it names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bulkops.errors import JobError
from bulkops.fleet.file import load_fleet, load_fleet_job
from tests.fleet.test_fleet import JOB, LISTED


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A fleet file, with its job file in a folder beside it."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "scan.toml").write_text(f'name = "job"\norganization = "acme"\n{JOB}')
    (tmp_path / "fleet.toml").write_text(LISTED)
    return tmp_path / "fleet.toml"


@pytest.mark.parametrize("folder", [".", ".."])
def test_a_fleet_is_read_with_its_job(
    path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """Messages name the job file as the user would; the gate's folder is absolute."""
    monkeypatch.chdir(path.parent / folder)
    here = path.relative_to(Path.cwd())
    found = load_fleet(here)
    assert (found.name, found.source) == ("fleet", str(here))
    assert found.job == here.parent / "jobs" / "scan.toml"
    job = load_fleet_job(found)
    assert (job.name, job.organization) == ("job", "acme")
    assert job.folder == str(path.parent / "jobs")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'name = "a"\n[operation]\n', "is a job file, not a fleet file: `bulkops apply"),
        (b'{"seq":1,"group":1,"type":"header"}\n', "is a journal, not a fleet file: `bulkops res"),
        (b"\xff", "can't be read: it is not UTF-8 text"),
        ("# für\n".encode("cp1252"), "in line 1 it looks like Windows-1252. Save it as UTF-8"),
    ],
)
def test_another_file_is_named_as_such(path: Path, content: bytes, words: str) -> None:
    """With the command that takes it."""
    path.write_bytes(content)
    with pytest.raises(JobError, match=words):
        load_fleet(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_not_part_of_the_text(path: Path, encoding: str) -> None:
    """Some editors write one, and UTF-16 is read by it."""
    path.write_text(LISTED, encoding=encoding)
    assert len(load_fleet(path).shards) == 2


def test_a_pipe_is_not_a_fleet_file(path: Path) -> None:
    """Nobody could check who wrote it; it is refused without waiting for a writer."""
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(JobError, match="can't be read: it is not a regular file"):
        load_fleet(path)
