"""Cuts a damaged journal back to what of it is sound."""

from __future__ import annotations

from pathlib import Path

from bulkops.journal.disk import FileCalls, SystemFiles
from bulkops.journal.lock import take
from bulkops.journal.reader import sound_part
from bulkops.journal.writer import cut_tail, write_failed


def repair(path: Path, files: FileCalls | None = None) -> Path | None:
    """Keep the sound lines, put the rest aside, and return where; ``None``: it was sound.

    What is lost with the rest: an operation whose result was in it is in doubt, and looked at
    again; one whose intent was in it looks like somebody else's work, and no undo takes it back.

    Raises:
        JournalError: it is no journal, or its plan itself is damaged.
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
