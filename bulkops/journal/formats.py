"""The record formats of journals and saved plans. Pure.

Format 1 is that of bulkops 0.1, which had other names for three fields and recorded no verbs. A
journal keeps its format: records appended to a journal of format 1 are written in format 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from bulkops.journal.records import (
    FORMAT,
    Ended,
    Execution,
    Header,
    Intent,
    Notified,
    Paced,
    Planned,
    Record,
    Refused,
    Rest,
    Result,
    Skipped,
    Verified,
    WaveReached,
    decode,
    encode,
)
from bulkops.operations.model import Attributes, Observed


class Format(NamedTuple):
    """How records are encoded to the bytes of a line, and decoded from them.

    Attributes:
        decode: raises ``msgspec.DecodeError`` if the bytes are not a record.
    """

    encode: Callable[[Record], bytes]
    decode: Callable[[bytes], Record]


class _Planned1(Planned, frozen=True, gc=False, tag="operation"):
    desired: Attributes | None = msgspec.field(name="wanted")


class _WaveReached1(WaveReached, frozen=True, gc=False, tag="wave"):
    drifted: int = msgspec.field(name="fallen", default=0)


class _Verified1(Verified, frozen=True, gc=False, tag="verified"):
    verified: int = msgspec.field(name="standing")


_WRITTEN_1 = {Planned: _Planned1, WaveReached: _WaveReached1, Verified: _Verified1}
_READ_1 = {old: new for new, old in _WRITTEN_1.items()}
_Record1 = (
    Header
    | _Planned1
    | Skipped
    | Execution
    | Paced
    | Refused
    | Intent
    | Result
    | _WaveReached1
    | _Verified1
    | Rest
    | Notified
    | Ended
)
_decode_1 = msgspec.json.Decoder(_Record1).decode


def _decode_as_1(line: bytes) -> Record:
    record: Record = _decode_1(line)
    now = _READ_1.get(type(record))
    return now(**msgspec.structs.asdict(record)) if now else record


def _encode_as_1(record: Record) -> bytes:
    then = _WRITTEN_1.get(type(record))
    return encode(then(**msgspec.structs.asdict(record)) if then else record)


FORMATS = {1: Format(_encode_as_1, _decode_as_1), FORMAT: Format(encode, decode)}
"""Format number in the header → its encoder and decoder."""


def inferred_verb(before: Observed | None, desired: Attributes | None) -> str:
    """Return the verb of an operation of a journal of 0.1, which doesn't record it."""
    attributes = before.attributes if before else {}
    attachment = "enforcement-level" in {**attributes, **(desired or {})}
    if before is None:
        return "attach" if attachment else "create"
    if desired is None:
        return "detach" if attachment else "delete"
    if "hmac-key-sha256" in desired:
        return "rotate"
    if list(desired) == ["enabled"]:
        return "enable" if desired["enabled"] else "disable"
    return "update"
