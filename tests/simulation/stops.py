"""How an execution is stopped: what its weather sets, and what it met."""

from __future__ import annotations

from collections import Counter

from tests.engine.world import World
from tests.simulation.weather import Weather


def arm(world: World, weather: Weather) -> None:
    """Let the network and the disk fail in the next execution as its weather sets."""
    disk = world.disk
    asked, called = len(world.wire.asked), len(disk.calls)
    world.wire.dead = False
    world.wire.die_at = asked + weather.die_request if weather.die_request else 0
    disk.die_at = called + weather.die_call if weather.die_call else 0
    world.wire.dies_after = disk.dies_after = weather.dies_after
    disk.fail = {called + number: code for number, code in weather.fails.items()}
    disk.fail_sync = disk.syncs + weather.fail_sync if weather.fail_sync else 0
    disk.lasting, disk.short, disk.forgets = weather.lasting, weather.short, weather.forgets


def what_stopped(world: World, how: str, *, at_a_moment: bool) -> Counter[str]:
    """Return what has stopped the last execution, once each.

    Args:
        how: it ended (``Machine.execute``).
        at_a_moment: it was killed at a set time, not in a call or a request.
    """
    wire, disk = world.wire, world.disk
    met = Counter[str]()
    if disk.failed:
        met[f"failed {disk.failed[0]}"] += 1
    if how == "killed" and at_a_moment:
        met["killed at a moment"] += 1
    elif how == "killed":
        when = "after" if disk.dies_after else "before"
        of = "request" if wire.die_at and len(wire.asked) >= wire.die_at else disk.calls[-1]
        if of == "request":
            of = "write request" if wire.asked[wire.die_at - 1].writes else "read request"
        met[f"killed {when} {of}"] += 1
    elif how != "ended":
        met[how] += 1
    return met
