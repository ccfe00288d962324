"""Who holds a journal at this moment. Looking does not disturb the holder, or one that comes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from bulkops.files import followed, open_regular, reading
from bulkops.journal.disk import is_locked
from bulkops.journal.records import Holder
from bulkops.journal.replay import Replay

_LONGEST_TEXT = 4096


def holder_of(path: Path, replay: Replay) -> Holder | None:
    """Return who holds a journal, ``None`` if no process does as far as this machine can tell.

    Args:
        replay: of the journal: the holder is probably its last runner, if no lock file says it.
    """
    try:
        path = followed(path)
    except OSError:
        return None
    if _is_held(lock_of(path)):
        return signed(lock_of(path)) or last_runner(replay)
    # By another name, a hard link for instance; or its lock file was removed.
    if sys.platform != "win32" and _is_held(path):
        return last_runner(replay)
    return None


def last_runner(replay: Replay) -> Holder:
    """Return who ran a job last, as its journal says."""
    return replay.executions[-1].by if replay.executions else replay.header.started_by


def signed(lock: Path) -> Holder | None:
    """Return who holds a lock file, as its text says; ``None`` if it says nothing."""
    try:
        with reading(lock, follow=False) as stream:
            return msgspec.json.decode(stream.read(_LONGEST_TEXT), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None


def lock_of(path: Path) -> Path:
    """Return the path of a journal's lock file."""
    return path.with_name(path.name + ".lock")


def _is_held(path: Path) -> bool:
    try:
        descriptor = open_regular(path, follow=False)
    except OSError:
        return False
    try:
        return is_locked(descriptor)
    finally:
        os.close(descriptor)
