"""What is measured of a rate limit's use: one pacing, one server, one network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import msgspec

from bulkops.api.messages import Request
from bulkops.job.job import Job, job_from_builtins
from bulkops.operations import bind
from bulkops.plan.model import Plan
from bulkops.simulator.core import Simulator
from bulkops.simulator.effects import Effect
from bulkops.simulator.limits import Window

ORGANIZATION = "acme"
TASK = "security-scan"
TOKEN = "benchmark"
DESIRED: dict[str, object] = {"enforcement-level": "mandatory", "stages": ["post_plan"]}
RATE = 30
"""Requests a second: the documented limit."""

A_WINDOW = 1.1
"""Seconds after which the reads of a plan count no longer against what follows."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement.

    Attributes:
        pacing: a key of ``pacings.PACINGS``, ``bulkops``, or ``pytfe``.
        window: how the server counts.
        latency: seconds there and back.
        jitter: at most so many seconds more, on the way there and, in virtual time, back again.
        stall: at most so many seconds everything stands still, twice a second on average; virtual
            time only, over sockets a busy machine does it by itself.
        other: requests a second that somebody else sends with the same user's rights.
        seconds: for how long; the limit times that is how many writes there are to do.
        seed: decides the jitter and where in the server's window the run begins.
    """

    pacing: str
    window: Window
    latency: float
    jitter: float
    stall: float = 0.0
    other: int = 0
    seconds: float = 60.0
    seed: int = 0

    @property
    def left(self) -> int:
        """Requests a second that the other client leaves."""
        return RATE - self.other

    @property
    def writes(self) -> int:
        """How many writes fill the time at that rate, the first one not counted."""
        return math.ceil(self.seconds * self.left) + 1

    def job(self) -> Job:
        """Return the job that attaches the run task everywhere."""
        return job_from_builtins(
            {
                "name": "benchmark",
                "organization": ORGANIZATION,
                "operation": {"kind": "attach", "task": TASK, "enforcement_level": "mandatory"},
                "select": {"all": True},
            }
        )

    def simulator(self) -> Simulator:
        """Return the server, with as many workspaces as there are writes."""
        simulator = Simulator(
            seed=self.seed, rate=RATE, window=self.window, other_client=self.other
        )
        simulator.add_organization(ORGANIZATION)
        simulator.add_task(TASK)
        for number in range(self.writes):
            simulator.add_workspace(f"prod-{number:05}")
        return simulator


def requests(plan: Plan, going_on: Callable[[], bool]) -> Iterator[Request]:
    """Yield the writes of a plan while the time is not up: the same ones the engine sends."""
    job = plan.job
    kind = bind(job.operation_kind, job.spec, plan.resolved)
    for operation in plan.operations:
        if not going_on():
            return
        yield kind.aspects[operation.aspect].request(operation)


class Figures(msgspec.Struct, frozen=True):
    """What came of a case, as the server saw it.

    Attributes:
        use: writes a second ÷ the limit left, from the first to the last write.
        refused: 429s ÷ all requests, reads included.
        writes: that took effect.
        seconds: from the first to the last of them.
    """

    use: float
    refused: float
    writes: int
    seconds: float

    @classmethod
    def of(cls, case: Case, effects: list[Effect], asked: int, refused: int) -> Figures:
        """Return the figures of a case that has ended, so many requests and 429s in all."""
        writes, seconds = len(effects), effects[-1].now - effects[0].now
        return cls(
            use=(writes - 1) / seconds / case.left,
            refused=refused / asked,
            writes=writes,
            seconds=seconds,
        )
