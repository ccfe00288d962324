"""Whether a job addresses a workspace, and if not, the first reason why not. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bulkops.api.resources import Workspace
from bulkops.checking import shown
from bulkops.job.conditions import parse_conditions
from bulkops.job.patterns import matches
from bulkops.job.select import Select


class Matcher:
    """Decides about one workspace at a time, by what its own resource shows.

    Args:
        project_id: ``prj-…`` of ``select.project``; not looked at where that is not given.
    """

    def __init__(self, select: Select, project_id: str | None) -> None:
        self._select = select
        self._project_id = project_id
        self._ids = frozenset(select.ids)
        self._listed = None if select.listed is None else frozenset(select.listed)
        self._conditions = parse_conditions("where", select.where)

    def why_not(self, workspace: Workspace) -> str | None:
        """Return the first reason why a workspace is not addressed, ``None`` if it is."""
        return next(self._objections(workspace), None)

    def _objections(self, workspace: Workspace) -> Iterator[str]:
        select = self._select
        if self._ids and workspace.id not in self._ids:
            yield "its id is not in ids"
        if self._listed is not None and self._listed.isdisjoint((workspace.id, workspace.name)):
            yield "neither its name nor its id is listed"
        yield from self._objections_to_name(workspace.name)
        yield from self._objections_to_tags(workspace)
        # A server without projects shows None: that must not equal a project nobody looked up.
        outside = self._project_id is None or workspace.project_id != self._project_id
        if select.project and outside:
            yield f"it is not in project {shown(select.project)}"
        for condition in self._conditions:
            if objection := condition.objection(workspace.attributes):
                yield objection

    def _objections_to_name(self, name: str) -> Iterator[str]:
        select = self._select
        if select.names and not any(matches(entry, name) for entry in select.names):
            yield f"its name matches none of names = {shown(select.names)}"
        if excluding := [entry for entry in select.exclude_names if matches(entry, name)]:
            yield f"its name matches exclude_names {shown(excluding)}"

    def _objections_to_tags(self, workspace: Workspace) -> Iterator[str]:
        has = {tag: _has_tag(workspace, tag) for tag in self._select.tags}
        if lacking := sorted(tag for tag, told in has.items() if told is False):
            yield f"it lacks tags {shown(lacking)}"
        has |= {tag: _has_tag(workspace, tag) for tag in self._select.exclude_tags}
        if unknown := sorted(tag for tag, told in has.items() if told is None):
            yield f"whether it has {shown(unknown)} is not known: the server shows no tag bindings"
        if unwanted := sorted(tag for tag in set(self._select.exclude_tags) if has[tag]):
            yield f"it has exclude_tags {shown(unwanted)}"


def _has_tag(workspace: Workspace, tag: str) -> bool | None:
    key, equals, value = tag.partition("=")
    bindings = workspace.tag_bindings
    if not equals:
        return key in workspace.tag_names or (bindings is not None and key in bindings)
    return None if bindings is None else bindings.get(key) == value


def may_select(select: Select, ident: str, name: str) -> bool:
    """Return whether a job addresses a workspace, as far as its id and name alone tell."""
    return (
        (not select.ids or ident in select.ids)
        and (select.listed is None or ident in select.listed or name in select.listed)
        and (not select.names or any(matches(entry, name) for entry in select.names))
        and (not select.only or any(matches(entry, name) for entry in select.only))
        and not any(matches(entry, name) for entry in select.exclude_names)
    )
