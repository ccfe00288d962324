"""File ownership: bulkops acts only on files of the user or of root."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bulkops.errors import JobError
from bulkops.journal.local.ownership import OwnFiles, check_folder, distrust

ME = 1000
FILE, FOLDER = stat.S_IFREG, stat.S_IFDIR


def _stat(mode: int, owner: int) -> os.stat_result:
    return os.stat_result((mode, 1, 1, 1, owner, owner, 1, 1, 1, 1))


@pytest.mark.parametrize("owner", [ME, 0])
@pytest.mark.parametrize("mode", [FILE | 0o600, FILE | 0o664, FOLDER | 0o755, FOLDER | 0o2775])
def test_files_of_the_user_and_of_root_are_trusted(mode: int, owner: int) -> None:
    """Even if a group may write them, as with ``fsGroup`` or a umask of 002."""
    assert distrust(_stat(mode, owner), ME) == ""


@pytest.mark.parametrize("user", [ME, 0])
@pytest.mark.parametrize("mode", [FILE | 0o600, FOLDER | 0o755, FOLDER | 0o1777])
def test_files_of_another_user_are_not_trusted(mode: int, user: int) -> None:
    """Not even by root; the owner of a sticky folder can replace the files in it."""
    found = distrust(_stat(mode, 1001), user)
    assert found == f"belongs to user 1001, not to you ({user}) or root"


@pytest.mark.parametrize("mode", [FILE | 0o666, FILE | 0o602, FILE | 0o1666, FOLDER | 0o777])
def test_world_writable_files_are_not_trusted(mode: int) -> None:
    """The sticky bit of a file has no effect."""
    reason = f"is world-writable (mode {stat.S_IMODE(mode):04o})"
    assert distrust(_stat(mode, ME), ME) == reason


def test_a_sticky_folder_is_trusted_if_its_owner_is() -> None:
    """For example ``/tmp``."""
    assert distrust(_stat(FOLDER | 0o1777, 0), ME) == ""


def test_the_open_file_is_checked(tmp_path: Path) -> None:
    """If refused, it is closed; if trusted, it is read whoever may write it."""
    path = tmp_path / "scan.jsonl"
    path.write_bytes(b"x")
    path.chmod(0o606)
    with pytest.raises(JobError, match=r"mode 0606\), so others may have changed what"):
        OwnFiles(trusted=False).read(path)
    with OwnFiles(trusted=True).read(path) as stream:
        assert stream.read() == b"x"


def test_a_missing_folder_is_not_refused_here(tmp_path: Path) -> None:
    """Creating a journal in it reports what to do."""
    check_folder(tmp_path / "nowhere" / "scan.jsonl", trusted=False)
