"""Makes text from any source safe to print in a terminal. Pure, standard library only."""

from __future__ import annotations

import shlex

MOST_SHOWN = 90
"""The most characters of a name that a message repeats; no workspace name is longer."""


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


def counted(number: int, noun: str) -> str:
    """Return ``1 workspace``, ``10,000 workspaces``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def as_argument(place: object) -> str:
    """Return a path or address for a command line: quoted, and never taken for an option."""
    text = str(place)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def quoted(text: str) -> str:
    """Return text from a file for a message, escaped and cut to ``MOST_SHOWN`` characters."""
    return escaped(text)[:MOST_SHOWN]
