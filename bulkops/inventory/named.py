"""One thing by its name or id, out of the list that the server shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Protocol, TypeVar

from bulkops.checking import shown
from bulkops.errors import JobError
from bulkops.text import printable

MOST_NAMES = 20
"""Names that a message offers in place of one that is not there; of more only the nearest."""

NEAREST = 5


class Named(Protocol):
    """A run task or a project."""

    @property
    def id(self) -> str:
        """``task-…`` or ``prj-…``."""
        ...

    @property
    def name(self) -> str:
        """Unique in most organizations, but no server promises it."""
        ...


N = TypeVar("N", bound=Named)


def the_one(things: Sequence[N], asked: str, what: str, organization: str, place: str = "") -> N:
    """Return the one thing that has a name or an id.

    Args:
        what: it is: ``run task``, ``project``.
        place: where it was asked for, ``job.toml: operation.task``; empty for the command line.

    Raises:
        JobError: none has it, or several have; the message names what there is.
    """
    found = [thing for thing in things if asked in (thing.id, thing.name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(thing.id for thing in found)
        raise JobError(
            f"{_asked(asked, place)}: {len(found)} {what}s have that name: give one's id ({ids})"
        )
    raise no_such(asked, what, organization, (thing.name for thing in things), place)


def no_such(
    asked: str, what: str, organization: str, names: Iterable[str], place: str = ""
) -> JobError:
    """Return the error for what is not there, or not shown to this token; see ``the_one``.

    Args:
        names: of what is there, as far as that was read.
    """
    known = offered(asked, names)
    return JobError(
        f"{_asked(asked, place)}: no such {what} in {organization}, or this token may not see it"
        f"{known and '; it sees: '}{known}"
    )


def offered(asked: str, names: Iterable[str]) -> str:
    """Return the names there are, or of many those nearest to the one asked for; may be empty."""
    known = sorted(set(names))
    few = known
    if len(known) > MOST_NAMES:
        few = get_close_matches(asked, known, NEAREST, 0.5) or known[:NEAREST]
    more = f", … ({len(known) - len(few)} more)" if len(known) > len(few) else ""
    return ", ".join(map(printable, few)) + more


def _asked(asked: str, place: str) -> str:
    return f"{place} = {shown(asked)}" if place else shown(asked)
