"""Changes made outside the job while it runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio

from bulkops.api.messages import Request
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from tests.simulation.states import place_of

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

HOW = ("attach", "attach", "change", "detach", "delete")
LATER = 60.0
"""Seconds after which every reading shows an outside change."""


def meddle(machine: Machine, name: str = "", thing: str = "", how: str = "") -> None:
    """Change something outside the job; arguments that aren't given are drawn."""
    random, scenario = machine.random, machine.scenario
    place = name or random.choice(machine.world.names), thing or random.choice(scenario.meddled)
    how = how or random.choice(HOW)
    machine.say(f"somebody else: {how} {' '.join(place)}")
    machine.met[f"somebody else: {how}"] += 1
    machine.server.interfere(place, how, machine.world.elapsed)


def at(machine: Machine, request: Request) -> None:
    """Change something as a request arrives, often the target of the request."""
    workspace = machine.server.world.workspaces.get((request.path.split("/") + [""] * 5)[4])
    if request.method == "PATCH" and workspace is not None and machine.random.random() < 0.8:
        # It names what it changes: the rest may have changed by then.
        meddle(machine, workspace.name, how="change")
    elif request.writes and workspace is not None and machine.random.random() < 0.5:
        meddle(machine, workspace.name)
    else:
        meddle(machine)


def between(machine: Machine, replay: Replay) -> None:
    """Change what an execution left half-done, long before it is resumed."""
    random, scenario = machine.random, machine.scenario
    left = list(replay.having(Outcome.IN_DOUBT)) or list(replay.having(None, Outcome.FAILED))
    if not left:
        meddle(machine)
    else:
        name, thing = place_of(random.choice(left).operation)
        other = next((t for t in scenario.things if t != thing), "")
        if other and random.random() < 0.5:
            meddle(machine, name, other, "detach")
        else:
            meddle(machine, name)
    machine.met["changed between two executions"] += 1
    machine.world.run(partial(anyio.sleep, LATER))
