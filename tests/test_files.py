"""A file is only opened if it has the right type, even if it is replaced meanwhile."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bulkops.cli.output.next_step import next_step
from bulkops.errors import JobError, JournalError
from bulkops.files import (
    A_FLEET,
    A_JOB,
    A_JOURNAL,
    A_PLAN,
    create,
    followed,
    open_output,
    open_regular,
    read_text,
    what_is_at,
    wrong_file,
)
from bulkops.journal.local.file import JournalFile
from bulkops.journal.writer import create as create_journal
from bulkops.text import as_argument
from tests.journal.disk import Disk
from tests.journal.samples import first
from tests.report.samples import everything


def a_socket(path: Path) -> None:
    """Create a socket with this path."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


STRANGE: dict[str, Callable[[Path], object]] = {
    "fifo": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "folder": Path.mkdir,
    "socket": a_socket,
}


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR | os.O_CREAT])
def test_only_a_regular_file_is_opened(tmp_path: Path, what: str, flags: int) -> None:
    """Other files are refused without waiting, and no descriptor is leaked."""
    path = tmp_path / "strange"
    STRANGE[what](path)
    before = list(Path("/dev/fd").iterdir())
    with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
        open_regular(path, flags)
    assert len(list(Path("/dev/fd").iterdir())) == len(before)


@pytest.mark.parametrize("what", ["fifo", "device"])
def test_a_file_replaced_at_the_last_moment_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The file is checked again after opening, because it may have been replaced."""
    path = tmp_path / "strange"
    path.touch()
    regular = path.stat()
    path.unlink()
    STRANGE[what](path)
    monkeypatch.setattr(Path, "stat", lambda _path: regular)
    with pytest.raises(OSError, match="not a regular file"):
        open_regular(path)


def test_no_link_is_followed_unless_allowed(tmp_path: Path) -> None:
    """A link is refused even if dangling, and nothing is created through it."""
    (tmp_path / "file").touch()
    for name, target in (("link", "file"), ("dangling", "nowhere")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(OSError, match="symbolic link") as refused:
            open_regular(tmp_path / name, os.O_RDWR | os.O_CREAT, follow=False)
        assert refused.value.errno == errno.ELOOP
        with pytest.raises(FileExistsError):
            create(tmp_path / name)
    assert not (tmp_path / "nowhere").exists()


def test_a_link_is_followed_to_its_end(tmp_path: Path) -> None:
    """A chain of links is followed, even to a missing file; a loop is an error."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("c")
    assert followed(tmp_path / "a") == tmp_path / "c"
    assert followed(Path("plain")) == Path("plain")
    (tmp_path / "c").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels"):
        followed(tmp_path / "a")


def test_reads_are_bounded(tmp_path: Path) -> None:
    """A file of exactly the maximum size is read, and line breaks are normalized."""
    path = tmp_path / "text"
    path.write_bytes("é\r\nb\rc\n".encode())
    assert read_text(path, 8) == "é\nb\nc\n"
    with pytest.raises(OSError, match="more than 7 bytes"):
        read_text(path, 7)
    with pytest.raises(OSError, match="more than 7 bytes"):
        read_text(Path("/dev/zero"), 7, piped=True)


def test_an_output_is_checked_as_it_is_opened(tmp_path: Path) -> None:
    """An output's type is checked again when it is opened."""
    path = tmp_path / "report"
    for text, append in ((b"a first, longer text", False), (b"a second", False), (b" one", True)):
        descriptor = open_output(path, append=append)
        os.write(descriptor, text)
        os.close(descriptor)
    assert path.read_bytes() == b"a second one"
    path.unlink()
    create_journal(JournalFile(path), first(3))
    before = path.read_bytes()
    for append in (False, True):
        with pytest.raises(JobError, match="report: is a journal, and was not overwritten"):
            open_output(path, append=append)
    assert path.read_bytes() == before


QUOTING = [
    '# How\n```toml\n[operation]\nkind = "attach"\n```\n',
    'Lines are:\n\n{"seq":1,"group":1,"type":"header"}\n',
]
EDITED = 'name = "scan\n\n[select]\nnames = [\n  "a",\n]\n[operation]\nkind = "attach"\n'


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("text", "what"),
    [
        (EDITED, A_JOB),
        ("organizations = []\n", A_FLEET),
        ('{"seq":1,"group":1,"type":"header"}\n', A_JOURNAL),
        ('{"type":"plan","format":2}\n', A_PLAN),
    ],
)
def test_a_file_is_recognized_in_any_encoding(
    tmp_path: Path, text: str, what: str, encoding: str
) -> None:
    """An editor or a shell may have saved it with a byte order mark."""
    path = tmp_path / "file"
    path.write_text(text, encoding=encoding)
    assert what_is_at(path) == what


@pytest.mark.parametrize("text", QUOTING)
def test_a_text_that_quotes_our_files_may_be_overwritten(tmp_path: Path, text: str) -> None:
    """A text that quotes a job file or a journal's line may be overwritten."""
    path = tmp_path / "summary.md"
    path.write_text(text)
    assert what_is_at(path) == ""


def test_a_job_file_that_is_being_edited_is_one(tmp_path: Path) -> None:
    """A job file that isn't valid TOML right now is not overwritten either."""
    path = tmp_path / "job.toml"
    path.write_text(EDITED)
    assert what_is_at(path) == "a job file"


@pytest.mark.parametrize(
    ("path", "argument"),
    [
        ("scan.jsonl", "scan.jsonl"),
        ("my scan.jsonl", "'my scan.jsonl'"),
        ("-x.jsonl", "./-x.jsonl"),
        ("jobs/-x.jsonl", "jobs/-x.jsonl"),
    ],
)
def test_a_path_in_a_command_is_one_argument_and_no_option(path: str, argument: str) -> None:
    """The commands that messages name can be copied."""
    assert as_argument(Path(path)) == argument
    drifted = next_step(replace(everything(), drifted=1, running=None), Path(path))
    for message in (wrong_file(Path(path), A_JOB, A_JOURNAL), *drifted):
        assert f" {argument}" in message.partition("`bulkops ")[2]
    disk = Disk()
    disk.put(Path(path), b'{"seq":1,"group":1,"type":"header"')
    with pytest.raises(JournalError, match=re.escape(f"`bulkops resume {argument}`")):
        create_journal(JournalFile(Path(path), disk), first(1))
