"""Cuts a damaged journal back to its sound part."""

from __future__ import annotations

from pathlib import Path

from bulkops.journal.local.disk import FileCalls, SystemFiles
from bulkops.journal.local.lock import take
from bulkops.journal.reader import sound_part
from bulkops.journal.writer import cut_tail, write_failed


def repair(path: Path, files: FileCalls | None = None) -> Path | None:
    """Keep the sound lines, move the rest to another file and return its path.

    Returns ``None`` if the journal was sound. An operation whose result was in the rest is in doubt
    and will be read again. One whose intent was in it looks like a change outside this job, which
    an undo doesn't revert.

    Raises:
        JournalError: it is not a journal, or its plan is damaged.
        JournalWriteFailed: it can't be written.
    """
    files = files or SystemFiles()
    contents = sound_part(path, files)
    if not contents.scanner.rest:
        return None
    try:
        descriptor = files.append(path)
        try:
            take(files, descriptor, path, contents.scanner.offset + contents.scanner.rest)
            return cut_tail(files, descriptor, path, contents.scanner, "damaged")
        finally:
            files.close(descriptor)
    except OSError as error:
        raise write_failed(path, error) from error
