"""Cuts a damaged journal back to its sound part."""

from __future__ import annotations

from bulkops.journal.reader import sound_part
from bulkops.journal.storage import Storage
from bulkops.journal.writer import write_failed


def repair(storage: Storage) -> str:
    """Keep the sound lines, move the rest elsewhere and return where it is.

    Returns an empty string if the journal was sound. An operation whose result was in the rest is
    in doubt and will be read again. One whose intent was in it looks like a change outside this
    job, which an undo doesn't revert.

    Raises:
        JournalError: it is not a journal, or its plan is damaged.
        JournalWriteFailed: it can't be written.
    """
    contents = sound_part(storage)
    if not contents.scanner.rest:
        return ""
    try:
        return storage.cut(contents.scanner)
    except OSError as error:
        raise write_failed(storage, error) from error
