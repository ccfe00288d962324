"""Which workspaces a job addresses, and for each other one why not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from bulkops.api.resources import Workspace
from bulkops.checking import shown
from bulkops.errors import JobError
from bulkops.inventory.matcher import Matcher
from bulkops.inventory.model import Selected, Unselected
from bulkops.job.patterns import matches
from bulkops.job.select import Select
from bulkops.operations.model import Right, Target


class WorkspaceRows:
    """Keeps, of the workspaces it is given, those that match: see ``client.rows.Rows``.

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
        self._matcher = Matcher(select, project_id)
        self._right = right
        self._why = why
        self._known: dict[str, str] = {}
        self._rows: dict[str, Target | Unselected | None] = {}

    def add(self, workspace: Workspace) -> None:
        """Take a workspace."""
        reason = self._matcher.why_not(workspace)
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
        """Return how many workspaces there were."""
        return len(self._rows)

    def selected(self) -> Selected:
        """Return what the job addresses so far, and the others where they were to be kept."""
        rows = self._rows.values()
        return Selected(
            sorted((row for row in rows if isinstance(row, Target)), key=_by_name),
            self.forbidden,
            self.locked,
            _in_order(row for row in rows if isinstance(row, Unselected)),
            self.projects,
        )


def keep(selected: Selected, why_not: Callable[[Target], str | None], *, why: bool) -> Selected:
    """Return what is left of a selection: each target for which ``why_not`` has no reason.

    Args:
        why: keep the others, too, each with its reason.
    """
    reasons = [(target, why_not(target)) for target in selected.targets]
    targets = [target for target, reason in reasons if reason is None]
    others = selected.others
    if why:
        others = _in_order([*others, *(Unselected(t, reason) for t, reason in reasons if reason)])
    return msgspec.structs.replace(selected, targets=targets, others=others)


def narrowed(selected: Selected, select: Select, source: str, *, why: bool) -> Selected:
    """Return what ``only`` names of a selection, and of that the first ``limit``.

    Args:
        why: as of ``keep``.

    Raises:
        JobError: an entry of ``only`` names nothing that is selected.
    """
    if select.only:
        _check_only(select, selected.targets, source)
        reason = f"its name matches none of only = {shown(select.only)}"
        only = select.only
        selected = keep(
            selected,
            lambda t: None if any(matches(e, t.name) for e in only) else reason,
            why=why,
        )
    if select.limit is not None:
        first = {target.id for target in selected.targets[: select.limit]}
        reason = f"it comes after the first {select.limit} by name (limit)"
        selected = keep(selected, lambda t: None if t.id in first else reason, why=why)
    return selected


def _in_order(others: Iterable[Unselected]) -> list[Unselected]:
    return sorted(others, key=lambda other: _by_name(other.target))


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


def _check_only(select: Select, targets: Sequence[Target], source: str) -> None:
    for entry in select.only:
        if not any(matches(entry, target.name) for target in targets):
            raise JobError(
                f"{source}: {shown(entry)} (--select, or only) names no workspace that [select] "
                "selects: `bulkops workspaces JOB --why` tells why not"
            )


def _by_name(target: Target) -> tuple[str, str]:
    return target.name, target.id
