"""What each kind decides and sends, cell by cell of the table in its docstring."""

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
    """Return what a row of a kind's table stands for."""
    meant = CASES[name].states[shows]
    return [meant] if isinstance(meant, State) else [*meant]


def decided(name: str, shows: str, **changes: object) -> Operation:
    """Return the one operation that is decided by a row, of the kind's wish with changes."""
    (state,) = states(name, shows)
    observations = {aspect: {state.target.id: observed} for aspect, observed in state.shown.items()}
    (operation,) = bound(name, **changes).decided(state.target, observations)
    assert isinstance(operation, Operation)
    return operation


@pytest.mark.parametrize(("name", "shows"), CELLS)
def test_each_cell_is_decided_as_the_table_says(name: str, shows: str) -> None:
    """The writes, by their verbs in their order; a skip; or a skip that is blocked."""
    said = table_of(KINDS[name])[shows]
    for state in states(name, shows):
        observations = {
            aspect: {state.target.id: observed} for aspect, observed in state.shown.items()
        }
        decisions = bound(name).decided(state.target, observations)
        if said.startswith("skip"):
            (skip,) = decisions
            assert isinstance(skip, Skip)
            assert (skip.target, skip.blocked) == (state.target, said.endswith("blocked"))
            continue
        writes = [one for one in decisions if isinstance(one, Operation)]
        assert [one.verb for one in writes] == [part.split()[0] for part in said.split(", then ")]
        for one in writes:
            assert (one.key, one.target) == (f"{one.kind}:{state.target.id}", state.target)
            before = state.shown.get(one.aspect)
            # The first of several, or its own one, in their order.
            its_own = before and before[max(one.number - 1, 0)]
            assert before is None or one.before == (its_own or None)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_a_word_on_every_state(name: str) -> None:
    """Absent and present stand in each table; of attachments, more than once, too."""
    rows = {cell for shows in table_of(KINDS[name]) for cell in shows.split("|")}
    absent = {"not there", "not attached", "no such run task", "never its key"}
    assert rows & absent
    if WORDS.marker in str(CASES[name].states):
        assert any(row.startswith("attached more than once") for row in rows)


def test_every_kind_has_its_case() -> None:
    """And there is none of a kind that isn't there any more."""
    for name in KINDS:
        assert CASES[name].writes
    assert set(CASES) == set(KINDS)


def test_a_kind_without_a_case_is_told_what_to_do() -> None:
    """By whichever suite meets it first."""
    with pytest.raises(AssertionError, match=r"the kind advise has no entry in tests/kinds\.py: "):
        _ = CASES["advise"]
    with pytest.raises(AssertionError, match="Silent has no table of decisions in its docstring"):
        table_of(Silent)


class Silent(Detach):
    """Says nothing of what it decides, and neither does this module."""


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
    """One request, with the attributes that change and no other."""
    request = bound(name).aspects[""].request(decided(name, shows))
    assert (request.method, request.path) == (method, f"/api/v2{path}")
    sent = msgspec.json.decode(request.body)["data"]["attributes"] if request.body else None
    assert sent == attributes
