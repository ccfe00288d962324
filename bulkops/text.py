"""Text from anywhere made fit for a terminal. Pure, and needs nothing but Python."""

from __future__ import annotations

MOST_SHOWN = 90
"""Characters of a name that a message repeats: no workspace's is longer."""


def escaped(text: str) -> str:
    r"""Return one line in which whatever could move the cursor, hide or reorder text is spelled.

    Control and direction characters are spelled as JSON and TOML do, ``\u001b`` and ``\n``, and so
    are halves of characters, which can't be written anywhere. All of the text is kept.
    """
    if text.isprintable():
        return text
    import json  # noqa: PLC0415 - few texts need it, and every command would wait for it

    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def printable(text: str, limit: int = 300) -> str:
    """Return server text as words for a message: blanks for what ``escaped`` spells, cut to size.

    Nor half a character: aiohttp reads bytes of a header that are no UTF-8 as surrogates, which
    can't be written anywhere.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    cleaned = " ".join(text.split())
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Return ``1 workspace``, ``10,000 workspaces``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quoted(text: str) -> str:
    """Return text from a file for a message."""
    return escaped(text)[:MOST_SHOWN]
