"""The default place of a job's journals: ``.bulkops/<job name>/<UTC time>.jsonl``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from bulkops.errors import JournalWriteFailed

JOURNALS = "BULKOPS_JOURNALS"
"""The environment variable that names another default place."""


def default_folder() -> Path:
    """Return the folder that has a folder of journals per job.

    Anyone who can write to it can replace those journals.
    """
    return Path(os.environ.get(JOURNALS) or ".bulkops")


@contextmanager
def created(folder: Path) -> Iterator[None]:
    """Create a job's folder and those above it if necessary; remove them again if they are empty.

    Raises:
        JournalWriteFailed: it can't be created.
    """
    with ExitStack() as stack:
        for path in (*reversed(folder.parents), folder):
            try:
                if _create(path):
                    stack.callback(_remove_empty, path)
            except OSError as error:
                raise JournalWriteFailed(
                    f"{folder}: can't be created ({error.strerror or error}); nothing was sent. "
                    "Fix that, or choose another place for the journal"
                ) from error
        yield


def _create(folder: Path) -> bool:
    """Create a folder; return False if it exists already."""
    if folder.is_dir():
        return False
    try:
        # Regardless of the umask: write access to the folder is enough to replace its journals.
        folder.mkdir(mode=0o755)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return False
    return True


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def by_age(folder: Path) -> list[Path]:
    """Return the folder's journals, the newest first."""
    return sorted(folder.glob("*.jsonl"), key=_age, reverse=True)


def all_journals(base: Path, job_name: str | None = None) -> list[Path]:
    """Return the journals of all jobs below a folder, or of those with this name.

    Those of a fleet's shards are two folders deeper.
    """
    folders = (*base.glob("*"), *base.glob("*/*/*"))
    chosen = (folder for folder in folders if job_name in (None, folder.name))
    return sorted(path for folder in chosen for path in folder.glob("*.jsonl"))


def new(folder: Path, now: datetime) -> Path:
    """Return an unused path, named after the time."""
    name = now.strftime("%Y%m%dT%H%M%SZ")
    path, number = folder / f"{name}.jsonl", 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.jsonl"
    return path


def _age(path: Path) -> tuple[str, int, str]:
    time, _, number = path.stem.partition("-")
    return time, len(number), number
