"""Where a job's journals lie unless told otherwise: ``.bulkops/<job name>/<UTC time>.jsonl``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from bulkops.errors import JournalWriteFailed
from bulkops.journal.reader import Contents, read
from bulkops.journal.replay import Replay

DEFAULT_FOLDER = Path(".bulkops")
"""Where each job has a folder for its journals: whoever may write it exchanges those."""


def folder_of(job_name: str) -> Path:
    """Return the job's folder below the current one, made if need be.

    Raises:
        JournalWriteFailed: it can't be made.
    """
    folder = DEFAULT_FOLDER / job_name
    try:
        # Whatever the umask: whoever may write a folder may exchange the journals in it.
        for path in (DEFAULT_FOLDER, folder):
            path.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        raise JournalWriteFailed(
            f"{folder}: can't be made ({error.strerror or error}); nothing was sent. "
            "Choose another place with --journal, or mend this one"
        ) from error
    return folder


def newest(
    folder: Path, fits: Callable[[Replay], bool], opened: Callable[[Path], Contents] = read
) -> Path | None:
    """Return the folder's newest journal that ``fits``, ``None`` where there is none.

    Args:
        opened: reads one; whatever it refuses is not passed over.

    Raises:
        JournalDamaged: one newer than that is damaged, so that nobody knows what it holds.
    """
    for path in sorted(folder.glob("*.jsonl"), key=_age, reverse=True):
        if fits(opened(path).replay):
            return path
    return None


def new(folder: Path, now: datetime) -> Path:
    """Return a path named by time, not taken yet."""
    name = now.strftime("%Y%m%dT%H%M%SZ")
    path, number = folder / f"{name}.jsonl", 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.jsonl"
    return path


def _age(path: Path) -> tuple[str, int, str]:
    time, _, number = path.stem.partition("-")
    return time, len(number), number
