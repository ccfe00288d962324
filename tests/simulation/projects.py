"""Jobs that select by projects, whose workspaces move to other projects once they are planned."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from random import Random

import msgspec

from bulkops.simulator.core import Simulator
from bulkops.simulator.profiles import PROFILES

SHARE = 0.25
"""The share of the runs whose jobs select by projects."""

TEAMS = ("team-a", "team-b")
SANDBOX = "sandbox"
BY_PROJECTS: tuple[dict[str, object], ...] = (
    {"projects": ["team-*"]},
    {"projects": [*TEAMS]},
    {"all": True, "exclude_projects": ["sand*", "nothing"]},
)
BY_TAG: dict[str, object] = {"tags": ["env=prod"], "exclude_projects": [SANDBOX]}
"""Only for a server that shows tag bindings."""


class Projects(msgspec.Struct, frozen=True):
    """The projects of a run.

    Attributes:
        select: the job's ``[select]``.
        homes: workspace → its project before the job.
        moves: workspace → its project as soon as the job has sent a change.
    """

    select: dict[str, object]
    homes: Mapping[str, str]
    moves: Mapping[str, str]

    def put(self, simulator: Simulator) -> None:
        """Add every workspace in its project."""
        for project in (*TEAMS, SANDBOX):
            simulator.add_project(project)
        for name in sorted(self.homes):
            simulator.add_workspace(name, project=self.homes[name], tag_bindings={"env": "prod"})

    def move(self, simulator: Simulator) -> None:
        """Move the workspaces that still exist."""
        organization = simulator.world.organizations["acme"]
        for name, project in self.moves.items():
            if name in organization.workspaces:
                organization.workspaces[name].project = organization.projects[project]


def draw(
    seed: int, profile: str, selected: Collection[str], others: Collection[str]
) -> Projects | None:
    """Return the projects of a run, ``None`` if its job selects by name."""
    # Apart from all else, so that the other runs stay the same.
    random = Random(f"projects: {seed}")
    if random.random() >= SHARE:
        return None
    by_tag = [BY_TAG] if PROFILES[profile].bindings == "included" else []
    homes = {name: random.choice(TEAMS) for name in sorted(selected)}
    homes |= dict.fromkeys(sorted(others), SANDBOX)
    return Projects(
        random.choice([*BY_PROJECTS, *by_tag]),
        homes,
        {name: random.choice((*TEAMS, SANDBOX)) for name in homes if random.random() < 0.5},
    )
