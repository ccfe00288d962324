"""``[select]``: which workspaces a job is for. Pure."""

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
        description='a workspace name; "*", "?" and "[a-z]" are wildcards, '
        'and what begins with "re:" is a regular expression',
    ),
]
# A comma would be the end of a tag in the API's parameter.
Tag = Annotated[
    str,
    Meta(
        pattern=r"^[^=,\s]+(=[^\x00-\x1f\x7f]*)?\Z",
        description='a tag: "key" or "key=value", the key without "=", "," or spaces',
    ),
]
WorkspaceId = Annotated[
    str, Meta(pattern=r"^ws-[A-Za-z0-9]+\Z", description='a workspace id, "ws-…"')
]
ProjectRef = Annotated[
    str, Meta(pattern=r"\S", description='one project, by its name or its id "prj-…"')
]
FilePath = Annotated[
    str, Meta(min_length=1, description="a CSV or JSON Lines file, seen from the job file's folder")
]
Listed = Annotated[
    str, Meta(pattern=r"^[^\s,;]{1,90}\Z", description="a workspace's exact name or its id")
]
ConditionText = Annotated[
    str, Meta(min_length=1, description='a condition such as "terraform-version < 1.6"')
]
RunTaskRef = Annotated[str, Meta(min_length=1, description='a run task\'s name or its id "task-…"')]
Limit = Annotated[int, Meta(ge=1)]

# An empty list would mean "any": one left empty by a template must not widen a rollout.
Patterns = Annotated[tuple[Pattern, ...], Meta(min_length=1)]
Tags = Annotated[tuple[Tag, ...], Meta(min_length=1)]
WorkspaceIds = Annotated[tuple[WorkspaceId, ...], Meta(min_length=1)]
ConditionTexts = Annotated[tuple[ConditionText, ...], Meta(min_length=1)]

SELECTING = ("names", "tags", "project", "ids", "file", "listed", "where", "has_task")
"""Fields of which one must be given, unless ``all`` stands alone."""


class Select(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[select]``: fields are combined with AND; values in one field with OR, but see below.

    Attributes:
        names: patterns, one of which the name matches; case counts.
        exclude_names: patterns, none of which it matches.
        tags: all of which the workspace has: ``key``, a tag's name or a tag binding's key, or
            ``key=value``, a tag binding, its own or its project's.
        exclude_tags: none of which it has.
        project: name or ``prj-…`` id of the project it is in.
        ids: ``ws-…``, one of which is its own.
        file: lists names and ids, one of which is its own.
        listed: what a journal has in place of ``file``: the names and ids that were in it.
        where: conditions, all of which it fulfils.
        has_task: a run task that is attached to it.
        lacks_task: a run task that isn't attached to it.
        all: every workspace, but for what is excluded.
        allow_empty: selecting nothing is a success, not an error.
        only: patterns; of all that is selected, what one of them matches (``--select``).
        limit: of what is left, the first so many by name (``--limit``).

    Raises:
        ValueError: nothing is selected, ``all`` stands beside what narrows it, or a pattern or
            a condition is none.
    """

    names: Patterns = ()
    exclude_names: tuple[Pattern, ...] = ()
    tags: Tags = ()
    exclude_tags: tuple[Tag, ...] = ()
    project: ProjectRef | None = None
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
        """Refuse a selection of everything that nobody asked for in so many words."""
        selecting = [n for n in SELECTING if getattr(self, n) not in (None, ())]
        if self.listed == ():
            selecting.append("listed")
        if self.all and selecting:
            raise ValueError(
                f"all = true can't stand beside {', '.join(selecting)}: drop one or the other "
                "(exclude_names, exclude_tags and lacks_task may stay)"
            )
        if not self.all and not selecting:
            raise ValueError(
                "nothing selects a workspace: give names, tags, project, ids, file, where or "
                "has_task, or all = true for every workspace"
            )
        if self.file is not None and self.listed is not None:
            raise ValueError("listed is what file lists: give one of the two")
        for field in ("names", "exclude_names", "only"):
            check_patterns(field, getattr(self, field))
        parse_conditions("where", self.where)

    def narrowed(self, only: Sequence[str] = (), limit: int | None = None) -> Select:
        """Return this selection made smaller; raises ``ValueError`` where it can't be.

        Args:
            only: patterns; of all that is selected, what one of them matches.
            limit: of what is left, the first so many by name.
        """
        if only and self.only:
            raise ValueError(f"only = {shown(self.only)} is in [select] already")
        limits = [one for one in (limit, self.limit) if one is not None]
        return msgspec.structs.replace(
            self, only=tuple(only) or self.only, limit=min(limits, default=None)
        )
