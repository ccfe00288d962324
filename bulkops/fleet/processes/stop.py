"""The stop of a rollout, which all its processes look at before they begin a shard. Pure.

It is the object ``stop-….json`` beside the shards' journals. Whichever process first sees that too
much has failed writes it, and a process with ``--continue`` replaces it; it is never deleted::

    {"format": 1, "rollout": 4, "stopped_by": "ann on build-7, …", "reason": "2 shards failed …"}
    {"format": 1, "rollout": 4, "lifted_by": "ann on build-7, …", "failed_shards": ["acme-1"], …}
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bulkops.fleet.processes.record import FORMAT, RolloutRecord, content_of
from bulkops.fleet.waves import State

KIND = "stop"
"""How the object's name begins."""


class Stop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The stop of a rollout, or its end.

    Attributes:
        rollout: the rollout's number; an earlier one is no longer stopped by it.
        at: when it was written, for people.
        stopped_by: which process stopped it; empty if it was lifted.
        reason: what has failed too often.
        lifted_by: which process lifted it; empty if it holds.
        failed_shards: those that no longer count as failed.
        failures: how many failed operations no longer count.
    """

    rollout: Annotated[int, Meta(ge=1)]
    at: str
    stopped_by: str = ""
    reason: str = ""
    lifted_by: str = ""
    failed_shards: tuple[str, ...] = ()
    failures: int = 0
    format: Literal[1] = FORMAT

    def encoded(self) -> bytes:
        """Return it as the object's content; its format is always written."""
        return msgspec.json.encode({**msgspec.to_builtins(self), "format": FORMAT})

    def holds(self, number: int) -> bool:
        """Return whether the rollout with this number is stopped."""
        return self.rollout >= number and not self.lifted_by

    def makes_needless(self, new: Stop) -> bool:
        """Return whether there is no need to replace it: it is later, or says the same."""
        same = bool(self.lifted_by) is bool(new.lifted_by)
        return self.rollout > new.rollout or (same and self.rollout == new.rollout)


def decoded(data: bytes, where: object) -> Stop:
    """Return the stop that is the content of an object; raises ``NotAJournal``."""
    return content_of(data, Stop, where)


def lifted(record: RolloutRecord, by: str, at: str) -> Stop:
    """Return the lifted stop of a rollout whose failures no longer count.

    Args:
        record: as ``RolloutRecord.lifted`` returns it.
        by: the process that lifts it.
    """
    shards = record.shards
    return Stop(
        record.number,
        at,
        lifted_by=by,
        failed_shards=tuple(
            sorted(name for name, one in shards.items() if one.state is State.FAILED)
        ),
        failures=sum(one.lifted_failures for one in shards.values()),
    )
