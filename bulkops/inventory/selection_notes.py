"""What is said of a selection: notes on what it leaves out, and why it can't be used. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

import msgspec

from bulkops.checking import shown
from bulkops.errors import BulkopsError, JobError
from bulkops.inventory.matcher import Exclusion, Verdict
from bulkops.inventory.model import Selected, Unselected
from bulkops.job.patterns import REGEX, matches
from bulkops.job.select import Select
from bulkops.operations.model import Target
from bulkops.text import counted, printable

MOST_NAMED = 7
"""Workspaces, or values, that a sentence names; of the others it gives the number."""


class Exclusions:
    """Keeps which exclusions exclude something of what the rest of a selection selects."""

    def __init__(self, select: Select) -> None:
        self._every = [
            *(Exclusion("exclude_names", entry) for entry in dict.fromkeys(select.exclude_names)),
            *(Exclusion("exclude_tags", entry) for entry in dict.fromkeys(select.exclude_tags)),
        ]
        self._narrowed = bool(select.only)
        self._used: set[Exclusion] = set()
        self._near: dict[Exclusion, dict[str, str]] = {}

    def note(self, target: Target, verdict: Verdict) -> None:
        """Take the verdict on a workspace."""
        self._used.update(verdict.excluding)
        for exclusion in verdict.near:
            self._near.setdefault(exclusion, {})[target.id] = target.name or target.id

    def notes(self) -> Iterator[str]:
        """Yield which of them exclude nothing, and which not what differs by case only."""
        for exclusion in self._every:
            what = f"select: {exclusion.field} {shown(exclusion.entry)}"
            if near := self._near.get(exclusion):
                yield f"{what} does not exclude what differs by case only: {_few(near)}"
            elif exclusion not in self._used and not self._narrowed:
                # Of what --select leaves out, nobody knows what it would have excluded.
                yield f"{what} excludes no workspace"

    def check(self, source: str) -> None:
        """Raise ``JobError`` for one that excludes nothing because of upper and lower case.

        A pattern that tells the two apart on purpose (``re:.*[A-Z]``) is only noted.
        """
        for exclusion in self._every:
            field, entry = exclusion
            near = self._near.get(exclusion, {})
            literal = not entry.startswith(REGEX) and "[" not in entry
            if near and literal and exclusion not in self._used:
                what = "name" if field == "exclude_names" else "tags"
                raise JobError(
                    f"{source}: select.{field}: {shown(entry)} excludes no workspace, because case "
                    f"counts: it differs by case only from the {what} of {_few(near)}: write it as "
                    "the server does"
                )


def uncompared_notes(uncompared: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield, for each attribute, how many workspaces have a value that ``where`` can't compare.

    Args:
        uncompared: attribute and value, of each workspace that is not selected for it alone.
    """
    counts = Counter(uncompared)
    for attribute in sorted({attribute for attribute, _ in counts}):
        values = [(value, n) for (name, value), n in counts.items() if name == attribute]
        values.sort(key=itemgetter(1), reverse=True)
        said = [f"{value} {number}" for value, number in values[:MOST_NAMED]]
        said += [f"{len(values) - MOST_NAMED} more values"] if len(values) > MOST_NAMED else []
        workspaces = counted(sum(number for _, number in values), "workspace")
        yield (
            f"select: where can't compare the {attribute} of {workspaces}, which are not "
            f"selected: {', '.join(said)}"
        )


def unmatched_notes(select: Select, chosen: Sequence[Target]) -> Iterator[str]:
    """Yield a note on each entry of ``names``, ``ids`` and ``listed`` that selects none of these.

    Typing errors, most of them; none are told where ``only`` or ``limit`` left out others.
    """
    if select.only or select.limit is not None:
        return
    ids = {t.id for t in chosen} if select.ids or select.listed else set()
    known = ids.union(t.name for t in chosen) if select.listed else ids
    unmatched = [
        *(n for n in select.names if not any(matches(n, t.name) for t in chosen)),
        *(i for i in select.ids if i not in ids),
        *(entry for entry in dict.fromkeys(select.listed or ()) if entry not in known),
    ]
    for entry in unmatched:
        yield f"select: {shown(entry)} selects no workspace"


def doubted_notes(doubted: Sequence[Unselected]) -> Iterator[str]:
    """Yield a note on workspaces that may be selected."""
    if doubted:
        workspaces = counted(len(doubted), "workspace")
        yield f"select: nobody knows whether it selects {workspaces}, so that nothing is planned"


def undecided(selected: Selected, source: str) -> BulkopsError:
    """Return the error for a selection that can't be decided by what the server shows.

    Args:
        source: the job file's name.
    """
    by_reason: dict[str, dict[str, str]] = {}
    for row in selected.doubted:
        names = by_reason.setdefault(row.reason, {})
        names[row.target.id] = row.target.name or row.target.id
    lines = [f"  {reason} ({_few(names)})" for reason, names in by_reason.items()]
    workspaces = counted(len(selected.doubted), "workspace")
    return BulkopsError(
        "\n".join(
            [
                f"{source}: nobody knows whether [select] selects {workspaces}, so that nothing is "
                "planned:",
                *lines,
                "Not shown is not none: select by what the server shows, such as names or ids, or "
                "use a token that may see it. `bulkops workspaces JOB --why` lists them all.",
            ]
        )
    )


def nothing_selected(select: Select, source: str) -> JobError:
    """Return the error for a selection no workspace fits, where that is not allowed.

    Args:
        source: the job file's name.
    """
    fields: dict[str, object] = msgspec.to_builtins(select)
    said = ", ".join(f"{name} = {shown(value)}" for name, value in fields.items())
    return JobError(
        f"{source}: no workspace fits [select] {said}\n"
        "(`bulkops workspaces JOB --why` tells why not; a workspace this token may not see counts "
        "as missing; allow_empty = true in [select] makes this a success)"
    )


def _few(names: dict[str, str]) -> str:
    """Return the first of some names, and how many more there are."""
    known = sorted(names.values())
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return ", ".join(map(printable, known[:MOST_NAMED])) + more
