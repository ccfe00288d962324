"""``[rollout]``: when a job stops itself. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=0)]
Percentage = Annotated[
    str, Meta(pattern=r"^(100|[0-9]{1,2})%\Z", description='a percentage from "0%" to "100%"')
]


class Rollout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[rollout]``: when the job stops itself.

    Attributes:
        max_failures: a count, or a percentage of the planned operations such as ``"10%"``.
    """

    max_failures: Count | Percentage = "10%"

    def tolerated(self, operations: int) -> int:
        """Return how many failures of that many operations are borne: one more stops the job.

        A percentage is rounded down: ``"10%"`` of 19 operations bears 1, of 9 none.
        """
        if isinstance(self.max_failures, int):
            return self.max_failures
        return operations * int(self.max_failures.removesuffix("%")) // 100
