"""Whether a workspace has a tag, or is in a project: yes, no, or unknown. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET

from bulkops.api.resources import Workspace, is_id
from bulkops.api.tolerant import why_unknown
from bulkops.checking import shown
from bulkops.job.conditions import Objection
from bulkops.job.patterns import matches


def in_project(workspace: Workspace, entry: str) -> bool | None:
    """Return whether an entry means a workspace's project, ``None`` if that isn't shown."""
    ident, name = workspace.project_id, workspace.project_name
    if ident is UNSET:
        return None
    if ident is None or ident == entry:
        return ident is not None
    if name:
        return matches(entry, name)
    return False if is_id(entry, "prj") else None


def unknown_project(field: str, entries: object, workspace: Workspace) -> Objection:
    """Return the objection of a field if it is unknown whether these entries mean its project."""
    why = f"the server doesn't show the name of its project {workspace.project_id}"
    if workspace.project_id is UNSET:
        why = why_unknown("project", workspace.unread, "relationships")
    return Objection(f"whether it is in {field} {shown(entries)} is unknown: {why}", known=False)


def unknown_tags(field: str, tags: Iterable[str], workspace: Workspace) -> Objection:
    """Return the objection of a field if it is unknown whether a workspace has these tags."""
    names = isinstance(workspace.tag_bindings, dict)
    member = "tag-names" if names else "effective-tag-bindings"
    why = f"the server doesn't show its {'tag names' if names else 'tag bindings'}"
    if member in workspace.unread:
        why = why_unknown(member, workspace.unread)
    return Objection(f"whether it has {field} {shown(sorted(tags))} is unknown: {why}", known=False)


def has_tags(
    workspace: Workspace, tags: Iterable[str], *, with_bindings: bool
) -> dict[str, bool | None]:
    """Return which of these tags a workspace has, ``None`` if the server doesn't show enough.

    Args:
        with_bindings: see ``Matcher.judge``.
    """
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


def near_tag(workspace: Workspace, tag: str) -> bool:
    """Return whether a workspace has a tag that differs only in case."""
    key, equals, value = tag.casefold().partition("=")
    bindings = workspace.tag_bindings or {}
    if equals:
        return any(k.casefold() == key and v.casefold() == value for k, v in bindings.items())
    return any(one.casefold() == key for one in (*(workspace.tag_names or ()), *bindings))
