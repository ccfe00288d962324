"""The expected decision of a job for each workspace, independent of the kinds under test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kinds import OLD_TASK, TASK
from tests.simulation.states import SETTINGS, Place, Shown

if TYPE_CHECKING:
    from tests.simulation.scenario import Scenario

Spec = dict[Place, Shown] | str
"""The desired state of each thing that is written, in order; or why nothing is written."""


def spec(scenario: Scenario, name: str) -> Spec:
    """Return the decision for a workspace that isn't changed outside the job.

    For a skip, it is a text that the skip's reason must contain.
    """
    if scenario.settings:
        desired = scenario.desired_settings(name)
        done = scenario.states[name, SETTINGS] == desired
        return "already as desired" if done else {(name, SETTINGS): desired}
    new, old = scenario.states[name, TASK], scenario.states[name, OLD_TASK]
    replaces = scenario.replaces
    decided = _replacing(scenario, name, new, old) if replaces else _of(scenario, name, new)
    if isinstance(decided, str):
        return decided
    if name in scenario.forbidden:
        return "this token can't manage its run tasks"
    return {(name, task): shown for task, shown in decided.items()}


def is_blocked(scenario: Scenario, name: str) -> bool:
    """Return whether a skipped workspace doesn't get its desired state."""
    why = spec(scenario, name)
    return isinstance(why, str) and ("times" in why or "can't" in why)


def _of(scenario: Scenario, name: str, shown: Shown) -> dict[str, Shown] | str:
    desired = () if scenario.kind == "detach" else scenario.desired(name, shown)
    if not shown and scenario.kind != "attach":
        return "not attached"
    if len(shown) > 1 and scenario.kind != "detach":
        return f"attached {len(shown)} times"
    if shown == desired:
        return "as desired"
    return {TASK: desired}


def _replacing(scenario: Scenario, name: str, new: Shown, old: Shown) -> dict[str, Shown] | str:
    if not old:
        return f"{OLD_TASK} is {'already replaced' if new else 'not attached: nothing to replace'}"
    for task, shown in ((OLD_TASK, old), (TASK, new)):
        if len(shown) > 1:
            return f"{task} is attached {len(shown)} times"
    desired = scenario.desired(name, old)
    return {OLD_TASK: ()} if new == desired else {TASK: desired, OLD_TASK: ()}
