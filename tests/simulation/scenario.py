"""The subject of a run, drawn from its seed: job, organization, server, number of storms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from random import Random

import msgspec

from bulkops.job.duration import in_seconds
from bulkops.job.job import Job
from bulkops.simulator.profiles import ALL_STAGES, PROFILES
from tests.engine.world import job
from tests.kinds import OLD_TASK, TASK
from tests.simulation import projects, settings, windows
from tests.simulation.states import REST, SETTINGS, Place, Shown

WORKSPACE_UPDATE = "workspace-update"
KINDS = (*("attach", "attach", "update", "detach", "replace", "replace"), WORKSPACE_UPDATE)
LEVELS = ("advisory", "mandatory")
SETTLE = ("5s", 5.0), ("10s", 10.0), ("20s", 20.0)
STATES = ("absent", "as wanted", "other level", "other stage", "twice")
LEASES = ("2s", "5s", "30s", "30s", "1m")
VALUED = 0.3
"""The share of the runs whose workspaces have values of their own, by a file."""

STORED = 0.4
"""The share of the runs whose journals are in a store."""

LIKELY = {
    "attach": (70, 10, 10, 8, 2),
    "update": (8, 10, 70, 10, 2),
    "detach": (10, 60, 20, 8, 2),
    "replace": (50, 10, 20, 18, 2),
    WORKSPACE_UPDATE: (80, 5, 5, 5, 5),
}
"""The weight of each of ``STATES`` before a job: most of it is still to be done."""

LIKELY_OLD = {True: (8, 30, 30, 30, 2), False: (80, 5, 5, 5, 5)}
"""The same for the other run task, if it is replaced and if no job concerns it."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """The fixed part of a run; its weather is drawn while it runs.

    Attributes:
        level, stages: desired level and stages; a job need not name both (``named``).
        settings: settings that a workspace-update desires, by name.
        values: workspace name → fields of ``[operation]`` that it overrides there; for all selected
            workspaces, or for none.
        states: what every workspace shows before the run: both run tasks and, if it matters, its
            settings.
        selected: names of the workspaces that the job selects.
        forbidden: names of the workspaces that the token can't change.
        profile, duplicates, rate, window, latency: properties of the server.
        lands: maximum seconds after which a lost write may still take effect.
        lags: seconds that a read may lag; ``lands`` plus this is less than the job's settle.
        waves, pause, gated, strict: the job's rollout.
        saved: whether the plan is saved, and applied later.
        projects: the projects that the job selects by, ``None`` if it selects by name.
        windows: see ``windows.draw``.
        lease: the job's lease; ``stored``: whether its journals are in a store.
        storms: number of executions of each journal with troubles.
        undone: number of undos: of the job, then of its undo.
        abandoned: executions after which the job is left unfinished and undone.
    """

    kind: str
    level: str
    stages: tuple[str, ...]
    named: frozenset[str]
    settings: dict[str, object]
    values: dict[str, dict[str, object]]
    states: dict[Place, Shown]
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
    saved: bool
    storms: int
    undone: int
    abandoned: int | None
    stored: bool
    projects: projects.Projects | None
    lease: str
    windows: tuple[str, ...]

    @property
    def lease_seconds(self) -> float:
        """The job's lease in seconds."""
        return in_seconds(self.lease)

    @property
    def settle_seconds(self) -> float:
        """``settle`` as a number."""
        return dict(SETTLE)[self.settle]

    @property
    def replaces(self) -> bool:
        """Whether one run task takes the place of another."""
        return self.kind == "replace"

    @property
    def things(self) -> tuple[str, ...]:
        """The things that the job changes on a workspace."""
        if self.settings:
            return (SETTINGS,)
        return (TASK, OLD_TASK) if self.replaces else (TASK,)

    @property
    def meddled(self) -> tuple[str, ...]:
        """The things that are changed outside the job."""
        return (SETTINGS, REST) if self.settings else self.things

    def desired(self, name: str, shown: Shown) -> Shown:
        """Return the desired state of a workspace; what the job doesn't name stays as shown."""
        level, stages = shown[0] if shown else (self.level, self.stages)
        named, values = self.named, self.values.get(name, {})
        level = self.level if "enforcement_level" in named else level
        stages = self.stages if "stages" in named else stages
        return ((values.get("enforcement_level", level), values.get("stages", stages)),)

    def desired_settings(self, name: str) -> Shown:
        """Return the desired settings of a workspace, by their names."""
        own = {field.replace("_", "-"): one for field, one in self.values.get(name, {}).items()}
        return (tuple(value for _, value in sorted({**self.settings, **own}.items())),)

    def job(self) -> Job:
        """Return the job."""
        empty = dict.fromkeys(self._columns)
        rows = [{"name": name, **empty, **self.values[name]} for name in sorted(self.values)]
        return job(
            self.kind,
            rows,
            operation=self._operation | ({"from_file": self._columns} if rows else {}),
            select={**self._select, **({"file": "list.json"} if rows else {})},
            pace={"max_at_once": self.max_at_once, "settle": self.settle},
            rollout=self._rollout,
            journal={"lease": self.lease},
        )

    @property
    def _operation(self) -> dict[str, object]:
        """The job file's ``[operation]``; ``None`` for fields that it doesn't name."""
        if self.settings:
            return {name.replace("-", "_"): self.settings.get(name) for name in settings.VALUES}
        if self.kind == "detach":
            return {}
        specified = {"enforcement_level": self.level, "stages": list(self.stages)}
        return {name: specified[name] if name in self.named else None for name in specified}

    @property
    def _select(self) -> Mapping[str, object]:
        """The job file's ``[select]`` without the file."""
        if self.projects is None:
            return {"names": ["prod-*"]}
        # A file takes the place of selecting everything.
        everything = ("all",) if self.values else ()
        return {name: v for name, v in self.projects.select.items() if name not in everything}

    @property
    def _columns(self) -> list[str]:
        """The columns of the job's file."""
        if self.settings:
            return sorted(name.replace("-", "_") for name in self.settings)
        return ["enforcement_level", "stages"]

    @property
    def _rollout(self) -> dict[str, object]:
        """The job file's ``[rollout]``."""
        rollout: dict[str, object] = {"max_failures": self.max_failures, "strict": self.strict}
        if self.waves:
            rollout["waves"] = list(self.waves)
        if self.pause:
            rollout["pause"] = self.pause
        if self.gated:
            rollout["gate"] = "check"
        if self.windows:
            rollout["windows"] = list(self.windows)
        return rollout

    def ends(self, operations: int) -> list[int]:
        """Return the ends of the waves for a number of operations, computed without the engine."""
        desired = [
            -(-operations * int(size[:-1]) // 100) if size.endswith("%") else int(size)
            for size in self.waves
        ]
        # One that ends before its predecessor adds nothing.
        return sorted({min(end, operations) for end in accumulate([*desired, operations], max)})


def draw(random: Random, seed: int) -> Scenario:
    """Return the scenario of a run."""
    # Apart from all else, which stays the same for a journal on the disk.
    apart = Random(f"stored: {seed}")
    stored = apart.random() < STORED
    kind = random.choice(KINDS)
    level = random.choice(LEVELS)
    profile = "hcp" if random.random() < 0.7 else random.choice(sorted(PROFILES))
    stages: tuple[str, ...] = (random.choice(ALL_STAGES[:3]),)
    if PROFILES[profile].many_stages and random.random() < 0.3:
        stages = ("pre_plan", "post_plan")
    selected = [f"prod-{n}" for n in range(5 + int(56 * random.random() ** 5))]
    specified = settings.spec(random) if kind == WORKSPACE_UPDATE else {}
    others = [f"staging-{n}" for n in range(random.choice((0, 1, 3)))]
    settle, seconds = random.choice(SETTLE)
    late = random.uniform(0, 0.98 * seconds) if random.random() < 0.8 else 0.0
    lags = random.uniform(0, 0.98 * seconds - late) if random.random() < 0.6 else 0.0
    return Scenario(
        kind=kind,
        level=level,
        stages=stages,
        named=_named(random, kind),
        settings=specified,
        values=_values(Random(f"{seed}-values"), kind, specified, selected),
        states={
            **_states(random, kind, level, stages, [*selected, *others]),
            **(settings.states(random, specified, [*selected, *others]) if specified else {}),
        },
        selected=frozenset(selected),
        forbidden=frozenset(name for name in selected if random.random() < 0.3)
        if random.random() < 0.08 and not specified
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
        saved=random.random() < 0.3,
        storms=random.choice((0, 1, 1, 2, 3)),
        undone=random.choice((0, 0, 1, 1, 1, 2)),
        abandoned=random.choice((1, 2)) if random.random() < 0.4 else None,
        stored=stored,
        projects=projects.draw(seed, profile, selected, others),
        lease=apart.choice(LEASES) if stored else LEASES[2],
        windows=windows.draw(seed),
    )


def _named(random: Random, kind: str) -> frozenset[str]:
    """Return what of level and stages a job names; an attach names both, an update one of them."""
    both = ("enforcement_level", "stages")
    named = frozenset(name for name in both if kind == "attach" or random.random() < 0.7)
    return named or frozenset(both if kind == "update" else ())


def _values(
    random: Random, kind: str, specified: Mapping[str, object], names: list[str]
) -> dict[str, dict[str, object]]:
    """Return what each workspace overrides, in a part of the runs of kinds that can have values."""
    if kind == "detach" or random.random() >= VALUED:
        return {}
    choices: dict[str, Sequence[object]] = {"enforcement_level": LEVELS}
    choices["stages"] = [(stage,) for stage in ALL_STAGES[:3]]
    if specified:
        both = {name: [v for v in settings.VALUES[name] if v is not None] for name in specified}
        choices = {name.replace("-", "_"): values for name, values in both.items()}
    return {
        name: {
            field: random.choice(values)
            for field, values in choices.items()
            if random.random() < 0.5
        }
        for name in names
    }


def _states(
    random: Random, kind: str, level: str, stages: tuple[str, ...], names: list[str]
) -> dict[Place, Shown]:
    other = LEVELS[1 - LEVELS.index(level)]
    elsewhere = ("pre_apply",) if stages != ("pre_apply",) else ("post_plan",)
    shown: dict[str, Shown] = {
        "absent": (),
        "as wanted": ((level, stages),),
        "other level": ((other, stages),),
        "other stage": ((level, elsewhere),),
        "twice": ((level, stages), (other, stages)),
    }
    likely = {TASK: LIKELY[kind], OLD_TASK: LIKELY_OLD[kind == "replace"]}
    return {
        (name, task): shown[state]
        for task, weights in likely.items()
        for name, state in zip(names, random.choices(STATES, weights, k=len(names)), strict=True)
    }
