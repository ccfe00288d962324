"""Whose a file is that says what to send: only the user's own, or root's, is believed.

As ssh does with its own files. The open file is looked at, so that nobody exchanges it meanwhile;
and its folder, in which whoever may write exchanges files. A folder with the sticky bit, such as
``/tmp``, is writable by everybody, and yet each file in it belongs to its owner.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from bulkops.errors import JobError
from bulkops.journal.disk import Reads, SystemFiles
from bulkops.journal.folder import DEFAULT_FOLDER


class OwnFiles:
    """Reads no file that is somebody else's.

    Args:
        trusted: it does: somebody said that these files are to be believed.
        calls: by which a file is opened.
    """

    def __init__(self, *, trusted: bool, calls: Reads | None = None) -> None:
        self._trusted = trusted
        self._calls = calls or SystemFiles()

    def read(self, path: Path) -> BinaryIO:
        """Open for reading; ``JobError`` for a file that is somebody else's."""
        stream = self._calls.read(path)
        if not self._trusted:
            try:
                _check(path, stream.fileno())
            except BaseException:
                stream.close()
                raise
        return stream


def check_folder(path: Path, *, trusted: bool) -> None:
    """Refuse to begin a file where others may exchange it; raises ``JobError``.

    Args:
        path: of the file, which need not be there.
    """
    if trusted or sys.platform == "win32":
        return
    for folder in filter(Path.is_dir, _folders(path)):
        if reason := distrust(folder.stat(), os.geteuid()):
            raise _refused(folder, reason)


def distrust(found: os.stat_result, user: int) -> str:
    """Return, in words, why a file or folder is not believed; empty if it is.

    Args:
        user: whose word counts, beside root's.
    """
    if found.st_uid not in (user, 0):
        return f"belongs to user {found.st_uid}, not to you ({user}) or root"
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & stat.S_IWOTH and not sticky:
        return f"is writable by everybody (mode {stat.S_IMODE(found.st_mode):04o})"
    return ""


def _check(path: Path, descriptor: int) -> None:
    if sys.platform == "win32":
        return
    if reason := distrust(os.fstat(descriptor), os.geteuid()):
        raise _refused(path, reason)
    check_folder(path, trusted=False)


def _folders(path: Path) -> list[Path]:
    """Return the folders in which a path and, if it is a link, its file can be exchanged."""
    folders = [path.parent.resolve(), path.resolve().parent]
    folders += [folder.parent for folder in folders if folder.parent.name == DEFAULT_FOLDER.name]
    return list(dict.fromkeys(folders))


def _refused(path: Path, reason: str) -> JobError:
    return JobError(
        f"{path}: {reason}, so others may have written what bulkops believes; nothing was sent. "
        "Mend that (chown, chmod), or say --trust-files (BULKOPS_TRUST_FILES=1) if you know who did"
    )
