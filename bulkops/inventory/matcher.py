"""Decides whether a job selects a workspace: yes, no with a reason, or unknown. Pure.

There are three answers because "not shown" doesn't mean "none": if the server doesn't show what a
field reads, the answer is unknown, unless another field leaves the workspace out anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import UNSET

from bulkops.api.resources import Workspace
from bulkops.api.tolerant import why_unknown
from bulkops.checking import shown
from bulkops.job.conditions import Objection, parse_conditions
from bulkops.job.patterns import matches
from bulkops.job.select import Select


class Exclusion(NamedTuple):
    """One entry of ``exclude_names`` or ``exclude_tags``, as named by ``field``."""

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


class Matcher:
    """Decides about one workspace at a time, by its own resource.

    Args:
        project_id: the id (``prj-…``) of ``select.project``; ignored if that is not given.
        list_file: the file that ``select.listed`` is from, for reasons.
    """

    def __init__(self, select: Select, project_id: str | None, list_file: str = "") -> None:
        self._select = select
        self._project_id = project_id
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
        names, tags = self._select.exclude_names, self._select.exclude_tags
        if not names and not tags:
            objection = uncompared or (doubts[0] if doubts else None)
            return Verdict(objection) if objection else _SELECTED
        name = workspace.name
        matching = [entry for entry in names if name and matches(entry, name)]
        has = _tags(workspace, tags, with_bindings=with_bindings)
        tagged = sorted(tag for tag, present in has.items() if present)
        if matching or tagged:
            reason = f"its name matches exclude_names {shown(matching)}"
            reason = reason if matching else f"it has exclude_tags {shown(tagged)}"
            return Verdict(Objection(reason), (*_of_names(matching), *_of_tags(tagged)))
        if names and not name:
            doubts.append(_no_name(workspace))
        if unknown := [tag for tag, present in has.items() if present is None]:
            doubts.append(_unknown_tags("exclude_tags", unknown, workspace))
        return Verdict(
            uncompared or (doubts[0] if doubts else None),
            (*_of_names(() if name else names), *_of_tags(unknown)),
            near=(
                *_of_names(e for e in names if name and matches(e, name, any_case=True)),
                *_of_tags(
                    tag for tag, has_it in has.items() if not has_it and _near(workspace, tag)
                ),
            ),
        )

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
        for condition in self._conditions:
            if objection := condition.objection(workspace.attributes):
                yield objection
        yield from _objections_to_name("only", select.only, workspace)

    def _objections_to_tags(
        self, workspace: Workspace, *, with_bindings: bool
    ) -> Iterator[Objection]:
        has = _tags(workspace, self._select.tags, with_bindings=with_bindings)
        if lacking := sorted(tag for tag, present in has.items() if present is False):
            yield Objection(f"it lacks tags {shown(lacking)}")
        if unknown := [tag for tag, present in has.items() if present is None]:
            yield _unknown_tags("tags", unknown, workspace)

    def _objections_to_project(self, workspace: Workspace) -> Iterator[Objection]:
        project = shown(self._select.project)
        if workspace.project_id is UNSET:
            yield Objection(
                f"whether it is in project {project} is unknown: "
                f"{why_unknown('project', workspace.unread, 'relationships')}",
                known=False,
            )
        elif self._project_id is None or workspace.project_id != self._project_id:
            # A workspace without a project has None, which must not equal an unresolved project.
            yield Objection(f"it is not in project {project}")


def _no_name(workspace: Workspace) -> Objection:
    return Objection(f"its name is unknown: {why_unknown('name', workspace.unread)}", known=False)


def _objections_to_name(
    field: str, entries: tuple[str, ...], workspace: Workspace
) -> Iterator[Objection]:
    if entries and not workspace.name:
        yield _no_name(workspace)
    elif entries and not any(matches(entry, workspace.name) for entry in entries):
        yield Objection(f"its name matches none of {field} = {shown(entries)}")


def _of_names(entries: Iterable[str]) -> Iterator[Exclusion]:
    return (Exclusion("exclude_names", entry) for entry in entries)


def _of_tags(entries: Iterable[str]) -> Iterator[Exclusion]:
    return (Exclusion("exclude_tags", entry) for entry in entries)


def _unknown_tags(field: str, tags: Iterable[str], workspace: Workspace) -> Objection:
    names = isinstance(workspace.tag_bindings, dict)
    member = "tag-names" if names else "effective-tag-bindings"
    why = f"the server doesn't show its {'tag names' if names else 'tag bindings'}"
    if member in workspace.unread:
        why = why_unknown(member, workspace.unread)
    return Objection(f"whether it has {field} {shown(sorted(tags))} is unknown: {why}", known=False)


def _tags(
    workspace: Workspace, tags: Iterable[str], *, with_bindings: bool
) -> dict[str, bool | None]:
    return {tag: _has_tag(workspace, tag, with_bindings=with_bindings) for tag in tags}


def _has_tag(workspace: Workspace, tag: str, *, with_bindings: bool) -> bool | None:
    """Return whether a workspace has a tag, ``None`` if the server doesn't show enough."""
    key, equals, value = tag.partition("=")
    names, bindings = workspace.tag_names, workspace.tag_bindings
    if equals:
        return None if bindings is None or bindings is UNSET else bindings.get(key) == value
    if key in (names or ()) or (bindings and key in bindings):
        return True
    both_shown = names is not None and bindings is not None
    return False if both_shown and (bindings is not UNSET or not with_bindings) else None


def _near(workspace: Workspace, tag: str) -> bool:
    """Return whether a workspace has a tag that differs only in case."""
    key, equals, value = tag.casefold().partition("=")
    bindings = workspace.tag_bindings or {}
    if equals:
        return any(k.casefold() == key and v.casefold() == value for k, v in bindings.items())
    return any(one.casefold() == key for one in (*(workspace.tag_names or ()), *bindings))


def may_select(select: Select, ident: str, name: str) -> bool:
    """Return whether a job may select a workspace, judged only by its id and name."""
    return (
        (not select.ids or ident in select.ids)
        and (select.listed is None or ident in select.listed or name in select.listed)
        and (not select.names or any(matches(entry, name) for entry in select.names))
        and (not select.only or any(matches(entry, name) for entry in select.only))
        and not any(matches(entry, name) for entry in select.exclude_names)
    )
