"""Operations that come after others: ready, waiting, or hopeless."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bulkops.journal.records import Intent, Planned, Result
from bulkops.journal.replay import Replay, replay
from bulkops.journal.states import Outcome
from bulkops.operations.model import Operation, Target
from bulkops.runner.starts.dependencies import Order
from tests.journal.samples import AT, header

DESIRED = {"enforcement-level": "mandatory", "stages": ["post_plan"]}


def state(after: list[list[int]], outcomes: dict[int, Outcome]) -> Replay:
    """Return a journal of operations that come after others, by number, some of them done."""
    keys = [f"attach:ws-{number}" for number in range(len(after))]
    planned = [
        Planned.of(
            Operation(
                "attach",
                Target(f"ws-{number}", f"prod-{number}"),
                None,
                DESIRED,
                after=tuple(keys[first] for first in firsts),
            )
        )
        for number, firsts in enumerate(after)
    ]
    done = [Result(keys[number], outcome, AT) for number, outcome in outcomes.items()]
    intents = [Intent(key=keys[number], at=AT) for number in outcomes]
    return replay([header(len(after)), *planned, *intents, *done])


def order(of: Replay) -> Order:
    """Return the order of what is pending or in doubt."""
    return Order(list(of.having(None, Outcome.IN_DOUBT)), of.operations)


def ready(order: Order) -> list[str]:
    """Return the names of what may be carried out."""
    return [progress.operation.target.name for progress in order.ready]


def test_independent_operations_are_ready_in_plan_order() -> None:
    """Whatever their keys."""
    assert ready(order(state([[], [], []], {}))) == ["prod-0", "prod-1", "prod-2"]


def test_an_operation_waits_for_all_its_predecessors() -> None:
    """With two predecessors, both must have succeeded."""
    held = order(state([[], [], [0, 1]], {}))
    assert ready(held) == ["prod-0", "prod-1"]
    assert list(held.done("attach:ws-0", Outcome.SUCCEEDED)) == []
    assert ready(held) == ["prod-0", "prod-1"]
    assert list(held.done("attach:ws-1", Outcome.SKIPPED)) == []
    assert ready(held) == ["prod-2", "prod-0", "prod-1"]


def test_released_operations_go_first() -> None:
    """The two that come after the first, in their order, then the rest."""
    held = order(state([[], [], [0], [0]], {}))
    held.ready.popleft()
    assert list(held.done("attach:ws-0", Outcome.SUCCEEDED)) == []
    assert ready(held) == ["prod-2", "prod-3", "prod-1"]


def test_a_predecessor_done_in_an_earlier_execution_counts() -> None:
    """It doesn't run again."""
    done = {0: Outcome.SUCCEEDED}
    assert ready(order(state([[], [0]], done))) == ["prod-1"]


def test_after_a_failure_no_follower_runs() -> None:
    """Nor its own followers; each is reported once."""
    held = order(state([[], [0], [1], [0, 1]], {}))
    given_up = [
        (operation.target.name, first)
        for operation, first in held.done("attach:ws-0", Outcome.FAILED)
    ]
    assert given_up == [
        ("prod-1", "attach:ws-0"),
        ("prod-2", "attach:ws-1"),
        ("prod-3", "attach:ws-1"),
    ]
    assert ready(held) == ["prod-0"]


def test_after_an_earlier_executions_failure_no_follower_runs() -> None:
    """Running the command again is no retry; ``--retry-failed`` is."""
    held = order(state([[], [0]], {0: Outcome.CONFLICT}))
    assert [operation.target.name for operation, _ in held.hopeless()] == ["prod-1"]
    assert ready(held) == []


def test_the_follower_of_an_operation_in_doubt_stays_pending() -> None:
    """The next execution reads the first one back."""
    held = order(state([[], [0]], {}))
    assert list(held.done("attach:ws-0", Outcome.IN_DOUBT)) == []
    assert list(held.hopeless()) == []
    assert ready(held) == ["prod-0"]


def test_a_hopeless_operation_is_not_released() -> None:
    """One predecessor failed: the success of the other changes nothing."""
    held = order(state([[], [], [0, 1]], {}))
    assert len(list(held.done("attach:ws-0", Outcome.FAILED))) == 1
    assert list(held.done("attach:ws-1", Outcome.SUCCEEDED)) == []
    assert ready(held) == ["prod-0", "prod-1"]


@given(
    st.integers(1, 8).flatmap(
        lambda size: st.tuples(
            st.just(size),
            st.lists(st.lists(st.integers(0, size - 1), max_size=3), min_size=size, max_size=size),
            st.sets(st.integers(0, size - 1)),
        )
    )
)
def test_every_operation_becomes_ready_or_hopeless(
    drawn: tuple[int, list[list[int]], set[int]],
) -> None:
    """In any graph: ready once all predecessors succeeded, otherwise reported hopeless."""
    size, after, failing = drawn
    firsts = [[first for first in after[number] if first < number] for number in range(size)]
    of = state(firsts, {})
    held, succeeded, given_up = order(of), set[int](), set[int]()
    while held.ready:
        number = int(held.ready.popleft().operation.target.id.removeprefix("ws-"))
        assert set(firsts[number]) <= succeeded
        outcome = Outcome.FAILED if number in failing else Outcome.SUCCEEDED
        succeeded |= {number} - failing
        for operation, _ in held.done(f"attach:ws-{number}", outcome):
            given_up.add(int(operation.target.id.removeprefix("ws-")))
    assert succeeded | given_up | failing == set(range(size))
    assert not succeeded & given_up
