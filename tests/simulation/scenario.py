"""What a run is about, drawn from its seed: job, organization, server, and how long it storms."""

from __future__ import annotations

from itertools import accumulate
from random import Random

import msgspec

from bulkops.job import Job
from bulkops.simulator.profiles import ALL_STAGES, PROFILES
from tests.engine.world import job

Shown = tuple[tuple[str, tuple[str, ...]], ...]
"""Level and stages of each attachment of the run task to one workspace."""

LEVELS = ("advisory", "mandatory")
SETTLE = ("5s", 5.0), ("10s", 10.0), ("20s", 20.0)
STATES = ("absent", "as wanted", "other level", "other stage", "twice")
LIKELY = {
    "attach": (70, 10, 10, 8, 2),
    "update": (8, 10, 70, 10, 2),
    "detach": (10, 60, 20, 8, 2),
}
"""How likely each of ``STATES`` is before a job: most of it is still to be done."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One run, but for what happens by chance while it goes on.

    Attributes:
        states: every workspace's attachments before the run.
        selected: names of those the job selects.
        forbidden: names of those that the token may not change.
        profile, duplicates, rate, window, latency: of the server.
        lands: seconds after which the effect of a lost write may still land, at most.
        lags: seconds that a read may lag; with ``lands`` it is less than the job's settle.
        waves, pause, gated, strict: of the job's rollout.
        storms: executions of each journal until all trouble ends.
        undone: how often the run is taken back: the job, then its undo.
        abandoned: executions after which the job is left unfinished and taken back.
    """

    kind: str
    level: str
    stages: tuple[str, ...]
    states: dict[str, Shown]
    selected: frozenset[str]
    forbidden: frozenset[str]
    profile: str
    duplicates: str
    rate: int
    window: str
    latency: float
    settle: str
    lands: float
    lags: float
    max_at_once: int
    max_failures: str
    waves: tuple[str, ...]
    pause: str | None
    gated: bool
    strict: bool
    storms: int
    undone: int
    abandoned: int | None

    @property
    def settle_seconds(self) -> float:
        """``settle`` as a number."""
        return dict(SETTLE)[self.settle]

    @property
    def wanted(self) -> Shown:
        """What a workspace shows when the job's wish is fulfilled."""
        return () if self.kind == "detach" else ((self.level, self.stages),)

    def job(self) -> Job:
        """Return the job."""
        wish: dict[str, object] = {}
        if self.kind != "detach":
            wish = {"enforcement_level": self.level, "stages": list(self.stages)}
        return job(
            self.kind,
            operation=wish,
            select={"names": ["prod-*"]},
            pace={"max_at_once": self.max_at_once, "settle": self.settle},
            rollout=self._rollout,
        )

    @property
    def _rollout(self) -> dict[str, object]:
        """What the job file says of waves, pauses, gates and patience."""
        rollout: dict[str, object] = {"max_failures": self.max_failures, "strict": self.strict}
        if self.waves:
            rollout["waves"] = list(self.waves)
        if self.pause:
            rollout["pause"] = self.pause
        if self.gated:
            rollout["gate"] = "check"
        return rollout

    def ends(self, operations: int) -> list[int]:
        """Return where each wave of so many operations ends, reckoned apart from the engine."""
        wanted = [
            -(-operations * int(size[:-1]) // 100) if size.endswith("%") else int(size)
            for size in self.waves
        ]
        # One that ends before its predecessor adds nothing.
        return sorted({min(end, operations) for end in accumulate([*wanted, operations], max)})


def draw(random: Random) -> Scenario:
    """Return one run's scenario."""
    kind = random.choice(("attach", "attach", "update", "detach"))
    level = random.choice(LEVELS)
    profile = "hcp" if random.random() < 0.7 else random.choice(sorted(PROFILES))
    stages: tuple[str, ...] = (random.choice(ALL_STAGES[:3]),)
    if PROFILES[profile].many_stages and random.random() < 0.3:
        stages = ("pre_plan", "post_plan")
    selected = [f"prod-{n}" for n in range(5 + int(56 * random.random() ** 5))]
    others = [f"staging-{n}" for n in range(random.choice((0, 1, 3)))]
    settle, seconds = random.choice(SETTLE)
    late = random.uniform(0, 0.98 * seconds) if random.random() < 0.8 else 0.0
    lags = random.uniform(0, 0.98 * seconds - late) if random.random() < 0.6 else 0.0
    return Scenario(
        kind=kind,
        level=level,
        stages=stages,
        states=_states(random, kind, level, stages, [*selected, *others]),
        selected=frozenset(selected),
        forbidden=frozenset(name for name in selected if random.random() < 0.3)
        if random.random() < 0.08
        else frozenset(),
        profile=profile,
        duplicates="accept" if random.random() < 0.85 else "reject",
        rate=0 if random.random() < 0.5 else random.choice((10, 30)),
        window=random.choice(("fixed", "sliding")),
        latency=random.choice((0.0, 0.01, 0.04, 0.3)),
        settle=settle,
        lands=late,
        lags=lags,
        max_at_once=random.choice((1, 2, 8, 32)),
        max_failures=random.choice(("100%", "100%", "10%", "0%")),
        waves=random.choice(((), (), ("1",), ("1", "50%"), ("2", "10%", "60%"))),
        pause=random.choice((None, None, "5s", "40s", "manual")),
        gated=random.random() < 0.5,
        strict=random.random() < 0.3,
        storms=random.choice((0, 1, 1, 2, 3)),
        undone=random.choice((0, 0, 1, 1, 1, 2)),
        abandoned=random.choice((1, 2)) if random.random() < 0.4 else None,
    )


def _states(
    random: Random, kind: str, level: str, stages: tuple[str, ...], names: list[str]
) -> dict[str, Shown]:
    other = LEVELS[1 - LEVELS.index(level)]
    elsewhere = ("pre_apply",) if stages != ("pre_apply",) else ("post_plan",)
    shown: dict[str, Shown] = {
        "absent": (),
        "as wanted": ((level, stages),),
        "other level": ((other, stages),),
        "other stage": ((level, elsewhere),),
        "twice": ((level, stages), (other, stages)),
    }
    drawn = random.choices(STATES, LIKELY[kind], k=len(names))
    return {name: shown[state] for name, state in zip(names, drawn, strict=True)}
