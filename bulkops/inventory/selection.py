"""Which workspaces a job selects, and why not the others. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from bulkops.api.resources import Workspace
from bulkops.checking import shown
from bulkops.errors import JobError
from bulkops.inventory.matcher import Matcher, Verdict
from bulkops.inventory.model import Selected, Unselected
from bulkops.inventory.selection_notes import Exclusions, uncompared_notes
from bulkops.job.conditions import Objection
from bulkops.job.patterns import matches
from bulkops.job.select import Select
from bulkops.operations.model import Right, Target

WhyNot = Callable[[Target], Objection | None]
"""Returns why a workspace is not selected or what is unknown, ``None`` if it is selected."""


class WorkspaceRows:
    """Keeps those of the added workspaces that match (see ``client.rows.Rows``).

    Args:
        why: keep the others, too, with reasons.
        list_file: the file that ``select.listed`` is from, for reasons.

    Attributes:
        forbidden: ids of those on which this token lacks the required permission.
        locked: ids of those that are locked.
        project_names: id → name, else id, of the projects of all workspaces that were added.
        exclusions: which exclusions excluded something, and which nearly did.
    """

    def __init__(
        self,
        select: Select,
        project_id: str | None,
        right: Right = Right.RUN_TASKS,
        *,
        why: bool = False,
        list_file: str = "",
    ) -> None:
        self.forbidden: set[str] = set()
        self.locked: set[str] = set()
        self.project_names: dict[str, str] = {}
        self.exclusions = Exclusions(select)
        self._matcher = Matcher(select, project_id, list_file)
        self._right = right
        self._why = why
        self._known: dict[str, str] = {}
        self._rows: dict[str, Target | Unselected | None] = {}
        self._doubted: dict[str, Unselected] = {}
        self._uncompared: dict[str, tuple[str, str]] = {}
        self._by_names: dict[str, Unselected] | None = (
            {} if select.tags or select.exclude_tags else None
        )

    def add(self, workspace: Workspace) -> None:
        """Add a workspace."""
        verdict = self._matcher.judge(workspace, with_bindings=self._by_names is None)
        if self._by_names is not None:
            self._judge_by_names(self._by_names, workspace, verdict)
        target = self._target(workspace)
        self._keep(target, verdict.objection)
        self.exclusions.note(target, verdict)
        if verdict.objection is None or not verdict.objection.known:
            self._keep_facts(workspace)

    def _judge_by_names(
        self, by_names: dict[str, Unselected], workspace: Workspace, verdict: Verdict
    ) -> None:
        """Note what tag names alone decided, which is valid only on a server without bindings."""
        if workspace.tag_bindings is not UNSET:
            self._by_names = None
            for row in by_names.values():
                self._keep(row.target, Objection(row.reason, known=False))
            return
        by_names.pop(workspace.id, None)
        other = self._matcher.judge(workspace).objection
        if other != verdict.objection and other is not None:
            words = self._once(other.words)
            by_names[workspace.id] = Unselected(self._target(workspace), words)

    def _target(self, workspace: Workspace) -> Target:
        project = self._once(workspace.project)
        if workspace.project_id:
            self.project_names[workspace.project_id] = project
        return Target(workspace.id, workspace.name, project)

    def _keep(self, target: Target, objection: Objection | None) -> None:
        self._doubted.pop(target.id, None)
        self._uncompared.pop(target.id, None)
        if objection is None:
            self._rows[target.id] = target
            return
        row = Unselected(target, self._once(objection.words))
        if not objection.known:
            self._doubted[target.id] = row
        if objection.uncompared:
            attribute, value = objection.uncompared
            self._uncompared[target.id] = (attribute, self._once(value))
        self._rows[target.id] = row if self._why and objection.known else None

    def _keep_facts(self, workspace: Workspace) -> None:
        if workspace.may(self._right.permission) is False:
            self.forbidden.add(workspace.id)
        if workspace.locked:
            self.locked.add(workspace.id)

    def _once(self, text: str) -> str:
        """Return one object for equal texts: there are few distinct reasons and projects."""
        return self._known.setdefault(text, text)

    def count(self) -> int:
        """Return the number of workspaces added."""
        return len(self._rows)

    def selected(self) -> Selected:
        """Return the selection among the workspaces added so far."""
        rows = self._rows.values()
        return Selected(
            sorted((row for row in rows if isinstance(row, Target)), key=_by_name),
            self.forbidden,
            self.locked,
            in_order(row for row in rows if isinstance(row, Unselected)),
            self.project_names,
            in_order(self._doubted.values()),
            [
                *self.exclusions.notes(self.project_names),
                *uncompared_notes(self._uncompared.values()),
            ],
        )


def keep(selected: Selected, why_not: WhyNot, *, why: bool) -> Selected:
    """Return the part of a selection to which ``why_not`` has no objection.

    Args:
        why: keep the others, too, with reasons.
    """
    targets, doubted, others = list[Target](), list[Unselected](), list[Unselected]()
    for target, doubt in candidates(selected):
        objection = why_not(target)
        if objection is not None and objection.known:
            others.append(Unselected(target, objection.words))
        elif doubt or objection:
            doubted.append(doubt or Unselected(target, objection.words if objection else ""))
        else:
            targets.append(target)
    others = in_order([*selected.others, *others]) if why else list(selected.others)
    return replace(selected, targets=targets, doubted=doubted, others=others)


def candidates(selected: Selected) -> Iterator[tuple[Target, Unselected | None]]:
    """Yield, by name, the targets that are or may be selected, the latter with the doubt."""
    doubts = {row.target.id: row for row in selected.doubted}
    every = [*selected.targets, *(row.target for row in selected.doubted)]
    return ((target, doubts.get(target.id)) for target in sorted(every, key=_by_name))


def limited(selected: Selected, select: Select, source: str, *, why: bool) -> Selected:
    """Return the first ``limit`` workspaces of a selection, by name.

    Args:
        why: same as in ``keep``.

    Raises:
        JobError: an entry of ``only`` matches no selected workspace.
    """
    _check_only(select, [target for target, _ in candidates(selected)], source)
    if select.limit is None:
        return selected
    first: set[str] = set()
    left = select.limit
    for target, doubt in candidates(selected):
        if not left:
            break
        first.add(target.id)
        left -= doubt is None
    reason = Objection(f"it is not among the first {select.limit} by name (limit)")
    return keep(selected, lambda t: None if t.id in first else reason, why=why)


def in_order(others: Iterable[Unselected]) -> list[Unselected]:
    """Return the workspaces sorted by name."""
    return sorted(others, key=lambda other: _by_name(other.target))


def attached_or_not(attached: Mapping[str, bool | None], task: str, *, desired: bool) -> WhyNot:
    """Return the check for ``has_task`` and ``lacks_task``.

    Args:
        attached: workspace id → whether the task is attached, ``None`` if that can't be read.
        desired: True for ``has_task``, False for ``lacks_task``.
    """

    def why_not(target: Target) -> Objection | None:
        is_attached = attached.get(target.id, False)
        if is_attached is None:
            words = "its run tasks are unknown: this token can't read them"
            return Objection(words, known=False)
        if is_attached is desired:
            return None
        state = "attached to it" if is_attached else "not attached"
        return Objection(f"run task {shown(task)} is {state}")

    return why_not


def _check_only(select: Select, targets: Sequence[Target], source: str) -> None:
    for entry in select.only:
        if not any(matches(entry, target.name) for target in targets):
            raise JobError(
                f"{source}: {shown(entry)} (--select, or only) matches no workspace that [select] "
                "selects: `bulkops workspaces JOB --why` shows why"
            )


def _by_name(target: Target) -> tuple[str, str]:
    return target.name, target.id
