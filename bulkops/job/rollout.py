"""``[rollout]``: waves, what comes between them, and when a job stops itself. Pure.

A wave is a first part of the operations, in order of name; the next one begins where it ends.
What an execution does between two waves is decided in ``bulkops.runner.wave_steps``.

The tolerance (``Rollout.tolerated``): a job stops when failures **exceed** it. Failures are
counted over all executions; ``--continue`` after such a stop counts from zero. What counts:

| an operation that                              | counts |
|------------------------------------------------|--------|
| succeeded, at once or after retries            | no     |
| lost its answer and was read back as done      | no     |
| is already as wanted, whoever made it so       | no     |
| was refused, or not kept by the server         | yes    |
| is in conflict: somebody else changed it       | yes    |
| is left in doubt                               | yes    |
| has no result because the server went away     | no     |
| was not tried, since what it comes after failed| no     |
| no longer stands when its wave is verified     | yes    |

Those in flight when it stops are finished, so failures ≤ tolerance + in flight (those that only
wait for a lost answer's effect to settle are in flight, too). ``strict`` never has more in flight
than tolerance left + 1, so failures ≤ tolerance + 1. What a verification adds comes on top: it
was written before, and nothing is in flight then.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.job.duration import in_seconds

Count = Annotated[int, Meta(ge=0)]
Share = Annotated[
    str,
    Meta(
        pattern=r"^([0-9]{1,9}|(100|[0-9]{1,2})%)\Z",
        description='a percentage from "0%" to "100%"',
    ),
]
"""A whole number in quotes, as in ``waves``, is read as the number."""
Size = Annotated[
    str,
    Meta(
        pattern=r"^([1-9][0-9]{0,8}|(100|[1-9][0-9]?)%)\Z",
        description='a number or a percentage such as "1" or "10%"',
    ),
]
MANUAL = "manual"
Pause = Annotated[
    str,
    Meta(
        pattern=r"^([0-9]{1,6}(ms|s|m|h)|manual)\Z",
        description='a duration such as "500ms", "10s", "5m" or "1h", or "manual"',
    ),
]
Most = Annotated[int, Meta(ge=1)]
Gate = Annotated[str, Meta(min_length=1, description="a command for the shell")]
Timeout = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]{0,5}(ms|s|m|h)\Z",
        description='a duration such as "30s", "5m" or "1h", not 0',
    ),
]
Variable = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z",
        description='the name of an environment variable such as "TFE_TOKEN"',
    ),
]


class SizedWave(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One wave as a job file writes it where it has a tolerance of its own.

    Attributes:
        size: where it ends, counted from the first operation of all.
        max_failures: borne in this wave, beside the whole run's tolerance.
    """

    size: Size
    max_failures: Count | Share | None = None

    def __post_init__(self) -> None:
        """Read ``"2"`` as 2."""
        _read_number(self, self.max_failures)


Waves = tuple[
    Size
    | Annotated[SizedWave, Meta(description='a table such as { size = "1", max_failures = 0 }')],
    ...,
]


class Rollout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[rollout]``: in which steps the job goes, and when it stops itself.

    Attributes:
        waves: where each wave ends; what is left after the last one named is one more.
        pause: between two waves: a time, or ``"manual"`` until somebody says ``--continue``.
        gate: run after each wave; its exit status says whether the job goes on.
        gate_env: variables that the gate gets although they may hold credentials.
        gate_timeout: how long the gate may run; then it is ended, and was inconclusive.
        max_failures: borne over the whole run; a percentage is of the planned operations.
        strict: never have more in flight than may still fail.
        max_operations: a plan with more is refused.

    Raises:
        ValueError: a wave ends before the one in front of it.
    """

    waves: Waves = ()
    pause: Pause | None = None
    gate: Gate | None = None
    gate_env: tuple[Variable, ...] = ()
    gate_timeout: Timeout = "1h"
    max_failures: Count | Share = "10%"
    strict: bool = False
    max_operations: Most | None = None

    def __post_init__(self) -> None:
        """Read ``"2"`` as 2; refuse waves that certainly don't grow."""
        _read_number(self, self.max_failures)
        for percent in (False, True):
            sizes = [wave.size for wave in self.sized if wave.size.endswith("%") is percent]
            ends = [int(size.rstrip("%")) for size in sizes]
            if ends != sorted(set(ends)):
                raise ValueError(
                    f"waves are counted from the first operation, so each must end after the "
                    f"one before: {', '.join(sizes)}"
                )

    @property
    def sized(self) -> list[SizedWave]:
        """The waves, all in the longer form."""
        return [SizedWave(wave) if isinstance(wave, str) else wave for wave in self.waves]

    def taking_back(self, undo_of: str) -> Rollout:
        """Return how the job is rolled out, or an earlier one of it taken back: all at once.

        Args:
            undo_of: run id of the journal that is taken back, empty for none.
        """
        return msgspec.structs.replace(self, waves=(), pause=None, gate=None) if undo_of else self

    def tolerated(self, operations: int) -> int:
        """Return how many failures of that many operations are borne: one more stops the job."""
        return _share(self.max_failures, operations)

    def steps(self, operations: int) -> list[Wave]:
        """Return the waves of that many operations; those that would add nothing are left out.

        A percentage is rounded up, so that the first wave has at least one operation.
        """
        steps: list[Wave] = []
        for wave in [*self.sized, SizedWave("100%")]:
            end = min(operations, _end(wave.size, operations))
            start = steps[-1].end if steps else 0
            if end > start:
                own = wave.max_failures
                tolerated = None if own is None else _share(own, end - start)
                steps.append(Wave(len(steps) + 1, start, end, tolerated, last=end == operations))
        return steps or [Wave(1, 0, 0, None, last=True)]


class Wave(msgspec.Struct, frozen=True):
    """A wave of a certain plan.

    Attributes:
        number: from 1.
        start, end: its operations are those of the plan from ``start`` up to ``end``.
        tolerated: failures borne in it, ``None`` where only the whole run's count.
        last: no wave comes after it.
    """

    number: int
    start: int
    end: int
    tolerated: int | None
    last: bool

    @property
    def size(self) -> int:
        """How many operations it has."""
        return self.end - self.start


def rest_seconds(rollout: Rollout) -> float:
    """Return how long to rest between two waves, 0 where that is for somebody to say."""
    return 0.0 if rollout.pause in (None, MANUAL) else in_seconds(rollout.pause)


def _read_number(table: Rollout | SizedWave, most: int | str | None) -> None:
    if isinstance(most, str) and most.isdecimal():
        msgspec.structs.force_setattr(table, "max_failures", int(most))


def _share(most: int | str, operations: int) -> int:
    """Return a number, or a percentage of the operations, rounded down."""
    if isinstance(most, int):
        return most
    return operations * int(most.removesuffix("%")) // 100


def _end(size: str, operations: int) -> int:
    if size.endswith("%"):
        return -(-operations * int(size.removesuffix("%")) // 100)
    return int(size)
