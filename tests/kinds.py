"""The table of all kinds, used by every test suite: one entry per kind.

A kind's entry has its ``[operation]``, a world in which it has something to do, the state
afterwards, and a state for each row of the table of decisions in its docstring.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import msgspec

from bulkops.operations import KINDS, bind
from bulkops.operations.aspects.attachment import attributes_of
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Observed, Resolved, Spec, Target, TaskRef
from bulkops.operations.secret import HmacKey

TASK = "security-scan"
OLD_TASK = "legacy-scan"
WORKSPACE = Target("ws-1", "prod-app")
RUN_TASK = Target("task-1", TASK)
BINDING = Resolved(
    organization="acme",
    task=TaskRef(RUN_TASK.id, TASK),
    replaces=TaskRef("task-2", OLD_TASK),
    key=HmacKey("the key of the tests"),
)
AS_DESIRED = attributes_of("mandatory", ["post_plan"])
OTHERWISE = attributes_of("advisory", ["pre_apply"])
KEY_FILE = str(Path(__file__).parent / "engine" / "hmac_key.txt")

OWN_TASKS = "/workspaces/{id}/tasks"
RUN_TASKS = "/organizations/acme/tasks"
WORKSPACES = "/organizations/acme/workspaces"


Attachments: TypeAlias = list[tuple[str, tuple[str, ...]]]
"""The level and stages of each attachment of a run task to a workspace."""


class State(NamedTuple):
    """The server's state, by aspect, and the target to decide on."""

    shown: Mapping[str, Sequence[Observed]]
    target: Target = WORKSPACE


class Case(NamedTuple):
    """One kind.

    Attributes:
        spec: its ``[operation]``.
        refused: tables of ``[operation]`` whose fields are allowed by themselves, but not
            together.
        states: the first cells of each row of its table of decisions, joined by ``|`` → the
            state that the row describes, or several.
        writes: the methods that change each target, in order.
        looks: aspect → the list that a lost answer is read back from.
        attached, replacing: arguments of the world in which it has something to do (see
            ``World``).
        before: the simulator's fields of each target in that world.
        after: those fields afterwards.
        leaves: how the run task is attached to each workspace afterwards, ``None`` if unchanged;
            and the same for the old run task, if there are two.
        gone: whether its target no longer exists afterwards, so that it can't be planned again.
        write_only: whether its change can't be read back, so that it is repeated and always
            planned.
    """

    spec: Mapping[str, object]
    states: Mapping[str, State | Sequence[State]]
    writes: tuple[str, ...]
    looks: Mapping[str, str]
    refused: Sequence[Mapping[str, object]] = ()
    attached: bool = True
    replacing: bool = False
    before: Mapping[str, Any] = MappingProxyType({})
    after: Mapping[str, Any] = MappingProxyType({})
    leaves: Mapping[str, Attachments] = MappingProxyType({})
    gone: bool = False
    write_only: bool = False


class _Cases(dict[str, Case]):
    def __missing__(self, kind: str) -> Case:
        raise AssertionError(
            f"the kind {kind} has no entry in tests/kinds.py: add one with its [operation], the "
            "world it needs, the state afterwards, and a state for each row of its table"
        )


def _attachment(*attributes: Mapping[str, object]) -> State:
    """Return the state in which the run task is attached this way, once or several times."""
    return State({"": [Observed(f"wstask-{n}", a) for n, a in enumerate(attributes, 1)]})


def _workspace(**attributes: object) -> State:
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return State({"": [Observed(WORKSPACE.id, named)]})


def _run_task(**attributes: object) -> State:
    return State({"": [Observed(RUN_TASK.id, attributes)]}, RUN_TASK)


def _both(old: Sequence[Mapping[str, object]], new: Sequence[Mapping[str, object]]) -> State:
    return State(
        {
            "old": [Observed(f"wstask-{n}", a) for n, a in enumerate(old, 1)],
            "new": [Observed(f"wstask-{n}", a) for n, a in enumerate(new, 5)],
        }
    )


NOT_LOCKED = _workspace(locked=False, locked_reason=None)
LOCKED = _workspace(locked=True, locked_reason="by somebody else")
BY_A_RUN = _workspace(locked=True, locked_reason=None, locked_by="run-1")
NO_TASK = State({"": []}, RUN_TASK)
MORE_THAN_ONCE = _attachment(AS_DESIRED, OTHERWISE)
LEAVES_MANDATORY: dict[str, Attachments] = {TASK: [("mandatory", ("post_plan",))]}
_NEW: dict[str, list[Mapping[str, object]]] = {
    "not attached": [],
    "attached": [OTHERWISE],
    "attached otherwise": [OTHERWISE],
    "attached as desired": [{**OTHERWISE, "enforcement-level": "mandatory"}],
    "attached more than once": [AS_DESIRED, OTHERWISE],
}

CASES = _Cases(
    {
        "attach": Case(
            spec={"task": TASK, "enforcement_level": "mandatory"},
            refused=[{"task": TASK}],
            states={
                "not attached": _attachment(),
                "attached otherwise": _attachment(OTHERWISE),
                "attached as desired": _attachment(AS_DESIRED),
                "attached more than once": MORE_THAN_ONCE,
            },
            writes=("POST",),
            looks={"": OWN_TASKS},
            attached=False,
            leaves=LEAVES_MANDATORY,
        ),
        "update": Case(
            spec={"task": TASK, "enforcement_level": "mandatory"},
            refused=[{"task": TASK}],
            states={
                "not attached": _attachment(),
                "attached otherwise": _attachment(OTHERWISE),
                "attached as desired": _attachment(AS_DESIRED),
                "attached more than once": MORE_THAN_ONCE,
            },
            writes=("PATCH",),
            looks={"": OWN_TASKS},
            leaves=LEAVES_MANDATORY,
        ),
        "detach": Case(
            spec={"task": TASK},
            refused=[{"task": TASK, "enforcement_level": "advisory"}],
            states={
                "not attached": _attachment(),
                "attached": _attachment(OTHERWISE),
                "attached more than once": MORE_THAN_ONCE,
            },
            writes=("DELETE",),
            looks={"": OWN_TASKS},
            leaves={TASK: []},
        ),
        "replace": Case(
            spec={"task": TASK, "replaces": OLD_TASK, "enforcement_level": "mandatory"},
            refused=[{"task": TASK}],
            states={
                **{f"not attached|{new}": _both([], shown) for new, shown in _NEW.items()},
                **{f"attached|{new}": _both([OTHERWISE], shown) for new, shown in _NEW.items()},
                "attached more than once|whatever": [
                    _both([OTHERWISE, OTHERWISE], shown) for shown in _NEW.values()
                ],
            },
            writes=("POST", "DELETE"),
            looks={"new": OWN_TASKS, "old": OWN_TASKS},
            attached=False,
            replacing=True,
            leaves={**LEAVES_MANDATORY, OLD_TASK: []},
        ),
        "task-enable": Case(
            spec={"task": TASK},
            states={
                "not there": NO_TASK,
                "enabled": _run_task(enabled=True),
                "disabled": _run_task(enabled=False),
            },
            writes=("PATCH",),
            looks={"": RUN_TASKS},
            before={"enabled": False},
            after={"enabled": True},
        ),
        "task-disable": Case(
            spec={"task": TASK},
            states={
                "not there": NO_TASK,
                "enabled": _run_task(enabled=True),
                "disabled": _run_task(enabled=False),
            },
            writes=("PATCH",),
            looks={"": RUN_TASKS},
            before={"enabled": True},
            after={"enabled": False},
        ),
        "task-update": Case(
            spec={
                "task": TASK,
                "url": "https://run-tasks.example/new",
                "description": "Moved.",
                "agent_pool_id": "apool-1",
            },
            refused=[{"task": TASK}],
            states={
                "not there": NO_TASK,
                "another URL": _run_task(
                    url="https://old", description="Moved.", **{"agent-pool-id": "apool-1"}
                ),
                "that URL": _run_task(
                    url="https://run-tasks.example/new",
                    description="Moved.",
                    **{"agent-pool-id": "apool-1"},
                ),
            },
            writes=("PATCH",),
            looks={"": RUN_TASKS},
            after={
                "url": "https://run-tasks.example/new",
                "description": "Moved.",
                "agent_pool": "apool-1",
            },
        ),
        "task-delete": Case(
            spec={"task": TASK},
            states={
                "attached to a workspace": _attachment(OTHERWISE),
                "attached more than once there": MORE_THAN_ONCE,
                "the run task": State({"": [], "task": [Observed(RUN_TASK.id, {})]}, RUN_TASK),
                "no such run task": State({"": [], "task": []}, RUN_TASK),
            },
            writes=("DELETE",),
            looks={"": OWN_TASKS, "task": RUN_TASKS},
            gone=True,
        ),
        "task-rotate-hmac": Case(
            spec={"task": TASK, "key_file": KEY_FILE},
            refused=[{"task": TASK}, {"task": TASK, "key_env": "KEY", "key_file": "key"}],
            states={"never its key": State({}, RUN_TASK)},
            writes=("PATCH",),
            looks={"": RUN_TASKS},
            before={"hmac_key": None},
            after={"hmac_key": "the key of the tests"},
            write_only=True,
        ),
        "workspace-update": Case(
            spec={"terraform_version": "1.14.0", "auto_apply": True},
            refused=[
                {},
                {"execution_mode": "agent"},
                {"agent_pool_id": "apool-1"},
                {"execution_mode": "remote", "agent_pool_id": "apool-1"},
            ],
            states={
                "not there": State({"": []}),
                "not shown": _workspace(auto_apply=True),
                "set otherwise": _workspace(terraform_version="1.5.7", auto_apply=True),
                "set as desired": _workspace(terraform_version="1.14.0", auto_apply=True),
            },
            writes=("PATCH",),
            looks={"": WORKSPACES},
            after={"terraform_version": "1.14.0", "auto_apply": True},
        ),
        "workspace-lock": Case(
            spec={"reason": "change freeze"},
            refused=[{"reason": reason} for reason in ("", " x", "a\tb", "a\nb", "\x1b[2J")],
            states={
                "not there": State({"": []}),
                "not locked": NOT_LOCKED,
                "locked": [LOCKED, _workspace(locked=True, locked_reason="change freeze")],
                "locked by a run": BY_A_RUN,
                "neither locked nor not": _workspace(locked=None),
            },
            writes=("POST",),
            looks={"": WORKSPACES},
            after={
                "locked": True,
                "locked_by": "user-engine",
                "locked_reason": "change freeze",
            },
        ),
        "workspace-unlock": Case(
            spec={},
            refused=[{"reason": "change freeze"}],
            states={
                "not there": State({"": []}),
                "not locked": NOT_LOCKED,
                "locked": LOCKED,
                "locked by a run": BY_A_RUN,
                "neither locked nor not": _workspace(locked=None),
            },
            writes=("POST",),
            looks={"": WORKSPACES},
            before={
                "locked": True,
                "locked_by": "user-engine",
                "locked_reason": "change freeze",
            },
            after={"locked": False, "locked_by": None, "locked_reason": None},
        ),
    }
)


def spec_of(kind: str, **changes: object) -> Spec:
    """Return a kind's spec, with these fields in place of its case's."""
    return msgspec.convert({**CASES[kind].spec, **changes}, KINDS[kind].spec_type)


def bound(kind: str, **changes: object) -> Kind:
    """Return a kind with its spec and with run tasks of these ids."""
    return bind(kind, spec_of(kind, **changes), BINDING)


def table_of(kind: type[Kind]) -> dict[str, str]:
    """Return a kind's table of decisions: first cells, joined by ``|`` → decision.

    The table is in the docstring of the class or, if it has none, of its module.
    """
    for text in (kind.__doc__, inspect.getdoc(sys.modules[kind.__module__])):
        lines = (line.strip() for line in (text or "").splitlines())
        cells = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in lines
            if line.startswith("| ")
        ]
        if cells:
            return {"|".join(shows): decided for *shows, decided in cells[1:]}
    raise AssertionError(f"{kind.__name__} has no table of decisions in its docstring")
