"""``detach``: detach the run task from the workspace. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| not attached               | skip                                   |
| attached                   | detach it                              |
| attached more than once    | detach one, then detach each other     |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from bulkops.operations.kinds.base import WorkspaceTaskKind
from bulkops.operations.model import (
    Observations,
    Observed,
    Operation,
    Skip,
    Target,
    TaskSpec,
    one_of_several,
)


class DetachSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``detach``."""


class Detach(WorkspaceTaskKind):
    """Remove the attachment; the run task itself stays in the organization."""

    name: ClassVar[str] = "detach"
    spec_type: ClassVar[type[DetachSpec]] = DetachSpec
    destructive: ClassVar[bool] = True

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """See the table above; undo attaches the task only once."""
        observed = observations[""].get(target.id, ())
        if len(observed) > 1:
            each = (self.operation(target, one, None) for one in observed)
            return [one_of_several(operation, n) for n, operation in enumerate(each, 1)]
        return (self.decide_by(target, observed),)

    def decide_by(self, target: Target, observed: Sequence[Observed]) -> Operation | Skip:
        """Decide on a workspace that has at most one attachment."""
        if not observed:
            return Skip(target, "not attached")
        return self.operation(target, observed[0], None)
