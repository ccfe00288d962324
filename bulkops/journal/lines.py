r"""How a journal line is framed, and how damage differs from a torn tail. Pure.

A line is one JSON object::

    {"seq":8,"group":7,"type":"intent",…,"crc":"0c4a1f22"}\n

``seq`` counts lines from 1. Lines are written and synced in groups: a group is written only after
the previous one is synced. ``group`` is the ``seq`` of its group's first line. ``crc`` is the
CRC-32 of the line's bytes before it, continued from the previous line's, so that a line is valid
only after its predecessors. Bytes are compared, never parsed numbers: ``int(text, 16)`` reads some
flipped digits as the same number (measured).

The first invalid line ends the valid part. The rest is a torn tail, and may be cut, if all of it
can belong to the last group, whose sync was never confirmed (a power cut may keep a later page of
it and lose an earlier one). A later line whose group started after the first invalid line proves
damage: that group was written, so the invalid line had been synced.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from functools import partial
from io import SEEK_END
from itertools import groupby
from typing import BinaryIO
from zlib import crc32

from bulkops.text import as_utf8, mark_of

_TRAILER = len(b'"crc":"00000000"}\n')
_GROUP = b'"group":'
_FIRST = b"1"
_START = re.compile(rb'\{"seq":(\d{1,18}),"group":(\d{1,18}),')
LONGEST = 64 << 20
"""Bytes of a line; a header with a million names is shorter."""

CHUNK = 1 << 20
"""Bytes read or copied at a time."""

LARGEST_GROUP = 1 << 30
"""Bytes; a longer rest after the valid lines can't have been the last group."""

_LONGEST_START = 64

_CRLF = re.compile(rb'"crc":"[0-9a-f]{8}"\}\r\n\Z')


def frame(payloads: Sequence[bytes], seq: int, group: int, crc: int) -> tuple[bytes, int]:
    """Return the lines of one group and the CRC to continue from.

    Args:
        payloads: encoded JSON objects, each with at least one member.
        seq: number of the first line; ``group``: number of the first line of its group.
        crc: CRC of the previous line, 0 at the start of a journal.
    """
    lines: list[bytes] = []
    for number, payload in enumerate(payloads, seq):
        line = b'{"seq":%d,"group":%d,%b,' % (number, group, payload[1:-1])
        crc = crc32(line, crc)
        lines.append(b'%b"crc":"%08x"}\n' % (line, crc))
    return b"".join(lines), crc


def lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file; a line longer than ``LONGEST`` comes in pieces."""
    return iter(partial(stream.readline, LONGEST), b"")


def conversion(first: bytes) -> str:
    """Return how another program has saved a journal anew; empty if that is not recognized.

    Args:
        first: the first line, which is not valid.
    """
    mark = mark_of(first)
    if not as_utf8(first).startswith(b'{"seq":1,'):
        return ""
    if mark:
        return "it begins with a byte order mark" if mark == BOM_UTF8 else "it is not UTF-8"
    return "its line breaks are CRLF" if _CRLF.search(first[-_LONGEST_START:]) else ""


def groups_of(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the valid lines of a journal, joined to the groups in which they were written."""
    for _, lines in groupby(Scanner().lines(stream), _group):
        yield b"".join(lines)


def _group(line: bytes) -> bytes:
    start = line.index(_GROUP) + len(_GROUP)
    return line[start : line.index(b",", start)]


class Scanner:
    """Reads lines up to the first invalid one.

    Attributes:
        seq: number of the next line.
        crc: CRC of the last valid line.
        offset: size of the valid lines in bytes.
        last_group: bytes of the last valid group, whose sync may have failed; empty for the
            first group, since a journal gets its name only after that is synced.
        rest: number of bytes after the valid lines, 0 for a sound journal.
        rest_start: the first of those bytes.
        damaged: whether the rest is damage to synced data; if not, it is a torn tail.
    """

    def __init__(self) -> None:
        self.seq = 1
        self.crc = 0
        self.offset = 0
        self.last_group = bytearray()
        self.rest = 0
        self.rest_start = b""
        self.damaged = False
        self._group = _FIRST

    def lines(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield valid lines, up to the end or the first invalid line."""
        seq, crc, offset = self.seq, self.crc, self.offset
        for line in lines_of(stream):
            crc = crc32(line[:-_TRAILER], crc)
            whole = line.endswith(b'"crc":"%08x"}\n' % crc)
            if not whole or not line.startswith(b'{"seq":%d,' % seq):
                self._give_up(line, stream)
                return
            self._keep(line)
            self.crc = crc
            self.seq = seq = seq + 1
            self.offset = offset = offset + len(line)
            yield line

    def ends_in(self, stream: BinaryIO) -> bool:
        """Return whether the last right line is still where it was read; the stream is moved."""
        if not self.offset:
            return True
        stream.seek(self.offset - _TRAILER)
        return stream.read(_TRAILER) == b'"crc":"%08x"}\n' % self.crc

    def _give_up(self, line: bytes, stream: BinaryIO) -> None:
        """Examine the rest, in pieces: it may be anything, of any size."""
        self.rest_start = line[:_LONGEST_START]
        part, before, looked_at = line, b"", 0
        while part and not self.damaged and looked_at <= LARGEST_GROUP:
            looked_at += len(part)
            starts = _START.finditer(before + part)
            self.damaged = any(self.seq < int(m[2]) <= int(m[1]) for m in starts)
            before = part[-_LONGEST_START:]
            part = stream.read(CHUNK)
        self.rest = stream.seek(0, SEEK_END) - self.offset
        self.damaged |= self.rest > LARGEST_GROUP and self.seq > 1

    def _keep(self, line: bytes) -> None:
        group = _group(line)
        if group == _FIRST:
            return
        if group != self._group:
            self._group = group
            self.last_group = bytearray()
        self.last_group += line
