"""The values read for a plan. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import msgspec

from bulkops.api.organizations import Entitlements
from bulkops.operations.model import Observations, Resolved, Target


class Unselected(msgspec.Struct, frozen=True, gc=False):
    """A workspace that the job doesn't select, and the first reason why."""

    target: Target
    reason: str


class Selected(msgspec.Struct, frozen=True):
    """The workspaces that a job selects.

    Attributes:
        targets: the selected workspaces, by name.
        forbidden: ids of those on which this token lacks the required permission.
        locked: ids of those that are locked.
        others: all other workspaces with reasons, by name; empty unless requested.
        project_names: id → name, else id, of the projects of all workspaces that were read.
        doubted: workspaces that may be selected, by name, with what is unknown.
        notes: notes for a careful reader of the selection.
    """

    targets: Sequence[Target]
    forbidden: Set[str] = frozenset()
    locked: Set[str] = frozenset()
    others: Sequence[Unselected] = ()
    project_names: Mapping[str, str] = {}
    doubted: Sequence[Unselected] = ()
    notes: Sequence[str] = ()


class Inventory(msgspec.Struct, frozen=True):
    """Everything that a plan is based on.

    Attributes:
        resolved: the run tasks that the job names, looked up.
        targets: the selected workspaces by name, or the run task.
        forbidden: ids of those on which this token lacks the kind's permission.
        observations: what the server shows, for selected and other targets alike.
        entitlements: ``None`` if this token can't read them.
        locked: ids of locked workspaces.
        version: the version of Terraform Enterprise, empty on HCP Terraform.
        notes: notes on the selection (see ``Selected``).
        hidden: ids of workspaces whose run tasks this token can't read.
    """

    resolved: Resolved
    targets: Sequence[Target]
    forbidden: Set[str]
    observations: Observations
    entitlements: Entitlements | None
    locked: Set[str] = frozenset()
    version: str = ""
    notes: Sequence[str] = ()
    hidden: Set[str] = frozenset()
