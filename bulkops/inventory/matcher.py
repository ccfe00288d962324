"""Decides whether a job selects a workspace: yes, no with a reason, or unknown. Pure.

There are three answers because "not shown" doesn't mean "none": if the server doesn't show what a
field reads, the answer is unknown, unless another field leaves the workspace out anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from msgspec import UNSET

from bulkops.api.resources import Workspace, is_id
from bulkops.api.tolerant import why_unknown
from bulkops.checking import shown
from bulkops.inventory.membership import (
    has_tags,
    in_project,
    near_tag,
    unknown_project,
    unknown_tags,
)
from bulkops.job.conditions import Objection, parse_conditions
from bulkops.job.patterns import matches
from bulkops.job.select import Select


class Exclusion(NamedTuple):
    """One entry of ``exclude_names``, ``exclude_tags`` or ``exclude_projects``: of ``field``."""

    field: str
    entry: str


class Verdict(NamedTuple):
    """The decision about one workspace.

    Attributes:
        objection: why it is not selected, or what is unknown; ``None`` if it is selected.
        excluding: exclusions that match, or may match, this workspace, which the other fields
            select or may select.
        near: exclusions that don't match this workspace, but would without regard to case.
    """

    objection: Objection | None = None
    excluding: tuple[Exclusion, ...] = ()
    near: tuple[Exclusion, ...] = ()


_SELECTED = Verdict()


class _Excluding(NamedTuple):
    """How one field that excludes applies to a workspace.

    Attributes:
        words: the beginning of the reason, before the field and the entries that match.
        has: entry → whether it matches the workspace, ``None`` if that is unknown.
        near: whether an entry would match without regard to case.
        doubt: entries of which it is unknown → the objection.
    """

    field: str
    words: str
    has: Mapping[str, bool | None]
    near: Callable[[str], bool]
    doubt: Callable[[list[str]], Objection]

    @property
    def matching(self) -> list[str]:
        """The entries that match the workspace."""
        return [entry for entry, has in self.has.items() if has]

    @property
    def unknown(self) -> list[str]:
        """The entries of which it is unknown whether they match."""
        return [entry for entry, has in self.has.items() if has is None]


class Matcher:
    """Decides about one workspace at a time, by its own resource.

    Args:
        project_id: the id (``prj-…``) of ``select.project``; ignored if that is not given.
        list_file: the file that ``select.listed`` is from, for reasons.
    """

    def __init__(self, select: Select, project_id: str | None, list_file: str = "") -> None:
        self._select = select
        self._project_id = project_id
        self._excludes = bool(
            select.exclude_names or select.exclude_tags or select.exclude_projects
        )
        self._ids = frozenset(select.ids)
        self._listed = None if select.listed is None else frozenset(select.listed)
        self._unlisted = f"is in {shown(list_file)}" if list_file else "is listed"
        self._conditions = parse_conditions("where", select.where)

    def judge(self, workspace: Workspace, *, with_bindings: bool = True) -> Verdict:
        """Return the decision about a workspace.

        Args:
            with_bindings: the server has tag bindings, so that tag names alone don't decide
                about a workspace whose bindings are not shown.
        """
        doubts: list[Objection] = []
        uncompared: Objection | None = None
        for objection in self._objections(workspace, with_bindings=with_bindings):
            if not objection.known:
                doubts.append(objection)
            elif objection.uncompared:
                uncompared = uncompared or objection
            else:
                return Verdict(objection)
        return self._excluded(workspace, uncompared, doubts, with_bindings=with_bindings)

    def _excluded(
        self,
        workspace: Workspace,
        uncompared: Objection | None,
        doubts: list[Objection],
        *,
        with_bindings: bool,
    ) -> Verdict:
        """Return the verdict on a workspace that the other fields may select."""
        fields = self._excluding(workspace, with_bindings=with_bindings) if self._excludes else []
        if matching := [(one, entries) for one in fields if (entries := one.matching)]:
            first, entries = matching[0]
            return Verdict(
                Objection(f"{first.words} {first.field} {shown(entries)}"),
                tuple(Exclusion(one.field, entry) for one, some in matching for entry in some),
            )
        unknown = [(one, entries) for one in fields if (entries := one.unknown)]
        doubts += [one.doubt(entries) for one, entries in unknown]
        objection = uncompared or (doubts[0] if doubts else None)
        if not objection and not fields:
            return _SELECTED
        return Verdict(
            objection,
            tuple(Exclusion(one.field, entry) for one, some in unknown for entry in some),
            near=tuple(Exclusion(one.field, e) for one in fields for e in one.has if one.near(e)),
        )

    def _excluding(self, workspace: Workspace, *, with_bindings: bool) -> list[_Excluding]:
        """Return how each exclusion that the job has applies to a workspace."""
        select, name, project = self._select, workspace.name, workspace.project_name
        tags = has_tags(workspace, sorted(select.exclude_tags), with_bindings=with_bindings)
        every = (
            _Excluding(
                "exclude_names",
                "its name matches",
                {e: matches(e, name) if name else None for e in select.exclude_names},
                lambda entry: bool(name) and matches(entry, name, any_case=True),
                lambda _entries: _no_name(workspace),
            ),
            _Excluding(
                "exclude_tags",
                "it has",
                tags,
                partial(near_tag, workspace),
                lambda entries: unknown_tags("exclude_tags", entries, workspace),
            ),
            _Excluding(
                "exclude_projects",
                f"its project {shown(workspace.project)} matches",
                {e: in_project(workspace, e) for e in select.exclude_projects},
                lambda entry: bool(project) and matches(entry, project, any_case=True),
                lambda entries: unknown_project("exclude_projects", entries, workspace),
            ),
        )
        return [one for one in every if one.has]

    def _objections(self, workspace: Workspace, *, with_bindings: bool) -> Iterator[Objection]:
        """Yield every objection to a workspace, except those from exclusions."""
        select, name = self._select, workspace.name
        if self._ids and workspace.id not in self._ids:
            yield Objection("its id is not in ids")
        if self._listed is not None and self._listed.isdisjoint((workspace.id, name)):
            unlisted = Objection(f"neither its name nor its id {self._unlisted}")
            yield unlisted if name else _no_name(workspace)
        yield from _objections_to_name("names", select.names, workspace)
        if select.tags:
            yield from self._objections_to_tags(workspace, with_bindings=with_bindings)
        if select.project:
            yield from self._objections_to_project(workspace)
        if select.projects:
            yield from _objections_to_projects(select.projects, workspace)
        for condition in self._conditions:
            if objection := condition.objection(workspace.attributes):
                yield objection
        yield from _objections_to_name("only", select.only, workspace)

    def _objections_to_tags(
        self, workspace: Workspace, *, with_bindings: bool
    ) -> Iterator[Objection]:
        has = has_tags(workspace, self._select.tags, with_bindings=with_bindings)
        if lacking := sorted(tag for tag, present in has.items() if present is False):
            yield Objection(f"it lacks tags {shown(lacking)}")
        if unknown := [tag for tag, present in has.items() if present is None]:
            yield unknown_tags("tags", unknown, workspace)

    def _objections_to_project(self, workspace: Workspace) -> Iterator[Objection]:
        if workspace.project_id is UNSET:
            yield unknown_project("project", self._select.project, workspace)
        elif self._project_id is None or workspace.project_id != self._project_id:
            # A workspace without a project has None, which must not equal an unresolved project.
            yield Objection(f"it is not in project {shown(self._select.project)}")


def _no_name(workspace: Workspace) -> Objection:
    return Objection(f"its name is unknown: {why_unknown('name', workspace.unread)}", known=False)


def _objections_to_name(
    field: str, entries: tuple[str, ...], workspace: Workspace
) -> Iterator[Objection]:
    if entries and not workspace.name:
        yield _no_name(workspace)
    elif entries and not any(matches(entry, workspace.name) for entry in entries):
        yield Objection(f"its name matches none of {field} = {shown(entries)}")


def _objections_to_projects(entries: tuple[str, ...], workspace: Workspace) -> Iterator[Objection]:
    belongs = {entry: in_project(workspace, entry) for entry in entries}
    if any(belongs.values()):
        return
    if unknown := [entry for entry, known in belongs.items() if known is None]:
        yield unknown_project("projects", unknown, workspace)
    else:
        project = f"its project {shown(workspace.project)} matches none of"
        words = project if workspace.project_id else "it is in no project, so in none of"
        yield Objection(f"{words} projects = {shown(entries)}")


class RecordedMatcher:
    """Decides whether a job may select a workspace, by what its journal has of that workspace."""

    def __init__(self, select: Select) -> None:
        self._select = select
        # Sets, as in ``Matcher``: a job may list as many workspaces as its journal has.
        self._ids = frozenset(select.ids)
        self._listed = None if select.listed is None else frozenset(select.listed)

    def may_select(self, ident: str, name: str, project: str = "") -> bool:
        """Return whether the job may select a workspace.

        Args:
            project: as in ``Target``.
        """
        select = self._select
        return (
            (not self._ids or ident in self._ids)
            and (self._listed is None or not self._listed.isdisjoint((ident, name)))
            and (not select.names or any(matches(entry, name) for entry in select.names))
            and (not select.only or any(matches(entry, name) for entry in select.only))
            and not any(matches(entry, name) for entry in select.exclude_names)
            and (not project or _may_be_in(select, project))
        )


def _may_be_in(select: Select, project: str) -> bool:
    # The id of a project with a name isn't known here.
    entries = select.projects
    return not any(matches(entry, project) for entry in select.exclude_projects) and (
        not entries or any(is_id(entry, "prj") or matches(entry, project) for entry in entries)
    )
