"""The default place of a job's journals: ``.bulkops/<job name>/<UTC time>.jsonl``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from bulkops.errors import JournalWriteFailed
from bulkops.journal.reader import Contents, read
from bulkops.journal.replay import Replay

DEFAULT_FOLDER = Path(".bulkops")
"""Has a folder of journals per job; anyone who can write to it can replace those journals."""


@contextmanager
def folder_of(job_name: str) -> Iterator[Path]:
    """Yield the job's folder below the current one, created if necessary.

    After the block, what this created is removed if it is empty.

    Raises:
        JournalWriteFailed: it can't be created.
    """
    folder = DEFAULT_FOLDER / job_name
    with ExitStack() as stack:
        for path in (DEFAULT_FOLDER, folder):
            try:
                if _create(path):
                    stack.callback(_remove_empty, path)
            except OSError as error:
                raise JournalWriteFailed(
                    f"{folder}: can't be created ({error.strerror or error}); nothing was sent. "
                    "Choose another path with --journal, or fix this one"
                ) from error
        yield folder


def _create(folder: Path) -> bool:
    """Create a folder; return False if it exists already."""
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


def newest(
    folder: Path, fits: Callable[[Replay], bool], opened: Callable[[Path], Contents] = read
) -> Path | None:
    """Return the folder's newest journal that ``fits``, ``None`` if there is none.

    Args:
        opened: reads a journal; its errors are raised, so that no journal is silently skipped.

    Raises:
        JournalDamaged: a newer one is damaged, so that its content is unknown.
    """
    for path in sorted(folder.glob("*.jsonl"), key=_age, reverse=True):
        if fits(opened(path).replay):
            return path
    return None


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
