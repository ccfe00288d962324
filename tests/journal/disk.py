"""An in-memory disk that loses unsynced data, and fails or loses power at a given call.

It counts every call that changes anything. ``fail`` makes a call raise. ``die_at`` cuts the power
just before or after a call: from then on nothing reaches the disk, and ``power_on`` restores what
a power cut leaves.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from random import Random
from typing import BinaryIO, NoReturn

PAGE = 64
"""Bytes that reach the disk together or not at all; small, as the tests' journals are."""


class PowerCut(BaseException):
    """The machine stopped here; nothing may catch it."""


Range = tuple[int, int]
"""A range of bytes: the first, and the one after the last."""


class File:
    """One file's content as every process sees it, and as a power cut would leave it.

    Attributes:
        dirty: bytes written since the last sync, whether or not that one failed.
        holes: bytes that a failed sync lost; no later sync writes them unless they are rewritten.
        forgot: number of bytes lost this way since the last power cut.
    """

    def __init__(self, content: bytes = b"") -> None:
        self.survive(content)

    def survive(self, content: bytes) -> None:
        """Become what a power cut leaves."""
        self.content = self.synced = content
        self.dirty: list[Range] = []
        self.holes: list[Range] = []
        self.forgot = 0

    def write(self, start: int, data: bytes) -> None:
        """Put bytes into the cache, and mark their pages as dirty."""
        end = start + len(data)
        self.content = self.content[:start] + data + self.content[end:]
        self.dirty.append((start, end))
        self.holes = [part for hole in self.holes for part in _without(hole, start, end)]

    def sync(self) -> None:
        """Make the content durable, except the holes."""
        self.synced, self.dirty = self.reaching_the_disk, []

    def forget(self) -> None:
        """Mark dirty bytes as clean, as Linux does after a failed write."""
        self.holes += self.dirty
        self.forgot += sum(end - start for start, end in self.dirty)
        self.dirty = []

    def truncate(self, size: int) -> None:
        """Cut it."""
        self.content = self.content[:size]
        self.dirty = [(start, min(end, size)) for start, end in self.dirty if start < size]
        self.holes = [(start, min(end, size)) for start, end in self.holes if start < size]

    @property
    def reaching_the_disk(self) -> bytes:
        """The content, but in place of what was forgotten what was there before, or zeros."""
        reaching = self.content
        for start, end in self.holes:
            before = self.synced[start:end].ljust(end - start, b"\0")
            reaching = reaching[:start] + before + reaching[end:]
        return reaching


def _without(hole: Range, start: int, end: int) -> list[Range]:
    """Return what is left of a range without another one."""
    parts = (hole[0], min(hole[1], start)), (max(hole[0], end), hole[1])
    return [part for part in parts if part[0] < part[1]]


class Disk:
    """The journal's file calls on files in memory.

    Attributes:
        calls: every changing call so far: ``create``, ``write``, ``sync``, ….
        fail: number of a call, from 1 → the ``errno`` it fails with.
        fail_sync: number of a sync, from 1, that fails with EIO; 0 for none.
        failed: the calls that failed since the last restart.
        lasting: once one has failed, every later write and sync fails as well.
        short: a write takes at most so many bytes.
        die_at: number of the call at which the power goes.
        dies_after: the call is still carried out.
        forgets: what a failed sync should have written is never written by a later one, as on
            Linux, though every reader still sees it, until ``drop_cache``.
        died: called when the power goes.
        no_locks: ``errno`` of a file system without locks; 0 if it has locks.
        no_folder_sync: ``errno`` of a file system that can't sync a folder; 0 if it can.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fail: dict[int, int] = {}
        self.fail_sync = self.syncs = 0
        self.failed: list[str] = []
        self.lasting = False
        self.short = 0
        self.die_at = 0
        self.dies_after = False
        self.dead = False
        self.forgets = False
        self.died: Callable[[], None] = lambda: None
        self._files: dict[Path, File] = {}
        self._synced_names: dict[Path, File] = {}
        self._open: dict[int, File] = {}
        self._opened = 100
        self.no_locks = self.no_folder_sync = 0
        self._locked: dict[int, File] = {}

    def content(self, path: Path) -> bytes:
        """Return what a reader sees."""
        return self._files[path].content

    def synced(self, path: Path) -> bytes:
        """Return what a power cut would leave."""
        return self._files[path].synced

    def put(self, path: Path, content: bytes) -> None:
        """Create a complete, synced file."""
        self._files[path] = self._synced_names[path] = File(content)

    def names(self) -> list[str]:
        """Return the names of all files."""
        return sorted(path.name for path in self._files)

    def opened(self, path: Path) -> int:
        """Return a descriptor of a file as another process has it; changes nothing."""
        self._opened += 1
        self._open[self._opened] = self._files[path]
        return self._opened

    def is_open(self, path: Path) -> bool:
        """Return whether any descriptor is this file's."""
        file = self._files.get(path)
        return any(other is file for other in self._open.values())

    @property
    def open_files(self) -> int:
        """How many descriptors are open."""
        return len(self._open)

    def cut_power(self) -> None:
        """Stop all writes to the disk."""
        self.dead = True

    def power_on(self, keeping: float = 0.0, random: Random | None = None) -> None:
        """Restore what was synced, and this share of what was appended since.

        Args:
            random: draws which pages and names survive instead, whatever their order.
        """
        names = dict(self._synced_names)
        if random is not None and random.random() < 0.5:
            names = dict(self._files)
        for file in {id(file): file for file in names.values()}.values():
            file.survive(_drawn(file, random) if random else _survivor(file, keeping))
        self._files, self._synced_names = names, dict(names)
        self.restart()

    def forgotten(self, path: Path) -> int:
        """Return how many bytes of a file a failed sync has forgotten since the last power cut."""
        return self._files[path].forgot

    def drop_cache(self) -> bool:
        """Drop the cache, so that readers see the disk; return whether that changes anything."""
        forgetful = [file for file in self._files.values() if file.holes]
        for file in forgetful:
            file.content, file.holes, file.forgot = file.reaching_the_disk, [], 0
        return bool(forgetful)

    def restart(self) -> None:
        """Restart after the process, not the machine, died: files are as they were left."""
        self._open.clear()
        self._locked.clear()
        self.fail.clear()
        self.fail_sync, self.failed = 0, []
        self.dead, self.die_at = False, 0

    def exists(self, path: Path) -> bool:
        """See ``FileCalls``."""
        return path in self._files

    def create(self, path: Path) -> int:
        """See ``FileCalls``."""
        if path in self._files:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        self._call("create")
        file = File()
        if not self.dead:
            self._files[path] = file
        return self._descriptor(file)

    def append(self, path: Path) -> int:
        """See ``FileCalls``."""
        self._call("append")
        return self._descriptor(self._files[path])

    def lock(self, descriptor: int) -> None:
        """See ``FileCalls``; every descriptor is another process's."""
        if self.no_locks:
            raise OSError(self.no_locks, os.strerror(self.no_locks))
        file = self._open[descriptor]
        if any(other is file and number != descriptor for number, other in self._locked.items()):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        self._locked[descriptor] = file

    def is_at(self, descriptor: int, path: Path) -> bool:
        """See ``FileCalls``."""
        return self._open[descriptor] is self._files.get(path)

    def read(self, path: Path) -> BinaryIO:
        """See ``FileCalls``."""
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return BytesIO(self._files[path].content)

    def size(self, descriptor: int) -> int:
        """See ``FileCalls``."""
        return len(self._open[descriptor].content)

    def write(self, descriptor: int, data: bytes) -> int:
        """See ``FileCalls``."""
        self._call("write")
        taken = data[: self.short] if self.short else data
        if not self.dead:
            file = self._open[descriptor]
            file.write(len(file.content), taken)
        self._after()
        return len(taken)

    def overwrite(self, descriptor: int, path: Path, offset: int, data: bytes) -> int:
        """See ``FileCalls``."""
        self._call("overwrite")
        taken = data[: self.short] if self.short else data
        if not self.dead:
            assert self.is_at(descriptor, path)
            self._files[path].write(offset, taken)
        self._after()
        return len(taken)

    def sync(self, descriptor: int) -> None:
        """See ``FileCalls``."""
        file = self._open[descriptor]
        try:
            self._call("sync")
        except OSError:
            if self.forgets:
                file.forget()
            raise
        if not self.dead:
            file.sync()
        self._after()

    def truncate(self, descriptor: int, size: int) -> None:
        """See ``FileCalls``."""
        self._call("truncate")
        if not self.dead:
            self._open[descriptor].truncate(size)
        self._after()

    def rename(self, old: Path, new: Path, *, replacing: bool) -> None:
        """See ``FileCalls``."""
        self._call("rename")
        if new in self._files and not replacing:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        if not self.dead:
            self._files[new] = self._files.pop(old)
        self._after()

    def remove(self, path: Path) -> None:
        """See ``FileCalls``; a power cut comes before or after it."""
        if not self.dead:
            del self._files[path]

    def sync_folder(self, path: Path) -> None:
        """See ``FileCalls``; one folder is all there is."""
        if self.no_folder_sync:
            raise OSError(self.no_folder_sync, os.strerror(self.no_folder_sync))
        self._call(f"sync_folder {path}")
        if not self.dead:
            self._synced_names = dict(self._files)
        self._after()

    def close(self, descriptor: int) -> None:
        """See ``FileCalls``."""
        self._open.pop(descriptor, None)
        self._locked.pop(descriptor, None)

    def _descriptor(self, file: File) -> int:
        self._opened += 1
        self._open[self._opened] = file
        self._after()
        return self._opened

    def _call(self, name: str) -> None:
        self.calls.append(name.partition(" ")[0])
        number = len(self.calls)
        if number == self.die_at and not self.dies_after:
            self._die()
        if (code := self._failing(name, number)) is not None:
            self.failed.append(self.calls[-1])
            raise OSError(code, os.strerror(code))

    def _failing(self, name: str, number: int) -> int | None:
        if self.lasting and self.failed:
            return errno.EIO
        if name == "sync":
            self.syncs += 1
            if self.syncs == self.fail_sync:
                return errno.EIO
        return self.fail.get(number)

    def _after(self) -> None:
        if len(self.calls) == self.die_at and self.dies_after and not self.dead:
            self._die()

    def _die(self) -> NoReturn:
        self.dead = True
        self.died()
        raise PowerCut


def _survivor(file: File, keeping: float) -> bytes:
    content = file.reaching_the_disk
    if not content.startswith(file.synced):
        return file.synced
    appended = content[len(file.synced) :]
    return file.synced + appended[: int(len(appended) * keeping)]


def _drawn(file: File, random: Random) -> bytes:
    """Return any mixture of old and new pages that the disk may have got to write."""
    content = file.reaching_the_disk
    least = min(len(file.synced), len(content))
    common = least
    if not content.startswith(file.synced):
        pairs = zip(file.synced, content, strict=False)
        common = next((n for n, (old, new) in enumerate(pairs) if old != new), least)
    if common < len(file.synced) and random.random() < 0.5:
        return file.synced
    whole = random.random() < 0.6
    end = len(content) if whole else random.randint(common, len(content))
    survivor = bytearray(content[:end])
    if random.random() < 0.7:
        for start in range(common - common % PAGE, end, PAGE):
            if random.random() < 0.5:
                first = max(start, common)
                survivor[first : start + PAGE] = bytes(len(survivor[first : start + PAGE]))
    return bytes(survivor)
