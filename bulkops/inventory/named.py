"""Finds a run task or project by name or id in the server's list. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Protocol, TypeVar

from bulkops.api.tolerant import why_unknown
from bulkops.checking import shown
from bulkops.errors import JobError, ServerBroken
from bulkops.text import printable

MOST_NAMES = 20
"""Up to this many names, an error lists all of them; of more, only the nearest."""

NEAREST = 5
"""Names listed as the nearest."""


class Named(Protocol):
    """A run task or a project."""

    @property
    def id(self) -> str:
        """``task-…`` or ``prj-…``."""
        ...

    @property
    def name(self) -> str:
        """Usually unique in an organization, but the API doesn't guarantee it; empty if unknown."""
        ...

    @property
    def unread(self) -> Mapping[str, str]:
        """What of it can't be read (see ``bulkops.api.tolerant``)."""
        ...


N = TypeVar("N", bound=Named)


def the_one(things: Sequence[N], named: str, what: str, organization: str, place: str = "") -> N:
    """Return the one object with this name or id.

    Args:
        named: the name or id.
        what: its type: ``run task``, ``project``.
        place: where it is named, ``job.toml: operation.task``; empty for the command line.

    Raises:
        JobError: there is none, or more than one; the message lists what exists.
        ServerBroken: there is none, but it may be one whose name can't be read.
    """
    matching = [thing for thing in things if named in (thing.id, thing.name)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        ids = ", ".join(thing.id for thing in matching)
        raise JobError(
            f"{_where(named, place)}: {len(matching)} {what}s have this name: give the id of one "
            f"of them ({ids})"
        )
    for thing in things:
        if not thing.name:
            why = why_unknown("name", thing.unread)
            raise ServerBroken(f"{_where(named, place)}: {thing.id} may be this {what}: {why}")
    raise no_such(named, what, organization, (thing.name for thing in things), place)


def no_such(
    named: str, what: str, organization: str, names: Iterable[str], place: str = ""
) -> JobError:
    """Return the error for an object that doesn't exist or isn't visible (see ``the_one``).

    Args:
        names: the existing names, as far as they are known.
    """
    known = offered(named, names)
    return JobError(
        f"{_where(named, place)}: no such {what} in {organization}, or this token can't see it"
        f"{known and '; it sees: '}{known}"
    )


def offered(named: str, names: Iterable[str]) -> str:
    """List the existing names, or those nearest to ``named`` if there are many; may be empty."""
    known = sorted(set(names))
    few = known
    if len(known) > MOST_NAMES:
        few = get_close_matches(named, known, NEAREST, 0.5) or known[:NEAREST]
    more = f", … ({len(known) - len(few)} more)" if len(known) > len(few) else ""
    return ", ".join(map(printable, few)) + more


def _where(named: str, place: str) -> str:
    return f"{place} = {shown(named)}" if place else shown(named)
