"""Text from anywhere → GitHub flavoured Markdown that shows it and does nothing else. Pure.

A name or a reason stands in a code span, in which GitHub makes no markup, link, mention or
reference of anything; it may be long, and is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bulkops.text import escaped

ROOM = 2**20
"""Bytes of UTF-8 that GitHub takes as the summary of one step."""

LONGEST = 300
"""Characters of one name or reason that are shown."""

FEW = 20
"""Rows of a table that is not folded."""

# A code span can't have these in every reader's table: a pipe ends the cell, a backslash in front
# of it is taken by some and not by others.
_NO_SPAN = re.compile(r"[`|\\]|^ | $")
_MARKUP = re.compile(r"[\\`*_{}\[\]<>#!|~&$^@]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def code(text: str, longest: int = LONGEST) -> str:
    """Return any text as a code span of one line, empty for an empty one."""
    text = escaped(text)
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    if not text:
        return ""
    return f"<code>{plain(text)}</code>" if _NO_SPAN.search(text) else f"`{text}`"


def plain(text: str) -> str:
    """Return any text as words of one line: whatever Markdown or GitHub acts on is spelled."""
    return _MARKUP.sub(_entity, escaped(text))


def step(sentence: str) -> str:
    """Return a sentence of ours in which commands stand between backticks."""
    parts = escaped(sentence).split("`")
    # Whatever is in a command, each part is spelled: a path with a backtick only looks odd.
    return "".join(
        code(part, len(part)) if number % 2 else plain(part) for number, part in enumerate(parts)
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; cells are Markdown already.

    Args:
        head: titles; one that ends with ``:`` is of a column of numbers.
    """
    yield _row([title.rstrip(":") for title in head])
    yield _row(["--:" if title.endswith(":") else "---" for title in head])
    yield from map(_row, rows)


def folded(
    title: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    number: int,
    room: int,
    rest: str,
) -> Iterator[str]:
    """Yield a folded table of as many of the rows as there is room for.

    Args:
        number: how many rows there are.
        room: bytes.
        rest: how to get the others.
    """
    left_out = "\n… and {} more: {}\n".format
    end = "\n</details>\n\n"
    opening = f"<details>\n<summary>{title}</summary>\n\n" + "".join(table(head, ()))
    room -= size(opening) + size(left_out(number, rest)) + size(end)
    yield opening
    for shown, row in enumerate(map(_row, rows)):
        room -= size(row)
        if room < 0:
            yield left_out(number - shown, rest)
            break
        yield row
    yield end


def size(text: str) -> int:
    """Return how many bytes a text is."""
    return len(text.encode())


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _entity(match: re.Match[str]) -> str:
    character = f"&#{ord(match[0])};"
    # GitHub looks for mentions and addresses in what is shown, where an entity is what it means.
    return character + "<!-- -->" if match[0] == "@" else character
