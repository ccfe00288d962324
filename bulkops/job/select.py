"""``[select]``: the workspaces that a job applies to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.checking import shown
from bulkops.job.conditions import parse_conditions
from bulkops.job.patterns import check_patterns

Pattern = Annotated[
    str,
    Meta(
        min_length=1,
        description='a workspace name, a glob with "*", "?" or "[a-z]", '
        'or "re:" and a regular expression',
    ),
]
# A comma would end the tag in the API's query parameter.
Tag = Annotated[
    str,
    Meta(
        pattern=r"^[^=,\s]+(=[^\x00-\x1f\x7f]*)?\Z",
        description='a tag: "key" or "key=value", the key without "=", "," or spaces',
    ),
]
WorkspaceId = Annotated[
    str, Meta(pattern=r"^ws-[A-Za-z0-9-]+\Z", description='a workspace id, "ws-…"')
]
ProjectRef = Annotated[
    str, Meta(pattern=r"\S", description='one project\'s name or its id "prj-…"')
]
ProjectPattern = Annotated[
    str,
    Meta(
        min_length=1,
        description='a project\'s name, its id "prj-…", a glob with "*", "?" or "[a-z]", '
        'or "re:" and a regular expression',
    ),
]
FilePath = Annotated[
    str,
    Meta(min_length=1, description="a CSV or JSON file, relative to the job file's folder"),
]
Listed = Annotated[
    str, Meta(pattern=r"^[^\s,;]{1,90}\Z", description="a workspace's exact name or its id")
]
ConditionText = Annotated[
    str, Meta(min_length=1, description='a condition such as "terraform-version < 1.6"')
]
RunTaskRef = Annotated[str, Meta(min_length=1, description='a run task\'s name or its id "task-…"')]
Limit = Annotated[int, Meta(ge=1)]

# An empty list would mean "any", so a list that a template left empty would widen the rollout.
Patterns = Annotated[tuple[Pattern, ...], Meta(min_length=1)]
ProjectPatterns = Annotated[tuple[ProjectPattern, ...], Meta(min_length=1)]
Tags = Annotated[tuple[Tag, ...], Meta(min_length=1)]
WorkspaceIds = Annotated[tuple[WorkspaceId, ...], Meta(min_length=1)]
ConditionTexts = Annotated[tuple[ConditionText, ...], Meta(min_length=1)]

SELECTING = (
    *("names", "tags", "project", "projects", "ids", "file", "listed", "where", "has_task"),
)
"""Fields that select workspaces: at least one of these is required, or ``all``."""


class Select(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[select]``: the workspaces to change, those that match every field given.

    Attributes:
        names: patterns, one of which must match the workspace's name; case-sensitive.
        exclude_names: patterns, none of which may match the name.
        tags: tags, all of which the workspace must have. ``key`` is the name of a tag or the key
            of a tag binding; ``key=value`` is a tag binding, of the workspace or its project.
        exclude_tags: tags, none of which it may have.
        project: the name or id (``prj-…``) of the project it must be in.
        projects: names, ids or patterns of projects, one of which must be the workspace's;
            case-sensitive.
        exclude_projects: names, ids or patterns of projects, none of which may be the workspace's.
        ids: the ids (``ws-…``) of the workspaces.
        file: a file that lists the names or ids of the workspaces.
        listed: the names and ids that ``file`` listed; journals have this in its place.
        where: conditions, all of which the workspace must meet.
        has_task: the name or id of a run task that must be attached to it.
        lacks_task: the name or id of a run task that must not be attached to it.
        all: whether to select every workspace that is not excluded.
        allow_empty: whether the job succeeds if it selects no workspace; otherwise, that is an
            error.
        only: patterns that narrow the selection to the names that match one (``--select``).
        limit: the number of workspaces to keep of these, the first by name (``--limit``).

    Raises:
        ValueError: nothing is selected, ``all`` is combined with another selecting field, or a
            pattern or condition is invalid.
    """

    names: Patterns = ()
    exclude_names: tuple[Pattern, ...] = ()
    tags: Tags = ()
    exclude_tags: tuple[Tag, ...] = ()
    project: ProjectRef | None = None
    projects: ProjectPatterns = ()
    exclude_projects: tuple[ProjectPattern, ...] = ()
    ids: WorkspaceIds = ()
    file: FilePath | None = None
    listed: tuple[Listed, ...] | None = None
    where: ConditionTexts = ()
    has_task: RunTaskRef | None = None
    lacks_task: RunTaskRef | None = None
    all: bool = False
    allow_empty: bool = False
    only: Patterns = ()
    limit: Limit | None = None

    def __post_init__(self) -> None:
        """Refuse to select everything, unless ``all`` says so explicitly."""
        selecting = [n for n in SELECTING if getattr(self, n) not in (None, ())]
        if self.listed == ():
            selecting.append("listed")
        if self.all and selecting:
            raise ValueError(
                f"all = true can't be combined with {', '.join(selecting)}: remove one or the "
                "other (exclude_names, exclude_tags, exclude_projects and lacks_task are fine)"
            )
        if not self.all and not selecting:
            raise ValueError(
                "nothing selects a workspace: give names, tags, project, projects, ids, file, "
                "where or has_task, or all = true to select every workspace"
            )
        if self.file is not None and self.listed is not None:
            raise ValueError("listed takes the place of file: give only one of them")
        for field in ("names", "exclude_names", "projects", "exclude_projects", "only"):
            check_patterns(field, getattr(self, field))
        parse_conditions("where", self.where)

    def narrowed(self, only: Sequence[str] = (), limit: int | None = None) -> Select:
        """Return the selection narrowed further.

        Args:
            only: patterns; keeps the workspaces whose name matches one.
            limit: keeps this many of them, the first by name.

        Raises:
            ValueError: the selection already has ``only``.
        """
        if only and self.only:
            raise ValueError(f"only = {shown(self.only)} is already in [select]")
        limits = [one for one in (limit, self.limit) if one is not None]
        return msgspec.structs.replace(
            self, only=tuple(only) or self.only, limit=min(limits, default=None)
        )
