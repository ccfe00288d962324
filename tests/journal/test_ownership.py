"""Whose a file is: what bulkops sends something for is the user's own, or root's."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bulkops.errors import JobError
from bulkops.journal.ownership import OwnFiles, check_folder, distrust

ME = 1000
FILE, FOLDER = stat.S_IFREG, stat.S_IFDIR


def _stat(mode: int, owner: int) -> os.stat_result:
    return os.stat_result((mode, 1, 1, 1, owner, owner, 1, 1, 1, 1))


@pytest.mark.parametrize("owner", [ME, 0])
@pytest.mark.parametrize("mode", [FILE | 0o600, FILE | 0o664, FOLDER | 0o755, FOLDER | 0o2775])
def test_the_users_own_and_roots_are_believed(mode: int, owner: int) -> None:
    """A group may write them: ``fsGroup``, and a umask of 002, mean so."""
    assert distrust(_stat(mode, owner), ME) == ""


@pytest.mark.parametrize("user", [ME, 0])
@pytest.mark.parametrize("mode", [FILE | 0o600, FOLDER | 0o755, FOLDER | 0o1777])
def test_anothers_is_not(mode: int, user: int) -> None:
    """Nor does root believe it; a sticky folder's owner may exchange what is in it."""
    found = distrust(_stat(mode, 1001), user)
    assert found == f"belongs to user 1001, not to you ({user}) or root"


@pytest.mark.parametrize("mode", [FILE | 0o666, FILE | 0o602, FILE | 0o1666, FOLDER | 0o777])
def test_what_everybody_may_write_is_not(mode: int) -> None:
    """The sticky bit of a file means nothing."""
    said = f"is world-writable (mode {stat.S_IMODE(mode):04o})"
    assert distrust(_stat(mode, ME), ME) == said


def test_a_sticky_folder_is_as_good_as_its_owner() -> None:
    """As ``/tmp`` is."""
    assert distrust(_stat(FOLDER | 0o1777, 0), ME) == ""


def test_the_open_file_is_looked_at(tmp_path: Path) -> None:
    """Refused, it is closed again; trusted, it is read, whoever may write it."""
    path = tmp_path / "scan.jsonl"
    path.write_bytes(b"x")
    path.chmod(0o606)
    with pytest.raises(JobError, match=r"mode 0606\), so others may have changed what"):
        OwnFiles(trusted=False).read(path)
    with OwnFiles(trusted=True).read(path) as stream:
        assert stream.read() == b"x"


def test_a_folder_that_is_not_there_is_for_others_to_tell(tmp_path: Path) -> None:
    """Whoever begins a journal in it says what to do."""
    check_folder(tmp_path / "nowhere" / "scan.jsonl", trusted=False)
