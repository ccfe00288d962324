"""A case of the benchmark ``limit``: one pacing, one server, one network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import msgspec

from bulkops.api.messages import Request
from bulkops.job.job import Job, job_from_builtins
from bulkops.operations.steps import bind
from bulkops.plan.model import Plan
from bulkops.simulator.core import Simulator
from bulkops.simulator.effects import Effect
from bulkops.simulator.limits import Window

ORGANIZATION = "acme"
TASK = "security-scan"
TOKEN = "benchmark"
DESIRED: dict[str, object] = {"enforcement-level": "mandatory", "stages": ["post_plan"]}
RATE = 30
"""The documented limit in requests per second."""

SYNC_SECONDS = 0.002
"""The approximate time of a journal's group in a thread on a solid-state disk."""

A_WINDOW = 1.1
"""Seconds after which the reads of a plan no longer count against the limit."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement.

    Attributes:
        pacing: a key of ``pacings.PACINGS``, ``bulkops``, or ``pytfe``.
        window: how the server counts.
        latency: the round trip in seconds.
        jitter: the most additional seconds on the way to the server and, in virtual time, back.
        stall: the most seconds for which everything stalls, on average twice per second; only
            in virtual time, because over sockets a busy machine stalls by itself.
        other: requests per second that another client of the same user sends.
        rate: the server's limit in requests per second.
        sync: the mean seconds of a sync of the journal, only in virtual time.
        seconds: the duration, which determines the number of writes.
        seed: determines the jitter, and where in the server's window the run begins.
    """

    pacing: str
    window: Window
    latency: float
    jitter: float
    stall: float = 0.0
    other: int = 0
    rate: int = RATE
    sync: float = SYNC_SECONDS
    seconds: float = 60.0
    seed: int = 0

    @property
    def left(self) -> int:
        """The requests per second that the other client leaves."""
        return self.rate - self.other

    @property
    def writes(self) -> int:
        """The number of writes in this time at the remaining rate, plus the first one."""
        return math.ceil(self.seconds * self.left) + 1

    def job(self) -> Job:
        """Return a job that attaches the run task to all workspaces."""
        return job_from_builtins(
            {
                "name": "benchmark",
                "organization": ORGANIZATION,
                "operation": {"kind": "attach", "task": TASK, "enforcement_level": "mandatory"},
                "select": {"all": True},
            }
        )

    def simulator(self) -> Simulator:
        """Return the server, with one workspace per write."""
        simulator = Simulator(
            seed=self.seed, rate=self.rate, window=self.window, other_client=self.other
        )
        simulator.add_organization(ORGANIZATION)
        simulator.add_task(TASK)
        for number in range(self.writes):
            simulator.add_workspace(f"prod-{number:05}")
        return simulator


def requests(plan: Plan, has_time: Callable[[], bool]) -> Iterator[Request]:
    """Yield the writes of a plan, the same as the engine sends, until the time is up.

    At least two, however slow the machine is: a rate needs two.
    """
    job = plan.job
    kind = bind(job.steps, plan.resolved)
    for number, operation in enumerate(plan.operations):
        if number >= 2 and not has_time():
            return
        yield kind.aspects[operation.aspect].request(operation)


class Figures(msgspec.Struct, frozen=True):
    """The result of a case, as the server saw it.

    Attributes:
        use: writes per second ÷ the remaining limit, from the first to the last write.
        refused: 429s ÷ all requests, including reads.
        writes: the number of writes that took effect.
        seconds: the time from the first to the last of them.
    """

    use: float
    refused: float
    writes: int
    seconds: float

    @classmethod
    def of(cls, case: Case, effects: list[Effect], total: int, refused: int) -> Figures:
        """Return the figures of a completed case.

        Args:
            total: the number of all requests.
            refused: the number of 429s.
        """
        writes, seconds = len(effects), effects[-1].now - effects[0].now
        # On a machine that stalls, all of them may have the same instant of the server's clock.
        rate = (writes - 1) / seconds if seconds else math.inf
        return cls(
            use=rate / case.left,
            refused=refused / total,
            writes=writes,
            seconds=seconds,
        )
