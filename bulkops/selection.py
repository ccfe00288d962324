"""Which workspaces a job addresses, and for each other one why not. Pure.

The server is asked to narrow what it sends (``server_filters``) only where that leaves out
nothing ``why_not`` would select: the judge is always here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.client.resources import Workspace
from bulkops.errors import JobError
from bulkops.job_errors import shown
from bulkops.operations.model import Target

Glob = Annotated[
    str, Meta(min_length=1, description='a workspace name; "*", "?" and "[a-z]" are wildcards')
]
# The API takes tags as one comma-separated parameter and trims them.
Tag = Annotated[
    str,
    Meta(
        pattern=r"^[^=,\s]+\Z",
        description='a plain tag name without "=", "," or spaces '
        "(key=value tags can't be selected yet)",
    ),
]
WorkspaceId = Annotated[
    str, Meta(pattern=r"^ws-[A-Za-z0-9]+\Z", description='a workspace id, "ws-…"')
]
ProjectRef = Annotated[
    str, Meta(pattern=r"\S", description='one project, by its name or its id "prj-…"')
]

# An empty list would mean "any": one left empty by a template must not widen a rollout.
Globs = Annotated[tuple[Glob, ...], Meta(min_length=1)]
Tags = Annotated[tuple[Tag, ...], Meta(min_length=1)]
WorkspaceIds = Annotated[tuple[WorkspaceId, ...], Meta(min_length=1)]


class Select(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[select]``: fields are combined with AND, values in one field with OR (tags: all of them).

    Attributes:
        names: globs, one of which the name matches; case counts.
        exclude_names: globs, none of which it matches.
        tags: all of which the workspace has.
        exclude_tags: none of which it has.
        project: name or ``prj-…`` id of the project it is in.
        ids: ``ws-…``, one of which is its own.
        all: every workspace, but for what is excluded.
        allow_empty: selecting nothing is a success, not an error.

    Raises:
        ValueError: nothing is selected, or ``all`` stands beside what narrows it.
    """

    names: Globs = ()
    exclude_names: tuple[Glob, ...] = ()
    tags: Tags = ()
    exclude_tags: tuple[Tag, ...] = ()
    project: ProjectRef | None = None
    ids: WorkspaceIds = ()
    all: bool = False
    allow_empty: bool = False

    def __post_init__(self) -> None:
        """Refuse a selection of everything that nobody asked for in so many words."""
        narrowing = [n for n in ("names", "tags", "project", "ids") if getattr(self, n)]
        if self.all and narrowing:
            raise ValueError(
                f"all = true can't stand beside {', '.join(narrowing)}: "
                "drop one or the other (exclude_names and exclude_tags may stay)"
            )
        if not self.all and not narrowing:
            raise ValueError(
                "nothing selects a workspace: "
                "give names, tags, project or ids, or all = true for every workspace"
            )


class Selection:
    """Keeps, of the workspaces it is given, those the job addresses: see ``listing.Rows``.

    Args:
        project_id: ``prj-…`` of ``select.project``; not looked at where that is not given.

    Attributes:
        forbidden: ids of those on which this token may not manage run tasks.
    """

    def __init__(self, select: Select, project_id: str | None) -> None:
        self.forbidden: set[str] = set()
        self._select = select
        self._project_id = project_id
        self._rows: dict[str, Target | None] = {}

    def add(self, workspace: Workspace) -> None:
        """Judge a workspace."""
        chosen = why_not(self._select, workspace, self._project_id) is None
        self._rows[workspace.id] = Target(workspace.id, workspace.name) if chosen else None
        if chosen and workspace.can_manage_run_tasks is False:
            self.forbidden.add(workspace.id)

    def count(self) -> int:
        """Return how many workspaces were judged."""
        return len(self._rows)

    def targets(self) -> list[Target]:
        """Return the workspaces the job addresses, by name."""
        chosen = (target for target in self._rows.values() if target is not None)
        return sorted(chosen, key=lambda target: (target.name, target.id))


def why_not(select: Select, workspace: Workspace, project_id: str | None) -> str | None:
    """Return the first reason in words why a workspace is not addressed, ``None`` if it is."""
    return next(_objections(select, workspace, project_id), None)


def server_filters(select: Select, project_id: str | None) -> dict[str, str]:
    """Return query parameters of the workspace list that leave out none of the selected.

    A project is sent where its id is known; ``names`` only where there is one glob; ``ids``
    never, the API has no such filter.
    """
    wildcard = _server_wildcard(select.names[0]) if len(select.names) == 1 else None
    filters = {
        "search[wildcard-name]": wildcard,
        "search[tags]": ",".join(select.tags),
        "search[exclude-tags]": ",".join(select.exclude_tags),
        "filter[project][id]": project_id if select.project else None,
    }
    return {name: value for name, value in filters.items() if value}


def unmatched(select: Select, chosen: Sequence[Target]) -> list[str]:
    """Return the entries of ``names`` and ``ids`` that select none of the chosen: typing errors."""
    names = [n for n in select.names if not any(fnmatchcase(t.name, n) for t in chosen)]
    ids = {t.id for t in chosen} if select.ids else set()
    return [*names, *(i for i in select.ids if i not in ids)]


def nothing_selected(select: Select, source: str) -> JobError:
    """Return the error for a selection no workspace fits, where that is not allowed.

    Args:
        source: the job file's name.
    """
    fields: dict[str, object] = msgspec.to_builtins(select)
    said = ", ".join(f"{name} = {shown(value)}" for name, value in fields.items())
    return JobError(
        f"{source}: no workspace fits [select] {said}\n"
        "(a workspace this token may not see counts as missing; "
        "allow_empty = true in [select] makes this a success)"
    )


def _objections(select: Select, workspace: Workspace, project_id: str | None) -> Iterator[str]:
    name = workspace.name
    if select.ids and workspace.id not in select.ids:
        yield "its id is not in ids"
    if select.names and not any(fnmatchcase(name, glob) for glob in select.names):
        yield f"its name matches none of names = {shown(select.names)}"
    if excluding := [glob for glob in select.exclude_names if fnmatchcase(name, glob)]:
        yield f"its name matches exclude_names {shown(excluding)}"
    if lacking := sorted(set(select.tags).difference(workspace.tag_names)):
        yield f"it lacks tags {shown(lacking)}"
    if unwanted := sorted(set(select.exclude_tags).intersection(workspace.tag_names)):
        yield f"it has exclude_tags {shown(unwanted)}"
    # A server without projects shows None: that must not equal a project nobody looked up.
    if select.project and (project_id is None or workspace.project_id != project_id):
        yield f"it is not in project {shown(select.project)}"


def _server_wildcard(glob: str) -> str | None:
    # The API promises "*" as prefix, suffix or both, and doesn't say what a "*" in the middle
    # or a name without one match: what is sent keeps to the promise and is never narrower.
    if not re.fullmatch(r"[A-Za-z0-9_.*-]+", glob):
        return None
    head, *rest = glob.split("*")
    if head:
        return f"{head}*"
    if tail := rest[-1]:
        return f"*{tail}"
    middle = max(rest, key=len)
    return f"*{middle}*" if middle else None
