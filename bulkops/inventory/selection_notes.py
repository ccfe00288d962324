"""Notes on a selection, and the errors for selections that can't be used. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

import msgspec

from bulkops.api.resources import is_id
from bulkops.checking import shown
from bulkops.errors import BulkopsError, JobError
from bulkops.inventory.matcher import Exclusion, Verdict
from bulkops.inventory.model import Selected, Unselected
from bulkops.inventory.named import offered
from bulkops.job.patterns import REGEX, matches
from bulkops.job.select import Select
from bulkops.operations.model import Target
from bulkops.text import counted, printable

MOST_NAMED = 7
"""Workspaces or values that a message names; the others are counted."""

_COMPARED = {"exclude_names": "name", "exclude_tags": "tags", "exclude_projects": "project"}
"""Field → what of a workspace it is compared with."""


class Exclusions:
    """Tracks which exclusions exclude workspaces that the other fields select.

    Attributes:
        excluded: id → target of these workspaces.
    """

    def __init__(self, select: Select) -> None:
        self._every = [
            Exclusion(field, entry)
            for field in _COMPARED
            for entry in dict.fromkeys(getattr(select, field))
        ]
        self.excluded: dict[str, Target] = {}
        self._narrowed = bool(select.only)
        self._used: set[Exclusion] = set()
        self._near: dict[Exclusion, dict[str, str]] = {}

    def note(self, target: Target, verdict: Verdict) -> None:
        """Add the verdict on a workspace."""
        self._used.update(verdict.excluding)
        if verdict.excluding and verdict.objection is not None and verdict.objection.known:
            self.excluded[target.id] = target
        for exclusion in verdict.near:
            self._near.setdefault(exclusion, {})[target.id] = target.name or target.id

    def notes(self, projects: Mapping[str, str]) -> Iterator[str]:
        """Yield notes on exclusions that exclude nothing, or that miss something only by case.

        Args:
            projects: id → name of the projects of all workspaces that were read.
        """
        for exclusion in self._every:
            field = exclusion.field
            what = f"select: {field} {shown(exclusion.entry)}"
            if near := self._near.get(exclusion):
                compared = _COMPARED[field].removesuffix("s")
                yield (
                    f"{what} does not exclude workspaces whose {compared}s differ only in case: "
                    f"{_few(near)}"
                )
            elif exclusion not in self._used and not self._narrowed:
                # With --select, it may exclude workspaces that were never read.
                seen = _seen(exclusion.entry, projects) if field == "exclude_projects" else ""
                yield f"{what} excludes no workspace{seen}"

    def check(self, source: str) -> None:
        """Raise ``JobError`` for an exclusion that excludes nothing only because of its case.

        A pattern that distinguishes case on purpose (``re:.*[A-Z]``) only gets a note.
        """
        for exclusion in self._every:
            field, entry = exclusion
            near = self._near.get(exclusion, {})
            literal = not entry.startswith(REGEX) and "[" not in entry
            if near and literal and exclusion not in self._used:
                raise JobError(
                    f"{source}: select.{field}: {shown(entry)} excludes no workspace: matching is "
                    f"case-sensitive, and it differs only in case from the {_COMPARED[field]} of "
                    f"{_few(near)}: write it as the server does"
                )


def uncompared_notes(uncompared: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield, per attribute, how many workspaces have a value that ``where`` can't compare.

    Args:
        uncompared: attribute and value of each workspace that is not selected for only this reason.
    """
    counts = Counter(uncompared)
    for attribute in sorted({attribute for attribute, _ in counts}):
        values = [(value, n) for (name, value), n in counts.items() if name == attribute]
        values.sort(key=itemgetter(1), reverse=True)
        parts = [f"{value} ({number})" for value, number in values[:MOST_NAMED]]
        parts += [f"{len(values) - MOST_NAMED} more values"] if len(values) > MOST_NAMED else []
        workspaces = counted(sum(number for _, number in values), "workspace")
        yield (
            f"select: where can't compare the {attribute} of {workspaces}, which are not "
            f"selected: {', '.join(parts)}"
        )


def unmatched_notes(
    select: Select,
    chosen: Sequence[Target],
    projects: Mapping[str, str],
    list_file: str = "",
    excluded: Collection[Target] = (),
) -> Iterator[str]:
    """Yield a note on each name, id, project or listed workspace that selects nothing.

    Most of these are typing errors. With ``only`` or ``limit`` there are no such notes.

    Args:
        projects: as in ``Exclusions.notes``.
        list_file: the file that ``listed`` is from; the notes name it.
        excluded: the workspaces that only an exclusion keeps from being selected.
    """
    if select.only or select.limit is not None:
        return
    ids = {t.id for t in chosen} if select.ids or select.listed else set()
    known = ids.union(t.name for t in chosen) if select.listed else ids
    for name in select.names:
        if not any(matches(name, target.name) for target in chosen):
            yield _selects_none(name, [t for t in excluded if matches(name, t.name)])
    for ident in select.ids:
        if ident not in ids:
            yield _selects_none(ident, [t for t in excluded if t.id == ident])
    of = {target.project for target in chosen} if select.projects else set()
    for entry in dict.fromkeys(select.projects):
        if projects.get(entry) not in of and not any(matches(entry, p) for p in of):
            seen = _seen(entry, projects)
            yield f"select: projects {shown(entry)} selects no workspace{seen}"
    missing = [entry for entry in dict.fromkeys(select.listed or ()) if entry not in known]
    listing = f"select.file {shown(list_file)}" if list_file else "select"
    yield from _unlisted_notes(listing, missing, excluded)


def _unlisted_notes(
    listing: str, missing: Sequence[str], excluded: Collection[Target]
) -> Iterator[str]:
    out = {entry for t in excluded for entry in (t.id, t.name)} if missing else set()
    if both := {entry: entry for entry in missing if entry in out}:
        yield f"{listing}: [select] excludes {counted(len(both), 'listed workspace')}: {_few(both)}"
    missing = [entry for entry in missing if entry not in both]
    if len(missing) > MOST_NAMED:
        few = ", ".join(map(shown, missing[:MOST_NAMED]))
        yield (
            f"{listing}: {len(missing):,} of its entries select no workspace: {few} and "
            f"{len(missing) - MOST_NAMED:,} more"
        )
        return
    for entry in missing:
        yield f"{listing}: {shown(entry)} selects no workspace"


def _selects_none(entry: str, excluded: Sequence[Target]) -> str:
    if not excluded:
        return f"select: {shown(entry)} selects no workspace"
    names = {target.id: target.name or target.id for target in excluded}
    return f"select: {shown(entry)} matches only excluded workspaces: {_few(names)}"


def doubted_notes(doubted: Sequence[Unselected]) -> Iterator[str]:
    """Yield a note on workspaces that may be selected."""
    if doubted:
        workspaces = counted(len(doubted), "workspace")
        yield f"select: the server doesn't show whether it selects {workspaces}: nothing is planned"


def undecided(selected: Selected, source: str) -> BulkopsError:
    """Return the error for a selection that depends on what the server doesn't show.

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
                f"{source}: the server doesn't show whether [select] selects {workspaces}, so "
                "nothing is planned:",
                *lines,
                "Select by what the server shows, such as names or ids, or use a token that can "
                "see the rest. `bulkops workspaces JOB --why` lists all of these workspaces.",
            ]
        )
    )


def nothing_selected(select: Select, source: str, list_file: str = "") -> JobError:
    """Return the error for a selection that no workspace matches.

    Args:
        source: the job file's name.
        list_file: the file that ``listed`` is from; the message names it instead.
    """
    fields: dict[str, object] = msgspec.to_builtins(select)
    if list_file:
        fields = {"file" if name == "listed" else name: value for name, value in fields.items()}
        fields["file"] = list_file
    text = ", ".join(f"{name} = {shown(value)}" for name, value in fields.items())
    return JobError(
        f"{source}: no workspace matches [select] {text}\n"
        "(`bulkops workspaces JOB --why` shows why; workspaces that this token can't see "
        "never match; allow_empty = true in [select] makes this a success)"
    )


def _seen(entry: str, projects: Mapping[str, str]) -> str:
    """Return what to add to a note on a project's exact name that no project has."""
    names = set(projects.values())
    exact = not entry.startswith(REGEX) and not any(sign in entry for sign in "*?[")
    if not exact or is_id(entry, "prj") or entry in names or not names:
        return ""
    return f"; the workspaces read are in: {offered(entry, names)}"


def _few(names: dict[str, str]) -> str:
    """List the first of some names, and the number of the others."""
    known = sorted(names.values())
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return ", ".join(map(printable, known[:MOST_NAMED])) + more
