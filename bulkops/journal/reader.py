"""Reads and checks a whole journal; changes nothing in it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import BinaryIO

import msgspec

from bulkops.errors import JournalDamaged, JournalError, NotAJournal, unreadable
from bulkops.files import A_JOURNAL, what_is, wrong_file
from bulkops.journal.formats import FORMATS, Format
from bulkops.journal.lines import LONGEST, Scanner, conversion
from bulkops.journal.records import FORMAT, Ended, Header, Notified, Record, decode
from bulkops.journal.replay import Replay, replay
from bulkops.journal.states import How
from bulkops.journal.storage import Headless, Readable
from bulkops.text import as_argument

Take = Callable[[Record], None]
"""Called with every record, in order."""

LAST_LINE = 16_384
"""Bytes at the end of a journal that are sure to contain its last ``end``, if only notifications
follow it."""

WRONG_NAME = frozenset(
    [errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL]
)
"""Errors of a name at which there is no file: trying again does not help."""


class Contents(msgspec.Struct):
    """A journal as read: the job's state, and the scanner with what follows the valid lines."""

    replay: Replay
    scanner: Scanner

    @property
    def torn(self) -> int:
        """Size of a torn tail in bytes, 0 if there is none."""
        return self.scanner.rest


def read(journal: Readable, take: Take | None = None) -> Contents:
    """Read and check a whole journal; a torn tail is left in place and reported.

    Args:
        take: called with every record, too.

    Raises:
        JournalDamaged: a synced line has changed since it was written.
        JournalError: there is no such file, or it is not a journal of this version.
    """
    contents = sound_part(journal, take)
    if contents.scanner.damaged:
        raise _damaged(journal, contents.scanner, _CHECK.format(as_argument(journal)))
    return contents


def ends_of(journal: Readable) -> tuple[Header, Ended | None]:
    """Return the header of a journal, and its ``end`` if only notifications follow it.

    Only the first line and the end are read; the lines between them aren't checked.

    Raises:
        JournalError: see ``sound_part``.
    """
    try:
        with journal.read() as stream:
            header = decode(next(Scanner().lines(stream), b""))
        format_of(journal, header)
        if isinstance(header, Header):
            return header, _ended(journal.end())
    except OSError as error:
        raise _unread(journal, error) from error
    except msgspec.DecodeError:
        pass
    # It has no header, so this says what it is instead.
    whole = sound_part(journal).replay
    return whole.header, whole.ended


def header_of_unended(journal: Readable) -> Header | None:
    """Return the header of a journal, ``None`` if its last execution completed.

    Only the last and the first line are read; the lines between them aren't checked.

    Raises:
        OSError: it can't be read, or is not a regular file.
        msgspec.DecodeError: its first line is not a record.
    """
    return None if is_complete(journal) else header_of(journal)


def header_of(journal: Readable) -> Header | None:
    """Return the header of a journal, ``None`` if its first record is another one.

    Raises:
        OSError, msgspec.DecodeError: see ``header_of_unended``.
    """
    with journal.read() as stream:
        header = decode(stream.readline(LONGEST))
    return header if isinstance(header, Header) else None


def is_complete(journal: Readable) -> bool:
    """Return whether a journal ends with the end of a complete execution.

    Raises:
        OSError: it can't be read.
    """
    ended = _ended(journal.end())
    return ended is not None and ended.how == How.COMPLETE


def _ended(end: bytes) -> Ended | None:
    """Return the last ``end`` in the last bytes of a journal, if only notifications follow it."""
    if not end.endswith(b"\n"):
        return None
    with suppress(msgspec.DecodeError):
        for line in reversed(end.splitlines()):
            record = decode(line)
            if not isinstance(record, Notified):
                return record if isinstance(record, Ended) else None
    return None


def sound_part(journal: Readable, take: Take | None = None) -> Contents:
    """Read a journal up to its end or its first invalid line.

    Args:
        take: called with every record, too.

    Raises:
        JournalDamaged: its plan is incomplete, or the journal does not agree with itself.
        NotAJournal: there is no such file, or it is something else.
        JournalError: it is a journal of another version, or reading fails.
    """
    scanner = Scanner()
    try:
        with journal.read() as stream:
            state = _replayed(journal, scanner, stream, take)
    except OSError as error:
        raise _unread(journal, error) from error
    except ValueError as error:
        if scanner.seq == 1 and (how := _conversion(journal)):
            raise JournalDamaged(f"{journal}: {how}{_SAVED_ANEW}", 0) from error
        if scanner.damaged:
            raise _damaged(journal, scanner, _NO_PLAN) from error
        if scanner.seq > 2:
            # Its first record is a header, and each line is valid.
            raise disagreeing(journal, str(error)) from error
        other = wrong_file(journal, _what_is(journal), A_JOURNAL)
        raise NotAJournal(other or f"{journal}: is not a bulkops journal ({error})") from error
    scanner.damaged |= bool(scanner.rest) and not journal.may_tear
    # A journal is created atomically (see ``create``): only damage can make its plan incomplete.
    created = 1 + state.header.operations + state.header.skips
    if scanner.seq <= created:
        raise _damaged(journal, scanner, _NO_PLAN)
    return Contents(state, scanner)


def read_on(journal: Readable, contents: Contents) -> None:
    """Read what was written to a journal since it was read.

    Raises:
        JournalDamaged: it is damaged, or does not agree with itself.
        JournalError: it can't be read, or nothing was written since.
    """
    scanner, state = contents.scanner, contents.replay
    decoded, before = FORMATS[state.header.format].decode, scanner.seq
    try:
        with journal.read() as stream:
            stream.seek(scanner.offset)
            for line in scanner.lines(stream):
                state.take(decoded(line))
    except OSError as error:
        raise JournalError(unreadable(journal, error)) from error
    except msgspec.DecodeError as error:
        raise unknown_record(journal, scanner, error) from error
    except (KeyError, ValueError) as error:
        raise disagreeing(journal, str(error)) from error
    if scanner.rest:
        raise _damaged(journal, scanner, _CHECK.format(as_argument(journal)))
    if scanner.seq == before:
        raise JournalError(
            f"{journal}: another process writes to it, but what it writes can't be read; nothing "
            "was sent. Run the same command again"
        )


def _unread(journal: Readable, error: OSError) -> JournalError:
    if isinstance(error, Headless):
        return JournalDamaged(f"{journal}: {error.strerror}", 0)
    kind = NotAJournal if error.errno in WRONG_NAME else JournalError
    return kind(unreadable(journal, error))


def _conversion(journal: Readable) -> str:
    with journal.read() as stream:
        return conversion(stream.readline(LONGEST))


def _what_is(journal: Readable) -> str:
    with journal.read() as stream:
        return what_is(stream)


def _replayed(journal: Readable, scanner: Scanner, stream: BinaryIO, take: Take | None) -> Replay:
    lines = scanner.lines(stream)
    try:
        # A header is the same in every format.
        first = list(map(decode, islice(lines, 1)))
        form = format_of(journal, first[0]) if first else FORMATS[FORMAT]
        records = chain(first, map(form.decode, lines))
        return replay(records if take is None else _taken(records, take))
    except msgspec.DecodeError as error:
        raise unknown_record(journal, scanner, error) from error


def unknown_record(journal: object, scanner: Scanner, error: msgspec.DecodeError) -> JournalDamaged:
    """Return the error for the last line: its CRC is right, so another version wrote it so."""
    return JournalDamaged(
        f"{journal}: line {scanner.seq - 1} has a record that this version doesn't know: {error}. "
        "Use the version of bulkops that wrote it, or restore it from a backup",
        0,
    )


def format_of(journal: object, header: Record) -> Format:
    """Return the format of the records after a journal's first one.

    Raises:
        JournalError: this version does not know it.
    """
    if not isinstance(header, Header):
        return FORMATS[FORMAT]
    if header.format not in FORMATS:
        known = " and ".join(map(str, FORMATS))
        raise JournalError(
            f"{journal}: has journal format {header.format}, this version reads {known}; "
            f"it was written by bulkops {header.bulkops}. Use that version, or a newer one"
        )
    return FORMATS[header.format]


def _taken(records: Iterator[Record], take: Take) -> Iterator[Record]:
    for record in records:
        take(record)
        yield record


def disagreeing(journal: object, problem: str) -> JournalDamaged:
    """Return the error for a journal whose lines are valid but contradict each other."""
    return JournalDamaged(
        f"{journal}: contradicts itself: {problem}. bulkops didn't write this; nothing was "
        "sent, and nothing was changed. Restore it from a backup, or move it away",
        0,
    )


def _damaged(journal: Readable, scanner: Scanner, advice: str) -> JournalDamaged:
    part = journal.part_at(scanner.offset)
    return JournalDamaged(
        f"{journal}: damaged at byte {scanner.offset} (line {scanner.seq}{part and ', '}{part}), "
        f"in a part that was written for good. Nothing was sent, and nothing was changed; {advice}",
        scanner.offset,
    )


_CHECK = "restore it from a backup, or keep its sound part: `bulkops journal check {}`"
_SAVED_ANEW = (
    ": git, an editor or a shell has changed it. Nothing was sent. Save it as UTF-8 without a byte "
    "order mark and with LF as line breaks, or restore it from a backup; in git, `*.jsonl -text` "
    "in .gitattributes prevents this"
)
_NO_PLAN = "its plan is incomplete: restore it from a backup"
