"""A disk in memory that forgets what was not synced, and fails or loses power where it is told.

It counts every call that changes something. ``fail`` makes a call raise, ``die_at`` cuts the
power just before or just after one: from then on nothing reaches the disk, and ``power_on``
leaves what a power cut would.
"""

from __future__ import annotations

import errno
import os
from io import BytesIO
from pathlib import Path
from typing import BinaryIO


class PowerCut(BaseException):
    """The machine stopped here; nothing may catch it."""


class File:
    """One file's content as its writer sees it, and as a power cut would leave it."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = self.synced = content


class Disk:
    """The journal's file calls on files in memory.

    Attributes:
        calls: every changing call so far: ``create``, ``write``, ``sync``, ….
        fail: number of a call, from 1 → the ``errno`` it fails with.
        lasting: once one has failed, every later write and sync fails as well.
        short: a write takes at most so many bytes.
        die_at: number of the call at which the power goes.
        dies_after: the call is still carried out.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fail: dict[int, int] = {}
        self.lasting = False
        self.short = 0
        self.die_at = 0
        self.dies_after = False
        self.dead = False
        self._files: dict[Path, File] = {}
        self._synced_names: dict[Path, File] = {}
        self._open: dict[int, File] = {}
        self._opened = 100

    def content(self, path: Path) -> bytes:
        """Return what a reader sees."""
        return self._files[path].content

    def synced(self, path: Path) -> bytes:
        """Return what a power cut would leave."""
        return self._files[path].synced

    def put(self, path: Path, content: bytes) -> None:
        """Make a file whole and synced."""
        self._files[path] = self._synced_names[path] = File(content)

    def names(self) -> list[str]:
        """Return the names of all files."""
        return sorted(path.name for path in self._files)

    @property
    def open_files(self) -> int:
        """How many descriptors are open."""
        return len(self._open)

    def cut_power(self) -> None:
        """Let nothing more reach the disk."""
        self.dead = True

    def power_on(self, keeping: float = 0.0) -> None:
        """Come back with what was synced, and this share of what was appended to it since."""
        for file in (*self._files.values(), *self._synced_names.values()):
            file.content = _survivor(file, keeping)
            file.synced = file.content
        self._files = dict(self._synced_names)
        self._open.clear()
        self.fail.clear()
        self.dead, self.die_at = False, 0

    def create(self, path: Path) -> int:
        """See ``FileCalls``."""
        self._call("create")
        file = File()
        if not self.dead:
            self._files[path] = file
        return self._descriptor(file)

    def append(self, path: Path) -> int:
        """See ``FileCalls``."""
        self._call("append")
        return self._descriptor(self._files[path])

    def read(self, path: Path) -> BinaryIO:
        """See ``FileCalls``."""
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return BytesIO(self._files[path].content)

    def write(self, descriptor: int, data: bytes) -> int:
        """See ``FileCalls``."""
        self._call("write")
        taken = data[: self.short] if self.short else data
        if not self.dead:
            self._open[descriptor].content += taken
        self._after()
        return len(taken)

    def sync(self, descriptor: int) -> None:
        """See ``FileCalls``."""
        self._call("sync")
        if not self.dead:
            file = self._open[descriptor]
            file.synced = file.content
        self._after()

    def truncate(self, descriptor: int, size: int) -> None:
        """See ``FileCalls``."""
        self._call("truncate")
        if not self.dead:
            self._open[descriptor].content = self._open[descriptor].content[:size]
        self._after()

    def rename(self, old: Path, new: Path) -> None:
        """See ``FileCalls``."""
        self._call("rename")
        if not self.dead:
            self._files[new] = self._files.pop(old)
        self._after()

    def sync_folder(self, path: Path) -> None:
        """See ``FileCalls``; one folder is all there is."""
        self._call(f"sync_folder {path}")
        if not self.dead:
            self._synced_names = dict(self._files)
        self._after()

    def close(self, descriptor: int) -> None:
        """See ``FileCalls``."""
        self._open.pop(descriptor, None)

    def _descriptor(self, file: File) -> int:
        self._opened += 1
        self._open[self._opened] = file
        self._after()
        return self._opened

    def _call(self, name: str) -> None:
        self.calls.append(name.partition(" ")[0])
        number = len(self.calls)
        if number == self.die_at and not self.dies_after:
            self.dead = True
            raise PowerCut
        code = self.fail.get(number)
        if code is None and self.lasting and self.fail and number > min(self.fail):
            code = next(iter(self.fail.values()))
        if code is not None:
            raise OSError(code, os.strerror(code))

    def _after(self) -> None:
        if len(self.calls) == self.die_at and self.dies_after and not self.dead:
            self.dead = True
            raise PowerCut


def _survivor(file: File, keeping: float) -> bytes:
    if not file.content.startswith(file.synced):
        return file.synced
    appended = file.content[len(file.synced) :]
    return file.synced + appended[: int(len(appended) * keeping)]
