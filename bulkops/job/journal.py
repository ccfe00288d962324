"""``[journal]``: how the job's journal is held. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.job.duration import in_seconds

Lease = Annotated[
    str,
    Meta(
        pattern=r"^(([2-9]|[1-9][0-9]|[1-5][0-9]{2}|600)s|([1-9]|10)m)\Z",
        description='a duration from "2s" to "10m", in whole seconds or minutes',
    ),
]


class JournalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[journal]``: how the job's journal is held.

    Attributes:
        lease: the length of the lease on a journal in object storage: another process may take over
            once it has seen for so long that the holder doesn't renew its lease. Has no effect on a
            journal on a disk.
    """

    lease: Lease = "30s"

    @property
    def lease_seconds(self) -> float:
        """``lease`` in seconds."""
        return in_seconds(self.lease)
