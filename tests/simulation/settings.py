"""Settings of workspaces, for the kind ``workspace-update``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from random import Random

from bulkops.simulator.state import Workspace
from tests.simulation.states import REST, SETTINGS, Item, Place, Shown

VALUES: Mapping[str, tuple[object, object]] = {
    "auto-apply": (False, True),
    "execution-mode": ("remote", "local"),
    "terraform-version": ("1.13.5", "1.14.0"),
    "working-directory": (None, "infra"),
}
"""The values of each setting; a job can't desire to have no folder."""


def spec(random: Random) -> dict[str, object]:
    """Return a job's desired settings, by names in their order."""
    names = sorted(random.sample(sorted(VALUES), random.choice((1, 2, 2, 4))))
    return {n: VALUES[n][1] if VALUES[n][0] is None else random.choice(VALUES[n]) for n in names}


def states(random: Random, specified: Collection[str], names: list[str]) -> dict[Place, Shown]:
    """Return the observed settings before a job: those that it sets, and the rest."""
    return {
        (name, thing): (
            tuple(random.choice(VALUES[field]) for field in names_of(thing, specified)),
        )
        for name in names
        for thing in (SETTINGS, REST)
    }


def names_of(thing: str, specified: Collection[str]) -> list[str]:
    """Return the settings in question: those that the job sets, or the rest."""
    return sorted(name for name in VALUES if (name in specified) == (thing == SETTINGS))


def read(workspace: Workspace, names: list[str]) -> Item:
    """Return the values of some settings."""
    return tuple(getattr(workspace, name.replace("-", "_")) for name in names)


def write(workspace: Workspace, names: list[str], values: Item) -> None:
    """Set some settings."""
    for name, value in zip(names, values, strict=True):
        setattr(workspace, name.replace("-", "_"), value)


def change(workspace: Workspace, names: list[str], number: int) -> None:
    """Flip one of some settings to its other value."""
    if names:
        name = names[number % len(names)]
        (now,) = read(workspace, [name])
        other = next(value for value in VALUES[name] if value != now)
        write(workspace, [name], (other,))
