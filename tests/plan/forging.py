"""Forges journals as an attacker would: each line is valid, including its CRC."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from bulkops.journal.formats import FORMATS, Format
from bulkops.journal.lines import frame
from bulkops.journal.records import FORMAT, Header, Planned, Record, decode
from bulkops.journal.replay import Replay, replay

KEPT = Path(__file__).parent / "kept"
"""Journals, and a saved plan, as the first bulkops 0.1 wrote them: never to be rewritten."""

R = TypeVar("R", bound=msgspec.Struct)
Forge = Callable[[list[Record]], list[Record]]


def records_of(path: Path) -> list[Record]:
    """Return the records of a sound journal."""
    first, *lines = path.read_bytes().splitlines()
    header = decode(first)
    return [header, *map(_format_of(header).decode, lines)]


def write(path: Path, records: Iterable[Record]) -> None:
    """Write a journal of these records, each a group of its own after the plan."""
    path.write_bytes(encoded(records))


def encoded(records: Iterable[Record]) -> bytes:
    """Return the bytes of such a journal, in the format that its header states."""
    records = list(records)
    encode = _format_of(records[0]).encode
    data, crc = [], 0
    for seq, record in enumerate(records, 1):
        line, crc = frame([encode(record)], seq, max(1, seq), crc)
        data.append(line)
    return b"".join(data)


def _format_of(header: Record) -> Format:
    return FORMATS[header.format if isinstance(header, Header) else FORMAT]


def forge(path: Path, change: Forge) -> None:
    """Change the records of a journal, and make its lines valid again."""
    write(path, change(records_of(path)))


def forged(name: str, change: Forge) -> Replay:
    """Return the state of a kept journal after its records were changed."""
    return replay(change(records_of(KEPT / name)))


def with_header(**changes: object) -> Forge:
    """Return a function that changes these fields of the header."""

    def change(records: list[Record]) -> list[Record]:
        return [replaced(one, **changes) if isinstance(one, Header) else one for one in records]

    return change


def with_planned(change_one: Callable[[Planned], Planned], number: int = 0) -> Forge:
    """Return a function that changes one planned operation."""

    def change(records: list[Record]) -> list[Record]:
        places = [n for n, one in enumerate(records) if isinstance(one, Planned)]
        place, changed = places[number], list(records)
        planned = records[place]
        assert isinstance(planned, Planned)
        changed[place] = change_one(planned)
        return changed

    return change


def only_planned(records: list[Record]) -> list[Record]:
    """Return a journal's header and plan, without any execution."""
    return [one for one in records if isinstance(one, Header | Planned)]


def replaced(struct: R, **changes: object) -> R:
    """Return a record with other fields."""
    return msgspec.structs.replace(struct, **changes)
