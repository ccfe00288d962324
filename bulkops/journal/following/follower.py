"""Reads a journal while another process writes it or copies it here; changes nothing in it.

Each look opens the file again and continues after the last valid line: on NFS a file that stays
open may never show what another machine wrote, and a copy may be renamed into place. What follows
the valid lines, such as a torn line or a page of zeros, has not arrived yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from bulkops.errors import JournalError, NotAJournal
from bulkops.journal.formats import FORMATS
from bulkops.journal.lines import Scanner
from bulkops.journal.reader import disagreeing, format_of, unknown_record
from bulkops.journal.records import FORMAT, Execution, Header, Record, decode
from bulkops.journal.replay import Replay
from bulkops.journal.storage import Readable

_START = b'{"seq":1,"group":1,"type":"header",'


class Follower:
    """Yields what is new in a journal at each look.

    Attributes:
        replay: its job's state; ``None`` until its header has arrived. A new one after the file
            was replaced by a different state of the same job: ``replaced`` counts these.
        missing: the error of the last look, if the file couldn't be read.
        damaged: the last look found damage; a copy in progress may look damaged for a moment.
        other: its first bytes are not those of a journal.
        arrived: size of the file at the last look, in bytes, valid or not.
    """

    def __init__(self, journal: Readable) -> None:
        self.replay: Replay | None = None
        self.replaced = 0
        self.missing: OSError | None = None
        self.damaged = self.other = False
        self.arrived = 0
        self._journal = journal
        self._scanner = Scanner()
        self._decode = FORMATS[FORMAT].decode
        self._file: object = None
        self._executed_from = 0
        # How far the replaced file had been read: ``seq`` and ``crc``.
        self._mark: tuple[int, int] | None = None

    @property
    def planned(self) -> bool:
        """Whether the whole plan has arrived: nothing of a job can be shown without it."""
        header = self.replay.header if self.replay else None
        if header is None or self._mark is not None:
            return header is not None
        return self._scanner.seq > 1 + header.operations + header.skips

    def look(self) -> Iterator[Record]:
        """Yield each new record, after ``replay`` has taken it.

        Raises:
            JournalError: it is in a format that this version does not know, or another job's
                journal has replaced it.
            JournalDamaged: it contradicts itself, or has a record of an unknown type.
        """
        self.missing = None
        try:
            with self._journal.read() as stream:
                file, self.arrived = self._journal.sight(stream)
                if file != self._file or not self._scanner.ends_in(stream):
                    self._begin_again()
                self._file = file
                yield from self._read_on(stream)
        except OSError as error:
            # For a moment, a name may lead nowhere, or a file server may not answer.
            self.missing = error

    def of_last_execution(self) -> Iterator[Record]:
        """Yield the records of the last execution again, from the file."""
        if self._executed_from:
            try:
                with self._journal.read() as stream:
                    stream.seek(self._executed_from)
                    while stream.tell() < self._scanner.offset:
                        yield self._decode(stream.readline())
            except (OSError, msgspec.DecodeError) as error:
                raise JournalError(
                    f"{self._journal}: it was replaced while it was read ({error}). Run the same "
                    "command again"
                ) from error

    def _begin_again(self) -> None:
        if self._mark is None and self.replay is not None:
            self._mark = self._scanner.seq, self._scanner.crc
        self._scanner = Scanner()

    def _read_on(self, stream: BinaryIO) -> Iterator[Record]:
        scanner = self._scanner
        scanner.rest, scanner.rest_start, scanner.damaged = 0, b"", False
        stream.seek(scanner.offset)
        for line in scanner.lines(stream):
            if self._mark is None:
                yield self._take(line)
            elif not self._repeats(line, self._mark):
                self.replay, self._mark, self._scanner = None, None, Scanner()
                self.replaced += 1
                yield from self._read_on(stream)
                return
        self.damaged = scanner.damaged
        start = scanner.rest_start.rstrip(b"\0")
        self.other = scanner.seq == 1 and start[: len(_START)] != _START[: len(start)]

    def _repeats(self, line: bytes, mark: tuple[int, int]) -> bool:
        """Return whether the file, as far as it was read again, equals the one it replaced."""
        scanner, known = self._scanner, self.replay
        if scanner.seq == 2 and known and self._header(line).run_id != known.header.run_id:
            raise JournalError(
                f"{self._journal}: the journal of another run has taken its place: run the same "
                "command again to watch that one"
            )
        if scanner.seq < mark[0]:
            return True
        self._mark = None
        return scanner.crc == mark[1]

    def _header(self, line: bytes) -> Header:
        try:
            header = decode(line)
        except msgspec.DecodeError as error:
            raise unknown_record(self._journal, self._scanner, error) from error
        if not isinstance(header, Header):
            raise NotAJournal(
                f"{self._journal}: is not a bulkops journal (its first record is not a header)"
            )
        return header

    def _take(self, line: bytes) -> Record:
        scanner, journal = self._scanner, self._journal
        if self.replay is None:
            header = self._header(line)
            self._decode = format_of(journal, header).decode
            self.replay = Replay(header)
            return header
        try:
            record = self._decode(line)
        except msgspec.DecodeError as error:
            raise unknown_record(journal, scanner, error) from error
        try:
            self.replay.take(record)
        except KeyError as error:
            problem = f"an operation on {error} was never planned"
            raise disagreeing(journal, problem) from error
        except ValueError as error:
            raise disagreeing(journal, str(error)) from error
        if type(record) is Execution:
            self._executed_from = scanner.offset - len(line)
        return record
