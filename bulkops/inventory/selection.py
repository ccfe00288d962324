"""Which workspaces a job addresses, and for each other one why not. Pure.

The server is asked to narrow what it sends (``server_filters``) only where that leaves out
nothing that would be selected: the judge is always here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from bulkops.api.resources import Workspace
from bulkops.checking import shown
from bulkops.errors import JobError
from bulkops.job.conditions import parse_conditions
from bulkops.job.patterns import REGEX, matches
from bulkops.job.select import Select
from bulkops.operations.model import Right, Target


class Unselected(msgspec.Struct, frozen=True, gc=False):
    """A workspace the job doesn't address, and in words the first reason."""

    target: Target
    reason: str


class Judge:
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


class Selection:
    """Keeps, of the workspaces it is given, those the judge passes: see ``listing.Rows``.

    Args:
        why: keep the others, too, each with its reason.

    Attributes:
        forbidden: ids of those on which this token lacks the right.
        locked: ids of those that are.
        projects: id → id of its project, of those that are in one.
    """

    def __init__(
        self,
        select: Select,
        project_id: str | None,
        right: Right = Right.RUN_TASKS,
        *,
        why: bool = False,
    ) -> None:
        self.forbidden: set[str] = set()
        self.locked: set[str] = set()
        self.projects: dict[str, str] = {}
        self._judge = Judge(select, project_id)
        self._right = right
        self._why = why
        self._known: dict[str, str] = {}
        self._rows: dict[str, Target | Unselected | None] = {}

    def add(self, workspace: Workspace) -> None:
        """Judge a workspace."""
        reason = self._judge.why_not(workspace)
        if reason is None:
            self._rows[workspace.id] = Target(workspace.id, workspace.name)
            if workspace.may(self._right.permission) is False:
                self.forbidden.add(workspace.id)
            if workspace.locked:
                self.locked.add(workspace.id)
            if workspace.project_id:
                self.projects[workspace.id] = self._once(workspace.project_id)
        elif self._why:
            target = Target(workspace.id, workspace.name)
            self._rows[workspace.id] = Unselected(target, self._once(reason))
        else:
            self._rows[workspace.id] = None

    def _once(self, text: str) -> str:
        """Return the same text for equal ones: of few reasons and projects each is kept once."""
        return self._known.setdefault(text, text)

    def count(self) -> int:
        """Return how many workspaces were judged."""
        return len(self._rows)

    def targets(self) -> list[Target]:
        """Return the workspaces the job addresses, by name."""
        return sorted((row for row in self._rows.values() if isinstance(row, Target)), key=_by_name)

    def others(self) -> list[Unselected]:
        """Return all others, where they were to be kept."""
        return [row for row in self._rows.values() if isinstance(row, Unselected)]


class Chosen:
    """The workspaces chosen so far, by name, narrowed by what is known of no single one of them.

    Attributes:
        targets: by name.
        others: those not chosen, in any order; only kept where ``others`` were given.
    """

    def __init__(self, targets: list[Target], others: list[Unselected] | None) -> None:
        self.targets = targets
        self.others = others

    def keep(self, why_not: Callable[[Target], str | None]) -> None:
        """Drop each target for which ``why_not`` has a reason."""
        reasons = [(target, why_not(target)) for target in self.targets]
        self.targets = [target for target, reason in reasons if reason is None]
        if self.others is not None:
            self.others += [Unselected(target, said) for target, said in reasons if said]

    def narrow(self, select: Select, source: str) -> None:
        """Keep what ``only`` names, then the first ``limit``.

        Raises:
            JobError: an entry of ``only`` names nothing that is selected.
        """
        if select.only:
            _check_only(select, self.targets, source)
            reason = f"its name matches none of only = {shown(select.only)}"
            only = select.only
            self.keep(lambda t: None if any(matches(e, t.name) for e in only) else reason)
        if select.limit is not None:
            first = {target.id for target in self.targets[: select.limit]}
            reason = f"it comes after the first {select.limit} by name (limit)"
            self.keep(lambda t: None if t.id in first else reason)


def attached_or_not(
    attached: Mapping[str, bool | None], task: str, *, wanted: bool
) -> Callable[[Target], str | None]:
    """Return what says why a workspace's run tasks speak against it.

    Args:
        attached: workspace id → whether the task is attached, ``None`` where that can't be read.
        wanted: True for ``has_task``, False for ``lacks_task``.
    """

    def why_not(target: Target) -> str | None:
        is_attached = attached.get(target.id, False)
        if is_attached is None:
            return "its run tasks are not known: this token may not read them"
        if is_attached is wanted:
            return None
        return f"run task {shown(task)} is {'attached to it' if is_attached else 'not attached'}"

    return why_not


def server_filters(select: Select, project_id: str | None) -> dict[str, str]:
    """Return query parameters of the workspace list that leave out none of the selected.

    A project is sent where its id is known; a name where there is one glob; ``key=value`` as the
    tag binding it is. Never sent: ``ids`` and ``where``, for which the API has no filter, and
    a ``key`` alone, which stands for tags and tag bindings: the API filters by either
    (``search[tags]`` misses tag bindings, hashicorp/terraform#39107).
    """
    bindings = [tag.split("=", 1) for tag in select.tags if "=" in tag]
    filters = {
        "search[wildcard-name]": _server_wildcard(select.only) or _server_wildcard(select.names),
        "search[exclude-tags]": ",".join(tag for tag in select.exclude_tags if "=" not in tag),
        "filter[project][id]": project_id if select.project else None,
        **{f"filter[tagged][{i}][key]": key for i, (key, _) in enumerate(bindings)},
        **{f"filter[tagged][{i}][value]": value for i, (_, value) in enumerate(bindings)},
    }
    return {name: value for name, value in filters.items() if value}


def unmatched(select: Select, chosen: Sequence[Target]) -> list[str]:
    """Return the entries of ``names``, ``ids`` and ``listed`` that select none of the chosen.

    Typing errors, most of them; none are told where ``only`` or ``limit`` left out others.
    """
    if select.only or select.limit is not None:
        return []
    names = [n for n in select.names if not any(matches(n, t.name) for t in chosen)]
    ids = {t.id for t in chosen} if select.ids or select.listed else set()
    known = ids.union(t.name for t in chosen) if select.listed else ids
    listed = dict.fromkeys(select.listed or ())
    return [
        *names,
        *(i for i in select.ids if i not in ids),
        *(entry for entry in listed if entry not in known),
    ]


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


def _has_tag(workspace: Workspace, tag: str) -> bool | None:
    key, equals, value = tag.partition("=")
    bindings = workspace.tag_bindings
    if not equals:
        return key in workspace.tag_names or (bindings is not None and key in bindings)
    return None if bindings is None else bindings.get(key) == value


def _check_only(select: Select, targets: Sequence[Target], source: str) -> None:
    for entry in select.only:
        if not any(matches(entry, target.name) for target in targets):
            raise JobError(
                f"{source}: {shown(entry)} (--select, or only) names no workspace that [select] "
                "selects: `bulkops workspaces JOB --why` tells why not"
            )


def _by_name(target: Target) -> tuple[str, str]:
    return target.name, target.id


def _server_wildcard(patterns: Sequence[str]) -> str | None:
    # The API promises "*" as prefix, suffix or both, and doesn't say what a "*" in the middle
    # or a name without one match: what is sent keeps to the promise and is never narrower.
    if len(patterns) != 1 or patterns[0].startswith(REGEX):
        return None
    (glob,) = patterns
    if not re.fullmatch(r"[A-Za-z0-9_.*-]+", glob):
        return None
    head, *rest = glob.split("*")
    if head:
        return f"{head}*"
    if tail := rest[-1]:
        return f"*{tail}"
    middle = max(rest, key=len)
    return f"*{middle}*" if middle else None
