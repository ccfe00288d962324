"""Finds out who holds a journal, without disturbing that process or one that starts."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from bulkops.files import followed, open_regular, reading
from bulkops.journal.following.outlook import Writer
from bulkops.journal.local.disk import NO_LOCKS, lock_now
from bulkops.journal.place import Place
from bulkops.journal.records import Holder
from bulkops.journal.replay import Replay

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LONGEST_TEXT = 4096


def read_with_holder(path: Path, read: Callable[[], Replay]) -> tuple[Replay, Holder | None]:
    """Return the state of a journal's job, and who holds it at that moment (see ``holder_of``).

    Args:
        read: reads the journal; called again if its runner ended meanwhile.
    """
    # The holder first: then all that a runner wrote before it released the lock is read.
    held = _is_held_by_any_name(path)
    replay = read()
    if not held:
        return replay, None
    holder = holder_of(path, replay)
    if holder is None and replay.ended is None:
        replay = read()
    return replay, holder


def holder_of(path: Path, replay: Replay) -> Holder | None:
    """Return who holds a journal; ``None`` if this machine sees no process that does.

    Args:
        replay: of the journal; if no lock file names the holder, it is probably its last runner.
    """
    try:
        path = followed(path)
    except OSError:
        return None
    if _is_held(lock_of(path)):
        return signed(lock_of(path)) or replay.last_runner
    # It is held by another name, such as a hard link, or its lock file was removed.
    if sys.platform != "win32" and _is_held(path):
        return replay.last_runner
    return None


def writer_of(path: Path, replay: Replay, is_alive: Callable[[Holder], bool]) -> Writer:
    """Return what this machine can tell of the process that writes a journal.

    Args:
        is_alive: whether a process of this host runs.
    """
    last = replay.last_runner
    if holder := holder_of(path, replay):
        return Writer.HOLDS if same(holder, last) else Writer.FOLLOWS
    if last.host != socket.gethostname():
        return Writer.UNKNOWN
    # The writer holds no lock on a copy. A copy has no lock file either, unless the whole
    # folder was copied: then a pause of the copying is taken for the writer's end.
    signature = signed(lock_of(path))
    is_copy = signature is None or not same(signature, last)
    return Writer.UNKNOWN if is_copy and is_alive(last) else Writer.GONE


def was_killed(place: Place, replay: Replay) -> bool:
    """Return whether a journal's last execution certainly ended without a record of its end."""
    unended = bool(replay.executions) and replay.ended is None
    return unended and place.writer(replay, is_alive) is Writer.GONE


def is_alive(runner: Holder) -> bool:
    """Return whether a process of this host runs, as far as the system shows."""
    if sys.platform == "win32":
        return False
    try:
        os.kill(runner.pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    # A killed process keeps its number until its parent has waited for it.
    with suppress(OSError, IndexError):
        state = Path("/proc", str(runner.pid), "stat").read_bytes().rpartition(b")")[2].split()[0]
        return state not in (b"Z", b"X")
    return True


def same(one: Holder, other: Holder) -> bool:
    """Return whether two records name the same process."""
    return (one.host, one.pid) == (other.host, other.pid)


def signed(lock: Path) -> Holder | None:
    """Return who holds a lock file, according to its text; ``None`` if it has none."""
    try:
        with reading(lock, follow=False) as stream:
            return msgspec.json.decode(stream.read(_LONGEST_TEXT), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None


def lock_of(path: Path) -> Path:
    """Return the path of a journal's lock file."""
    # Not ``with_name``: the folders ``.`` and ``/`` have no name.
    return path.parent / f"{path.name}.lock"


def _is_held_by_any_name(path: Path) -> bool:
    try:
        path = followed(path)
    except OSError:
        return False
    return _is_held(lock_of(path)) or (sys.platform != "win32" and _is_held(path))


def _is_held(path: Path) -> bool:
    try:
        descriptor = open_regular(path, follow=False)
    except OSError:
        return False
    try:
        return _is_locked(descriptor)
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    """Return whether another process has locked an open file.

    ``flock`` has no query, and ``/proc/locks`` leaves out the processes of other containers, and
    names another device than ``stat`` on overlayfs and btrfs. So this takes a shared lock for a
    moment: several processes may look at the same time, a holder loses nothing, and a runner that
    starts in that moment distinguishes it from a holder's lock (see ``lock_now``).
    """
    if sys.platform == "win32":
        try:
            lock_now(descriptor)
        except BlockingIOError:
            return True
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    # Not left to ``close``: a child that was forked meanwhile has the descriptor as well.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False
