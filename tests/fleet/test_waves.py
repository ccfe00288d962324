"""Which shards begin next: by the table, and in any order of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.fleet import waves
from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.waves import Course, Next, ShardProgress, State, next_step
from tests.docstrings import rows

TURN = "if its wave's turn has come, unless stopped"
ANY = FleetRollout(max_failed_shards=9)
NONE = FleetRollout()


def after(
    *states: State, rollout: FleetRollout = ANY, in_waves: tuple[str, ...] = ("ab", "cd")
) -> Next:
    """Return what comes next if the shards a, b, c, … have these states."""
    seen = {name: ShardProgress(state) for name, state in zip("abcd", states, strict=False)}
    return next_step(in_waves, seen, rollout)


def _documented(state: State) -> list[str]:
    """Return the row of the table that ``next_step`` follows for a state."""
    first, later = after(state, State.DONE), after(State.NOT_BEGUN, State.DONE, state)
    stopped = after(state, State.FAILED, State.NOT_BEGUN, rollout=NONE)
    begins = {
        (True, False, False): TURN,
        (True, True, True): "yes",
        (False, False, False): "no",
    }["a" in first.begin, "c" in later.begin, "a" in stopped.begin]
    failing = next_step(["a", "b"], {"a": ShardProgress(state)}, NONE)
    return [begins, _yes(first.wave == 2), _yes(failing.course is Course.STOPPED)]


def _yes(answer: bool) -> str:  # noqa: FBT001 - one word for one fact
    return "yes" if answer else "no"


def test_every_state_is_treated_as_the_table_says() -> None:
    """Each row of the docstring's table is what ``next_step`` decides."""
    documented = rows(waves, "state of a shard")
    assert documented == {state.value: _documented(state) for state in State}


D, F, N, R, I, P = (  # noqa: E741 - one letter a state keeps the table in one line a row
    State.DONE,
    State.FAILED,
    State.NOT_BEGUN,
    State.RUNNING,
    State.INTERRUPTED,
    State.PAUSED,
)
SITUATIONS: dict[tuple[State, ...], tuple[Course, int, str]] = {
    (N, N, N, N): (Course.GO, 1, "ab"),
    (R, N, N, N): (Course.GO, 1, "b"),
    (R, D, N, N): (Course.WAIT, 1, ""),
    (D, D, N, N): (Course.GO, 2, "cd"),
    (P, D, N, N): (Course.PAUSED, 1, ""),
    (P, R, N, N): (Course.WAIT, 1, ""),
    (I, R, N, N): (Course.GO, 1, "a"),
    (R, D, I, N): (Course.GO, 1, "c"),
    (D, D, R, R): (Course.WAIT, 2, ""),
    (D, D, D, P): (Course.PAUSED, 2, ""),
    (D, D, D, D): (Course.FINISHED, 2, ""),
    (F, N, N, N): (Course.STOPPED, 1, ""),
    (F, R, N, N): (Course.WAIT, 1, ""),
    (F, I, N, N): (Course.GO, 1, "b"),
    (F, P, N, N): (Course.STOPPED, 1, ""),
    (F, D, N, N): (Course.STOPPED, 2, ""),
    (F, D, D, P): (Course.PAUSED, 2, ""),
    (F, D, D, D): (Course.FINISHED, 2, ""),
    (D, D, D, F): (Course.FINISHED, 2, ""),
}


@pytest.mark.parametrize("states", SITUATIONS, ids=lambda states: " ".join(map(str, states)))
def test_what_comes_next_in_two_waves_of_two(states: tuple[State, ...]) -> None:
    """No shard may fail here; what has begun is finished, and what hasn't doesn't begin."""
    course, wave, begin = SITUATIONS[states]
    assert after(*states, rollout=NONE) == Next(course, wave, tuple(begin))


def test_failures_of_all_shards_count_together() -> None:
    """One tolerance over all operations stops the fleet though no shard failed."""
    seen = {name: ShardProgress(State.DONE, operations=100, failures=3) for name in "ab"}
    tolerant = FleetRollout(max_failures="3%")
    assert next_step(["a", "b", "c"], seen, tolerant).begin == ("c",)
    strict = FleetRollout(max_failures="2%")
    assert next_step(["a", "b", "c"], seen, strict) == Next(Course.STOPPED, 3)


def test_a_shard_that_left_the_fleet_is_ignored() -> None:
    """What failed in an organization that is no longer part of the fleet doesn't stop it."""
    seen = {"gone": ShardProgress(State.FAILED, 9, 9), "a": ShardProgress(State.DONE)}
    assert next_step(["a", "b"], seen, FleetRollout(max_failures=0)).begin == ("b",)


def test_no_shards_are_finished() -> None:
    """A fleet without shards has nothing to do."""
    assert next_step([], {}, NONE) == Next(Course.FINISHED, 0)


ENDS = st.sampled_from([D, D, D, F, I, I, P])


@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=4),
    st.integers(0, 3),
    st.data(),
)
def test_waves_hold_in_any_order_of_events(
    sizes: list[int], most: int, data: st.DataObject
) -> None:
    """A fleet ends; no shard begins before its turn, nor once more have failed than tolerated."""
    names = iter("abcdefghijkl")
    waves_ = [tuple(next(names) for _ in range(size)) for size in sizes]
    states = {name: N for wave in waves_ for name in wave}
    rollout = FleetRollout(max_failed_shards=most)
    wave_of = {name: place for place, wave in enumerate(waves_) for name in wave}
    for _ in range(200):
        seen = {name: ShardProgress(state) for name, state in states.items()}
        step = next_step(waves_, seen, rollout)
        failed = sum(state is F for state in states.values())
        for name in step.begin:
            if states[name] is N:
                earlier = [other for other in states if wave_of[other] < wave_of[name]]
                assert failed <= most
                assert all(states[other] in {D, F} for other in earlier)
            else:
                assert states[name] is I
        assert set(step.begin) >= {name for name, state in states.items() if state is I}
        assert (step.course is Course.GO) == bool(step.begin)
        running = [name for name, state in states.items() if state is R]
        if step.begin and (not running or data.draw(st.booleans())):
            states[data.draw(st.sampled_from(step.begin))] = R
        elif running:
            states[data.draw(st.sampled_from(running))] = data.draw(ENDS)
        elif step.course is Course.PAUSED:
            states.update({name: R for name, state in states.items() if state is P})
        else:
            break
    else:
        return  # drawn interruptions and pauses may go on for as long as one likes
    assert step.course in {Course.STOPPED, Course.FINISHED}
    begun = [state for state in states.values() if state is not N]
    assert set(begun) <= {D, F, P}
    if step.course is Course.FINISHED:
        assert set(states.values()) <= {D, F}
    else:
        assert failed > most
