"""A run task's attachment to each workspace: how it is read, written and described. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated

import msgspec

from bulkops.api import endpoints
from bulkops.api.jsonapi import Many, One
from bulkops.api.messages import Request
from bulkops.api.resources import Stage, WorkspaceTask, WorkspaceTaskResource
from bulkops.errors import ServerBroken
from bulkops.operations.aspects.base import Attached, ResourceAspect, Words
from bulkops.operations.model import Attributes, Observed, Operation, Shared, Skip, Target, TaskRef

Stages = Annotated[tuple[Stage, ...], msgspec.Meta(min_length=1)]
"""At least one stage: an attachment without stages means nothing to the API."""


LEVEL = "enforcement-level"
"""An attribute that only attachments have."""


def attributes_of(enforcement_level: str, stages: Sequence[str]) -> Attributes:
    """Return an attachment's attributes as they are compared and written."""
    return {LEVEL: enforcement_level, "stages": list(stages)}


def in_words(attributes: Attributes | None) -> str:
    """Describe one attachment: ``mandatory at post_plan``, ``not attached``."""
    if attributes is None:
        return "not attached"
    stages = attributes.get("stages")
    where = ", ".join(map(str, stages)) if isinstance(stages, list | tuple) else "no stage"
    return f"{attributes.get(LEVEL)} at {where}"


WORDS = Words(LEVEL, in_words)


def observed_of(attachment: WorkspaceTask) -> Observed:
    """Return an attachment as it is compared."""
    whole = attachment.whole()
    return Observed(whole.id, attributes_of(whole.enforcement_level, whole.stages))


class ByWorkspace(Mapping[str, Sequence[Observed]]):
    """Workspace id → one run task's attachments to it, from any of the API's lists.

    Args:
        same: returns the ids of a workspace and an attachment as strings already in memory, so
            that a million ids are not kept twice.
    """

    def __init__(
        self, task_id: str, same: Callable[[str, str], tuple[str, str]] | None = None
    ) -> None:
        self._task_id = task_id
        self._same = same
        self._shared = Shared()
        # Almost all workspaces have one: a list for each would be larger than its content.
        self._first: dict[str, Observed] = {}
        self._further: dict[str, dict[str, Observed]] = {}
        self._others: set[str] = set()

    def add(self, attachment: WorkspaceTask) -> None:
        """Add an attachment of any run task (see ``client.rows.Rows``)."""
        if not attachment.is_of(self._task_id):
            self._others.add(attachment.id)
            return
        whole = attachment.whole()
        workspace_id, ident = attachment.workspace_id, attachment.id
        if self._same is not None:
            workspace_id, ident = self._same(workspace_id, ident)
        attributes = attributes_of(whole.enforcement_level, whole.stages)
        observed = Observed(ident, self._shared(attributes))
        first = self._first.setdefault(workspace_id, observed)
        if first.id == ident:
            self._first[workspace_id] = observed
        else:
            self._further.setdefault(workspace_id, {})[ident] = observed

    def count(self) -> int:
        """Return the number of distinct attachments added."""
        further = sum(map(len, self._further.values()))
        return len(self._first) + further + len(self._others)

    def __getitem__(self, workspace_id: str) -> Sequence[Observed]:
        further = self._further.get(workspace_id)
        first = self._first[workspace_id]
        return (first, *further.values()) if further else (first,)

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)


class WorkspaceTaskAspect(ResourceAspect):
    """One run task's attachment to each workspace.

    Args:
        single_stage: the server knows only ``stage`` (TFE before v202404-1).
        organization: same as in ``Attached``.
    """

    page = Many[WorkspaceTaskResource]
    document = One[WorkspaceTaskResource]

    def __init__(self, task: TaskRef, *, single_stage: bool, organization: str = "") -> None:
        self._task = task
        self._organization = organization
        self._single_stage = single_stage

    @property
    def source(self) -> Attached:
        """The list of the run task's attachments."""
        return Attached(self._task.id, self._organization)

    def request(self, operation: Operation) -> Request:
        """Create, update or delete the attachment, depending on the states before and desired."""
        workspace, before, desired = operation.target.id, operation.before, operation.desired
        if before is None:
            return endpoints.attach(workspace, self._task.id, self._written(desired or {}))
        if desired is None:
            return endpoints.detach(workspace, before.id)
        changed = self._written(operation.changed)
        return endpoints.update_workspace_task(workspace, before.id, changed)

    def look(self, operation: Operation) -> Request:
        """List the workspace's tasks: the only read that shows an attachment of unknown id."""
        return endpoints.list_workspace_tasks(operation.target.id)

    def is_about(self, operation: Operation, resource: WorkspaceTaskResource) -> bool:
        """Return whether an attachment of the operation's workspace is of this run task."""
        # A workspace's own list may omit the workspace.
        there = msgspec.structs.replace(resource.value(), workspace_id=operation.target.id)
        return there.is_of(self._task.id)

    def shown(self, resource: WorkspaceTaskResource) -> Observed:
        """Return an attachment as it is compared; ``ServerBroken`` if it is of another run task."""
        attachment = resource.value()
        if attachment.task_id not in ("", self._task.id):
            raise ServerBroken(
                f"{attachment.id}: the answer is about {attachment.task_id}, not {self._task.id}"
            )
        return observed_of(attachment)

    def _written(self, attributes: Attributes) -> dict[str, object]:
        written = dict(attributes)
        if self._single_stage and "stages" in written:
            stages = written.pop("stages")
            written["stage"] = stages[0] if isinstance(stages, list) else stages
        return written


def several(target: Target, observed: Sequence[Observed], name: str = "") -> Skip:
    """Return the blocked skip for a workspace to which the task is attached more than once.

    Args:
        name: the task's name, if the kind is about more than one.
    """
    ids = ", ".join(s.id for s in observed)
    reason = (
        f"attached {len(observed)} times ({ids}): detach all but one (a job of kind detach "
        "removes all), then plan again"
    )
    reason = f"{name} is {reason}" if name else reason
    return Skip(target, reason, blocked=True)
