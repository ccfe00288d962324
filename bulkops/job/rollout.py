"""``[rollout]``: waves, what happens between them, and the failure tolerance. Pure.

Operations are ordered by name, and waves divide them: each wave starts where the previous one ends.
In a job of several steps no wave ends within a workspace: it includes all operations on its last
one. There, a workspace with failures counts as one failure, and a percentage is of the workspaces.
``bulkops.runner.wave_steps`` decides what an execution does between two waves.

The tolerance (``Rollout.tolerated``): a job stops when failures **exceed** it. Failures are counted
over all executions; ``--continue`` after such a stop resets the count to zero. What counts:

| an operation that                                     | counts |
|-------------------------------------------------------|--------|
| succeeded, with or without retries                    | no     |
| lost its answer and was read back as done             | no     |
| is already as desired, no matter who set it           | no     |
| was refused, or not kept by the server                | yes    |
| is in conflict: changed outside this job              | yes    |
| is left in doubt                                      | yes    |
| has no result because of an outage                    | no     |
| was not tried because one that must come first failed | no     |
| has drifted when its wave is verified                 | yes    |

When the job stops, operations in flight are finished, so failures ≤ tolerance + in flight
(including those that wait for a lost answer to settle). With ``strict``, at most (remaining
tolerance + 1) operations are in flight, so failures ≤ tolerance + 1. Drift found by a verification
comes on top: those operations succeeded earlier, and nothing is in flight during a verification.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.checking import read_table, shown
from bulkops.errors import JobError
from bulkops.job.duration import in_seconds
from bulkops.job.windows.window import WindowText, why_no_window

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
        pattern=r"^0{0,8}([1-9][0-9]{0,8}|(100|[1-9][0-9]?)%)\Z",
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
Gate = Annotated[str, Meta(min_length=1, description="a shell command")]
Timeout = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]{0,5}(ms|s|m|h)\Z",
        description='a duration longer than 0, such as "30s", "5m" or "1h"',
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
    """One wave with its own tolerance, as a job file writes it.

    Attributes:
        size: where the wave ends, counted from the first operation of the job.
        max_failures: the wave's tolerance, in addition to that of the whole run.
    """

    size: Size
    max_failures: Count | Share | None = None

    def __post_init__(self) -> None:
        """Read ``"2"`` as 2."""
        read_number(self, self.max_failures)


Waves = tuple[
    Size
    | Annotated[SizedWave, Meta(description='a table such as { size = "1", max_failures = 0 }')],
    ...,
]


class Rollout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[rollout]``: waves, what happens between them, and the failure tolerance.

    Attributes:
        waves: where each wave ends, counted from the first operation; the operations after the
            last of these form one more wave.
        pause: how long to wait between waves; ``"manual"`` waits for ``--continue``.
        gate: a command to run after each wave; its exit status decides whether the job continues.
        gate_env: environment variables that the gate gets although they may hold credentials.
        gate_timeout: how long the gate may run; after that, bulkops ends it and treats it as
            inconclusive.
        max_failures: the failure tolerance of the whole run; a percentage is of the planned
            operations, in a job of several steps of the workspaces.
        strict: never have more operations in flight than the remaining tolerance + 1.
        max_operations: the most operations a plan may have; larger plans are refused.
        windows: the times at which operations may begin, any of them; outside them, the job rests,
            or ends with exit code 6 if ``--exit-outside-window`` is given. They don't hold for an
            undo.

    Raises:
        ValueError: a wave doesn't end after the previous one.
    """

    waves: Waves = ()
    pause: Pause | None = None
    gate: Gate | None = None
    gate_env: tuple[Variable, ...] = ()
    gate_timeout: Timeout = "1h"
    max_failures: Count | Share = "10%"
    strict: bool = False
    max_operations: Most | None = None
    windows: tuple[WindowText, ...] = ()

    def __post_init__(self) -> None:
        """Read ``"2"`` as 2, and refuse waves that certainly don't grow."""
        read_number(self, self.max_failures)
        check_growing([wave.size for wave in self.sized], "operation")

    @property
    def sized(self) -> list[SizedWave]:
        """The waves, all as ``SizedWave``."""
        return [SizedWave(wave) if isinstance(wave, str) else wave for wave in self.waves]

    def effective(self, undo_of: str) -> Rollout:
        """Return the rollout as it is carried out: an undo has no waves, pause, gate or windows.

        Args:
            undo_of: run id of the journal to undo, empty if this is not an undo.
        """
        if not undo_of:
            return self
        return msgspec.structs.replace(self, waves=(), pause=None, gate=None, windows=())

    def tolerated(self, operations: int) -> int:
        """Return how many of that many operations, or targets, may fail; one more stops the job."""
        return share_of(self.max_failures, operations)

    def steps(self, operations: int, targets: Targets | None = None) -> list[Wave]:
        """Return the waves of that many operations, without empty ones.

        Percentages are rounded up, so that the first wave has at least one operation.

        Args:
            targets: the targets of the operations, for a job of several steps.
        """
        steps: list[Wave] = []
        for wave in [*self.sized, SizedWave("100%")]:
            end = min(operations, end_of(wave.size, operations))
            end = targets.whole(end) if targets else end
            start = steps[-1].end if steps else 0
            if end > start:
                own = wave.max_failures
                units = targets.between(start, end) if targets else end - start
                tolerated = None if own is None else share_of(own, units)
                steps.append(Wave(len(steps) + 1, start, end, tolerated, last=end == operations))
        return steps or [Wave(1, 0, 0, None, last=True)]


def read_rollout(table: Mapping[str, object], source: str) -> Rollout:
    """Return the ``[rollout]`` table of a job file.

    Raises:
        JobError: as ``read_table``; about a window, it says which part of it is wrong.
    """
    windows = table.get("windows")
    for number, text in enumerate(windows if isinstance(windows, list | tuple) else ()):
        if isinstance(text, str) and (problem := why_no_window(text)):
            raise JobError(f"{source}: rollout.windows[{number}] = {shown(text)}: {problem}")
    return read_table(table, Rollout, source, "rollout")


class Targets:
    """Where the operations on each target begin and end, for a job of several steps.

    Args:
        ids: the target's id of each operation, in order.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        # A million of them would take eight times as much in a list.
        self._ends = array("L")
        previous = None
        for number, ident in enumerate(ids):
            if ident != previous:
                self._ends.append(number)
            previous = ident
            self._ends[-1] = number + 1

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._ends)

    def whole(self, end: int) -> int:
        """Return the end of the target whose operations an end may divide."""
        place = bisect_left(self._ends, end)
        return self._ends[place] if place < len(self._ends) else end

    def between(self, start: int, end: int) -> int:
        """Return how many end after ``start``, and not after ``end``."""
        return bisect_right(self._ends, end) - bisect_right(self._ends, start)


class Wave(msgspec.Struct, frozen=True):
    """A wave of a particular plan.

    Attributes:
        number: the wave's number, starting at 1.
        start, end: its operations are ``operations[start:end]`` of the plan.
        tolerated: the wave's own tolerance, ``None`` if only that of the whole run applies.
        last: whether it is the last wave.
    """

    number: int
    start: int
    end: int
    tolerated: int | None
    last: bool

    @property
    def size(self) -> int:
        """The number of its operations."""
        return self.end - self.start


def wave_pause_seconds(rollout: Rollout) -> float:
    """Return the pause between two waves in seconds, 0 if there is none or it is manual."""
    return 0.0 if rollout.pause in (None, MANUAL) else in_seconds(rollout.pause)


def check_growing(sizes: Sequence[Size], of: str) -> None:
    """Raise ``ValueError`` for waves that certainly don't grow.

    Args:
        of: what a wave consists of, for the message: ``operation``.
    """
    for percent in (False, True):
        same = [size for size in sizes if size.endswith("%") is percent]
        ends = [int(size.rstrip("%")) for size in same]
        if ends != sorted(set(ends)):
            raise ValueError(
                f"waves are counted from the first {of}, so each must end after the previous "
                f"one: {', '.join(same)}"
            )


def read_number(table: msgspec.Struct, most: int | str | None) -> None:
    """Set a table's ``max_failures`` to the number that is in quotes, if it is one."""
    if isinstance(most, str) and most.isdecimal():
        msgspec.structs.force_setattr(table, "max_failures", int(most))


def share_of(most: int | str, operations: int) -> int:
    """Return a number, or a percentage of the operations, rounded down."""
    if isinstance(most, int):
        return most
    return operations * int(most.removesuffix("%")) // 100


def end_of(size: Size, operations: int) -> int:
    """Return where a wave of that many operations ends; a percentage is rounded up."""
    if size.endswith("%"):
        return -(-operations * int(size.removesuffix("%")) // 100)
    return int(size)
