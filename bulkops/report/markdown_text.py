"""Untrusted text as GitHub-flavored Markdown that displays it and has no other effect. Pure.

Names and reasons go into code spans, in which GitHub interprets no markup, link, mention or
reference. Long ones are cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bulkops.operations import wording
from bulkops.operations.named_steps import NamedStep
from bulkops.text import escaped

ROOM = 2**20
"""Bytes of UTF-8 that GitHub accepts as the summary of one step."""

LONGEST = 300
"""Characters shown of a name or reason."""

FEW = 20
"""Rows shown of a table that is not collapsed."""

# Not safe in a code span inside a table: a pipe ends the cell, and renderers disagree on whether a
# backslash escapes it.
_NO_SPAN = re.compile(r"[`|\\]|^ | $")
_MARKUP = re.compile(r"[\\`*_{}\[\]<>#!|~&$^@]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def code(text: str, longest: int = LONGEST) -> str:
    """Return any text as a one-line code span; empty if the text is."""
    text = escaped(text)
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    if not text:
        return ""
    return f"<code>{plain(text)}</code>" if _NO_SPAN.search(text) else f"`{text}`"


def plain(text: str) -> str:
    """Return any text as one line of plain words, without meaning to Markdown or GitHub."""
    return _MARKUP.sub(_entity, escaped(text))


def steps_as_markdown(steps: Iterable[NamedStep], *, undo: bool) -> str:
    """Return what a job does, with its run tasks as code spans."""
    return wording.kind_in_words(wording.in_order(map(_step, steps)), undo=undo)


def _step(step: NamedStep) -> str:
    tasks = " with ".join(code(task) for task in (step.replaces, step.task) if task)
    return f"{plain(step.kind)}{tasks and ' '}{tasks}"


def step(sentence: str) -> str:
    """Return one of our own sentences, with its backticked commands as code spans."""
    parts = escaped(sentence).split("`")
    # Each part is escaped on its own: a path with a backtick looks odd, and is harmless.
    return "".join(
        code(part, len(part)) if number % 2 else plain(part) for number, part in enumerate(parts)
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose cells are Markdown already.

    Args:
        head: titles; one that ends with ``:`` heads a column of numbers.
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
    """Yield a collapsed table with as many rows as there is room for.

    Args:
        number: number of rows.
        room: bytes.
        rest: how to list the others.
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
    """Return the size of a text in bytes of UTF-8."""
    return len(text.encode())


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _entity(match: re.Match[str]) -> str:
    character = f"&#{ord(match[0])};"
    # GitHub finds mentions and addresses in the rendered text, where an entity no longer helps.
    return character + "<!-- -->" if match[0] == "@" else character
