"""What a plan is decided on, as one value. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import msgspec

from bulkops.api.organizations import Entitlements
from bulkops.operations.model import Binding, Showing, Target


class Inventory(msgspec.Struct, frozen=True):
    """What a plan is decided on.

    Attributes:
        targets: the selected workspaces by name, or the run task.
        forbidden: ids of those on which this token lacks the kind's right.
        showing: of everything the job's kind is about, selected or not.
        entitlements: ``None`` where this token may not read them.
        locked: ids of workspaces.
        version: of Terraform Enterprise, empty on HCP Terraform.
        projects: id of a workspace → id of its project, of those that are in one.
    """

    binding: Binding
    targets: Sequence[Target]
    forbidden: Set[str]
    showing: Showing
    entitlements: Entitlements | None
    locked: Set[str] = frozenset()
    version: str = ""
    projects: Mapping[str, str] = {}
