"""What the first line and the end of each of many journals show."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from bulkops.errors import BulkopsError
from bulkops.journal.place import Place
from bulkops.journal.reader import ends_of
from bulkops.journal.records import Header

AT_ONCE = 16
"""Journals that are looked at together: each may be in a store, whose answers take their time."""


class Listed(NamedTuple):
    """A journal of the list.

    Attributes:
        header: ``None`` if it can't be read.
        ended: how its last execution ended; empty if it has not.
        problem: why it can't be read; empty if it can.
    """

    place: Place
    header: Header | None
    ended: str = ""
    problem: str = ""


def listed(places: Iterable[Place]) -> list[Listed]:
    """Return the journals at these places, the newest first; those that can't be read come last.

    A place at which nothing is, is left out: a name for a journal that was never started.

    Raises:
        JournalError: the places can't be listed.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [one for one in pool.map(_looked_at, places) if one]
    return sorted(found, key=_started, reverse=True)


def _started(one: Listed) -> str:
    return one.header.created_at if one.header else ""


def _looked_at(place: Place) -> Listed | None:
    try:
        header, ended = ends_of(place.reader())
    except (BulkopsError, RecursionError) as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        return Listed(place, None, problem=str(error).removeprefix(f"{place}: "))
    return Listed(place, header, ended.how if ended else "")
