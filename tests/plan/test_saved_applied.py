"""A saved plan is applied as it was reviewed, whatever changed in between."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.journal.local.file import JournalFile
from bulkops.journal.states import Outcome
from bulkops.operations.aspects.attachment import attributes_of
from bulkops.operations.model import Attributes
from bulkops.plan import recorded
from bulkops.plan.saved import read_plan, save_plan
from bulkops.report.model import exit_code
from bulkops.simulator.core import Simulator
from tests.engine.scripts import METHODS
from tests.engine.world import HOLDER, PATH, World, job
from tests.kinds import TASK

State = tuple[str, str] | None
"""Level and stage of the one attachment to a workspace, ``None`` for none."""

STATES = st.sampled_from(
    [None, ("advisory", "post_plan"), ("mandatory", "post_plan"), ("advisory", "pre_apply")]
)
WORKSPACES = 4


def put(world: World, name: str, state: State) -> None:
    """Change a workspace outside the job; a matching state isn't touched."""
    attached = world.simulator.attachments(name, TASK)
    if state is None:
        if attached:
            world.simulator.detach(name, TASK)
    elif attached:
        attached[0].enforcement_level, attached[0].stages = state[0], state[1:]
    else:
        world.simulator.attach(name, TASK, enforcement_level=state[0], stages=state[1:])


def shown(world: World, name: str) -> State:
    """Return the state of a workspace."""
    attached = world.shown(name)
    return (attached[0][0], attached[0][1][0]) if attached else None


def put_all(world: World, states: Sequence[State | str]) -> None:
    """Bring each workspace to its state, unless that is ``"untouched"``."""
    for name, state in zip(world.names, states, strict=True):
        if not isinstance(state, str):
            put(world, name, state)


def attributes(state: State) -> Attributes | None:
    """Return a state as an operation wants it."""
    return None if state is None else attributes_of(state[0], state[1:])


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(sorted(METHODS)),
    before=st.lists(STATES, min_size=WORKSPACES, max_size=WORKSPACES),
    meddled=st.lists(STATES | st.just("untouched"), min_size=WORKSPACES, max_size=WORKSPACES),
)
def test_only_targets_that_did_not_change_since_are_changed(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    before: list[State],
    meddled: list[State | str],
) -> None:
    """Unchanged: done. As desired: skipped. Anything else: a conflict, left."""
    # What should not be sent must not be refused by the server instead.
    world = World(workspaces=WORKSPACES, server=partial(Simulator, duplicate_attach="accept"))
    put_all(world, before)
    path = tmp_path_factory.mktemp("plan") / "scan.plan"
    planned = world.plan(job(kind, rollout={"max_failures": "100%"}))

    async def save() -> None:
        save_plan(path, planned, world.client(), HOLDER)

    world.run(save)
    put_all(world, meddled)
    moved = {name: shown(world, name) for name in world.names}

    read = read_plan(path).plan
    assert list(read.operations) == list(planned.operations)

    async def start() -> None:
        recorded.start_journal(JournalFile(PATH, world.disk), read, world.client(), HOLDER)

    world.run(start)
    replay = world.resume()

    observed = dict(zip(world.names, before, strict=True))
    for progress in replay.operations.values():
        operation, name = progress.operation, progress.operation.target.name
        expected = Outcome.CONFLICT
        if attributes(moved[name]) == operation.desired:
            expected = Outcome.SKIPPED
        elif moved[name] == observed[name]:
            expected = Outcome.SUCCEEDED
        assert progress.outcome is expected
        done = expected is Outcome.SUCCEEDED
        final = operation.desired if done else attributes(moved[name])
        assert attributes(shown(world, name)) == final
    touched = {progress.operation.target.name for progress in replay.operations.values()}
    for name in world.names:
        if name not in touched:
            assert shown(world, name) == moved[name]
    conflict = replay.count(Outcome.CONFLICT) > 0
    assert exit_code(replay) == (3 if conflict else 0)
