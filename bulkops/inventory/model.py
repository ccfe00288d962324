"""What is read for a plan, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import msgspec

from bulkops.api.organizations import Entitlements
from bulkops.operations.model import Observations, Resolved, Target


class Unselected(msgspec.Struct, frozen=True, gc=False):
    """A workspace the job doesn't address, and in words the first reason."""

    target: Target
    reason: str


class Selected(msgspec.Struct, frozen=True):
    """The workspaces a job addresses.

    Attributes:
        targets: by name.
        forbidden: ids of those on which this token lacks the right.
        locked: ids of those that are.
        others: all others with their reasons, by name; empty unless asked for.
        projects: id of a workspace → id of its project, of those that are in one.
        doubted: workspaces that may be selected, by name, each with what isn't known of it.
        notes: in words, what a careful reader of the selection should know.
    """

    targets: Sequence[Target]
    forbidden: Set[str] = frozenset()
    locked: Set[str] = frozenset()
    others: Sequence[Unselected] = ()
    projects: Mapping[str, str] = {}
    doubted: Sequence[Unselected] = ()
    notes: Sequence[str] = ()


class Inventory(msgspec.Struct, frozen=True):
    """What a plan is decided on.

    Attributes:
        targets: the selected workspaces by name, or the run task.
        forbidden: ids of those on which this token lacks the kind's right.
        observations: of everything the job's kind is about, selected or not.
        entitlements: ``None`` where this token may not read them.
        locked: ids of workspaces.
        version: of Terraform Enterprise, empty on HCP Terraform.
        projects: id of a workspace → id of its project, of those that are in one.
        notes: on the selection; see ``Selected``.
        hidden: ids of workspaces whose run tasks this token may not read.
    """

    resolved: Resolved
    targets: Sequence[Target]
    forbidden: Set[str]
    observations: Observations
    entitlements: Entitlements | None
    locked: Set[str] = frozenset()
    version: str = ""
    projects: Mapping[str, str] = {}
    notes: Sequence[str] = ()
    hidden: Set[str] = frozenset()
