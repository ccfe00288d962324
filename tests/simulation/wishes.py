"""What a job does about each workspace, said apart from the kinds, which are on trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kinds import OLD_TASK, TASK
from tests.simulation.states import SETTINGS, Place, Shown

if TYPE_CHECKING:
    from tests.simulation.scenario import Scenario

Wish = dict[Place, Shown] | str
"""What each thing that is written shall show, in order; or in words why nothing is written."""


def wish(scenario: Scenario, name: str) -> Wish:
    """Return what becomes of a workspace that nobody else changes.

    Why it is skipped is a part of the reason that has to be given.
    """
    if scenario.settings:
        wanted: Shown = (tuple(value for _, value in sorted(scenario.settings.items())),)
        done = scenario.states[name, SETTINGS] == wanted
        return "already as wanted" if done else {(name, SETTINGS): wanted}
    new, old = scenario.states[name, TASK], scenario.states[name, OLD_TASK]
    decided = _replacing(scenario, new, old) if scenario.replaces else _of(scenario, new)
    if isinstance(decided, str):
        return decided
    if name in scenario.forbidden:
        return "this token may not manage run tasks"
    return {(name, task): shown for task, shown in decided.items()}


def is_blocked(scenario: Scenario, name: str) -> bool:
    """Return whether the job's wish stays unfulfilled on a workspace that is skipped."""
    why = wish(scenario, name)
    return isinstance(why, str) and ("times" in why or "may not" in why)


def _of(scenario: Scenario, shown: Shown) -> dict[str, Shown] | str:
    wanted = () if scenario.kind == "detach" else scenario.wanted(shown)
    if not shown and scenario.kind != "attach":
        return "not attached"
    if len(shown) > 1 and scenario.kind != "detach":
        return f"attached {len(shown)} times"
    if shown == wanted:
        return "as wanted"
    return {TASK: wanted}


def _replacing(scenario: Scenario, new: Shown, old: Shown) -> dict[str, Shown] | str:
    if not old:
        return f"{OLD_TASK} is {'replaced already' if new else 'not attached: nothing to replace'}"
    for task, shown in ((OLD_TASK, old), (TASK, new)):
        if len(shown) > 1:
            return f"{task} is attached {len(shown)} times"
    wanted = scenario.wanted(old)
    return {OLD_TASK: ()} if new == wanted else {TASK: wanted, OLD_TASK: ()}
