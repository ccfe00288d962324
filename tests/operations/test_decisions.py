"""What each kind decides and sends, for each row of the table in its docstring."""

from __future__ import annotations

import msgspec
import pytest

from bulkops.operations import KINDS
from bulkops.operations.aspects.attachment import WORDS
from bulkops.operations.kinds.detach import Detach
from bulkops.operations.model import Operation, Skip
from tests.kinds import AS_DESIRED, CASES, State, bound, table_of

NEW_URL = "https://run-tasks.example/new"
CELLS = [(name, shows) for name, kind in KINDS.items() for shows in table_of(kind)]
TASKS = "/workspaces/ws-1/tasks"


def states(name: str, shows: str) -> list[State]:
    """Return the states that a row of a kind's table represents."""
    meant = CASES[name].states[shows]
    return [meant] if isinstance(meant, State) else [*meant]


def decided(name: str, shows: str, **changes: object) -> Operation:
    """Return the one operation that a row decides, for the kind's spec with changes."""
    (state,) = states(name, shows)
    observations = {aspect: {state.target.id: observed} for aspect, observed in state.shown.items()}
    (operation,) = bound(name, **changes).decided(state.target, observations)
    assert isinstance(operation, Operation)
    return operation


@pytest.mark.parametrize(("name", "shows"), CELLS)
def test_each_row_is_decided_by_the_table(name: str, shows: str) -> None:
    """A row decides the writes with its verbs in order, a skip, or a blocked skip."""
    decision = table_of(KINDS[name])[shows]
    for state in states(name, shows):
        observations = {
            aspect: {state.target.id: observed} for aspect, observed in state.shown.items()
        }
        decisions = bound(name).decided(state.target, observations)
        if decision.startswith("skip"):
            (skip,) = decisions
            assert isinstance(skip, Skip)
            assert (skip.target, skip.blocked) == (state.target, decision.endswith("blocked"))
            continue
        writes = [one for one in decisions if isinstance(one, Operation)]
        assert [one.verb for one in writes] == [
            part.split()[0] for part in decision.split(", then ")
        ]
        for one in writes:
            assert (one.key, one.target) == (f"{one.kind}:{state.target.id}", state.target)
            before = state.shown.get(one.aspect)
            # One operation per attachment, in their order.
            its_own = before and before[max(one.number - 1, 0)]
            assert before is None or one.before == (its_own or None)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_decides_on_every_state(name: str) -> None:
    """Each table has rows for absent and present, and for more than one attachment."""
    rows = {cell for shows in table_of(KINDS[name]) for cell in shows.split("|")}
    absent = {"not there", "not attached", "no such run task", "never its key"}
    assert rows & absent
    if WORDS.marker in str(CASES[name].states):
        assert any(row.startswith("attached more than once") for row in rows)


def test_every_kind_has_its_case() -> None:
    """There is one case per kind, and none for a kind that no longer exists."""
    for name in KINDS:
        assert CASES[name].writes
    assert set(CASES) == set(KINDS)


def test_a_kind_without_a_case_fails_with_instructions() -> None:
    """The first suite that needs the case says what to add."""
    with pytest.raises(AssertionError, match=r"the kind advise has no entry in tests/kinds\.py: "):
        _ = CASES["advise"]
    with pytest.raises(AssertionError, match="Silent has no table of decisions in its docstring"):
        table_of(Silent)


class Silent(Detach):
    """A kind without a table of decisions, in a module without one."""


@pytest.mark.parametrize(
    ("name", "shows", "method", "path", "attributes"),
    [
        ("attach", "not attached", "POST", TASKS, AS_DESIRED),
        ("attach", "attached otherwise", "PATCH", f"{TASKS}/wstask-1", AS_DESIRED),
        (
            "update",
            "attached otherwise",
            "PATCH",
            f"{TASKS}/wstask-1",
            {"enforcement-level": "mandatory"},
        ),
        ("detach", "attached", "DELETE", f"{TASKS}/wstask-1", None),
        ("task-enable", "disabled", "PATCH", "/tasks/task-1", {"enabled": True}),
        ("task-disable", "enabled", "PATCH", "/tasks/task-1", {"enabled": False}),
        ("task-update", "another URL", "PATCH", "/tasks/task-1", {"url": NEW_URL}),
        (
            "workspace-update",
            "set otherwise",
            "PATCH",
            "/workspaces/ws-1",
            {"terraform-version": "1.14.0"},
        ),
    ],
)
def test_what_a_decision_sends(
    name: str, shows: str, method: str, path: str, attributes: dict[str, object] | None
) -> None:
    """An operation sends one request, with exactly the attributes that change."""
    request = bound(name).aspects[""].request(decided(name, shows))
    assert (request.method, request.path) == (method, f"/api/v2{path}")
    sent = msgspec.json.decode(request.body)["data"]["attributes"] if request.body else None
    assert sent == attributes
