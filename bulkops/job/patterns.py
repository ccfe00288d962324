"""Name patterns in job files: globs and, after ``re:``, regular expressions. Pure.

Nothing limits the cost of a regular expression except the length of a name (90 characters): one
with nested repetition, ``re:(a+)+b``, can run forever. It runs before any request is sent; Ctrl-C
twice ends it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache

from bulkops.checking import shown

REGEX = "re:"


def matches(entry: str, name: str, *, any_case: bool = False) -> bool:
    """Return whether the whole name matches a glob or, after ``re:``, a regular expression.

    Args:
        any_case: ignore case.
    """
    return _compiled(entry, re.IGNORECASE if any_case else 0).fullmatch(name) is not None


def check_patterns(field: str, entries: Sequence[str]) -> None:
    """Raise ``ValueError`` for an invalid regular expression; it names the wrong entry."""
    for index, entry in enumerate(entries):
        if not entry.startswith(REGEX):
            continue
        try:
            with warnings.catch_warnings():
                # Refuse what a later Python may interpret differently.
                warnings.simplefilter("error")
                _compiled(entry)
        except (re.error, RecursionError, OverflowError, Warning) as problem:
            place = f"{field}[{index}] = {shown(entry)}"
            raise ValueError(f"{place}: not a regular expression: {problem}") from None


@lru_cache(maxsize=4096)
def _compiled(entry: str, flags: int = 0) -> re.Pattern[str]:
    if entry.startswith(REGEX):
        return re.compile(entry.removeprefix(REGEX), flags)
    return re.compile(translate(entry), flags)
