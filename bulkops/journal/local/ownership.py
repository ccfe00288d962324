"""Who owns a file that decides what is sent: only files of the user or of root are trusted.

This is the rule of ssh for its own files. The open file is checked, so that it can't be replaced
in between; so is its folder, since write access to a folder is enough to replace the files in it.
A folder with the sticky bit, such as ``/tmp``, is excepted: there, users can replace only their
own files.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from bulkops.errors import JobError
from bulkops.journal.local.disk import Reads, SystemFiles
from bulkops.journal.local.folder import default_folder

DEEPEST = 4
"""Folders from that of a fleet's journal up to the default place: job, shard, fleet, all."""


class OwnFiles:
    """Reads files, and refuses those that other users own or may write.

    Args:
        trusted: refuse none, because the user trusts them (``--trust-files``).
        calls: open the files.
    """

    def __init__(self, *, trusted: bool, calls: Reads | None = None) -> None:
        self._trusted = trusted
        self._calls = calls or SystemFiles()

    def read(self, path: Path) -> BinaryIO:
        """Open for reading; ``JobError`` for a file that other users own or may write."""
        stream = self._calls.read(path)
        if not self._trusted:
            try:
                _check(path, stream.fileno())
            except BaseException:
                stream.close()
                raise
        return stream


def check_folder(path: Path, *, trusted: bool) -> None:
    """Refuse a folder in which other users may replace a new file; raises ``JobError``.

    Args:
        path: the file, which need not exist.
    """
    if trusted or sys.platform == "win32":
        return
    for folder in filter(Path.is_dir, _folders(path)):
        if reason := distrust(folder.stat(), os.geteuid()):
            raise _refused(folder, reason)


def distrust(found: os.stat_result, user: int) -> str:
    """Return why a file or folder is not trusted; empty if it is.

    Args:
        user: id of the user whose files are trusted, besides root's.
    """
    if found.st_uid not in (user, 0):
        return f"belongs to user {found.st_uid}, not to you ({user}) or root"
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & stat.S_IWOTH and not sticky:
        return f"is world-writable (mode {stat.S_IMODE(found.st_mode):04o})"
    return ""


def _check(path: Path, descriptor: int) -> None:
    if sys.platform == "win32":
        return
    if reason := distrust(os.fstat(descriptor), os.geteuid()):
        raise _refused(path, reason)
    check_folder(path, trusted=False)


def _folders(path: Path) -> list[Path]:
    """Return the folders in which a path and, if it is a link, its file can be replaced."""
    folders = [path.parent.resolve(), path.resolve().parent]
    names = (".bulkops", default_folder().name)
    for folder in list(folders):
        # A fleet's are a folder for the fleet and one for the shard deeper.
        above = [folder, *folder.parents][:DEEPEST]
        base = next((n for n, one in enumerate(above) if one.name in names), 0)
        folders += above[1 : base + 1]
    return list(dict.fromkeys(folders))


def _refused(path: Path, reason: str) -> JobError:
    return JobError(
        f"{path}: {reason}, so others may have changed what bulkops would send; nothing was sent. "
        "Fix that (chown, chmod), or pass --trust-files (BULKOPS_TRUST_FILES=1) if you trust them"
    )
