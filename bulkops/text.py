"""Decodes text from any source, and makes it safe to print or for a spreadsheet. Pure."""

from __future__ import annotations

import codecs
import re
import shlex
from collections.abc import Sequence

MOST_SHOWN = 90
"""The most characters of a name that a message repeats; no workspace name is longer."""

_MARKS = {
    # The mark of UTF-32 begins with that of UTF-16.
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "utf-8",
}
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001 - Excel runs them
"""Start of a cell that a spreadsheet would run as a formula; it gets a leading apostrophe."""

# Spreadsheets ignore blanks and quotes before a formula, some of them.
_FORMULA = rf"(?=[\s\"]*[{''.join(map(re.escape, FORMULA))}])"
_RUN = re.compile(rf"(^|;){_FORMULA}")
_GUARDED = re.compile(rf"(^|;)'{_FORMULA}")
_OTHER_FILES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a ZIP archive, which an Excel workbook is, and a workbook of an older Excel begin."""

_NO_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1a")
"""Bytes that no text in a one-byte encoding has."""


_NUL = "NUL"


def escaped(text: str) -> str:
    r"""Return the text on one line, with characters that could affect the terminal escaped.

    Control and text-direction characters are escaped as in JSON and TOML (``\u001b``, ``\n``),
    and so are lone surrogates, which can't be encoded. Nothing is cut.
    """
    if text.isprintable():
        return text
    import json  # noqa: PLC0415 - few texts need it, and it would slow every command's start

    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def printable(text: str, limit: int = 300) -> str:
    """Return text from a server for a message, with blanks for what ``escaped`` would escape.

    That includes lone surrogates: aiohttp returns header bytes that aren't UTF-8 as such.

    Args:
        limit: the most characters; longer text is cut and ends in ``…``.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    cleaned = " ".join(text.split())
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def guarded(cell: str) -> str:
    """Return a cell of a CSV file that no spreadsheet runs as a formula, with apostrophes."""
    return _RUN.sub(r"\1'", cell)


def unguarded(cell: str) -> str:
    """Return the text of a cell without the apostrophes of ``guarded``."""
    return _GUARDED.sub(r"\1", cell)


def counted(number: int, noun: str) -> str:
    """Return ``1 workspace``, ``10,000 workspaces``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names, at most so many: ``acme-1, acme-2 and 3 more``."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def as_argument(place: object) -> str:
    """Return a path or address for a command line: quoted, and never taken for an option."""
    text = str(place)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def quoted(text: str) -> str:
    """Return text from a file for a message, escaped and cut to ``MOST_SHOWN`` characters."""
    return escaped(text)[:MOST_SHOWN]


def decoded(data: bytes) -> str:
    """Return the text of UTF-8, or of UTF-16 or UTF-32 with a byte order mark; without the mark.

    Every other encoding is refused: to guess it could change names.

    Raises:
        UnicodeDecodeError: it is something else; see ``why_not_text``.
    """
    encoding = _encoding(data)
    text = data.decode(encoding)
    if "\0" in text:
        at = len(text[: text.index("\0")].encode(encoding))
        raise UnicodeDecodeError(encoding, data, at, at + 1, _NUL)
    return text.removeprefix("\ufeff")


def as_utf8(data: bytes) -> bytes:
    """Return data that starts with a byte order mark as UTF-8 without it, other data unchanged.

    What can't be decoded is replaced.
    """
    mark = mark_of(data)
    return data[len(mark) :].decode(_encoding(data), "replace").encode() if mark else data


def mark_of(data: bytes) -> bytes:
    """Return the byte order mark with which data starts; empty if there is none."""
    return next(filter(data.startswith, _MARKS), b"")


def why_not_text(error: UnicodeError) -> str:
    """Return what a file is that ``decoded`` refused, and what to do; nothing of its content."""
    if not isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    data, at = error.object, error.start
    expected = error.encoding.upper()[:6].rstrip("-")
    refused = f"it is not {expected} text (byte {at + 1})"
    if data.startswith(_OTHER_FILES):
        return "it is a ZIP archive or an Excel workbook, not text. Export it as CSV in UTF-8"
    if not mark_of(data) and _is_unmarked_utf16(data):
        return f"{refused}: it looks like UTF-16 without a byte order mark. Save it as UTF-8"
    if error.reason == _NUL:
        return f"it is not text (byte {at + 1} is NUL)"
    if expected == "UTF-8" and data[:at].isascii() and _may_be_windows_1252(data):
        line = data.count(b"\n", 0, at) + 1
        return f"{refused}: in line {line} it looks like Windows-1252. Save it as UTF-8"
    return refused


def _is_unmarked_utf16(data: bytes) -> bool:
    """Return whether it is mostly text of a European language: every other byte is NUL."""
    high, low = sorted((data[::2].count(0), data[1::2].count(0)), reverse=True)
    return high * 3 > len(data) and low * 10 < high


def _may_be_windows_1252(data: bytes) -> bool:
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return _NO_CONTROLS.isdisjoint(data)


def _encoding(data: bytes) -> str:
    return _MARKS.get(mark_of(data), "utf-8")
