"""Every kind with values per workspace: applied, killed, resumed, verified and undone."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from bulkops.errors import JobError
from bulkops.job.job import Job, job_from_builtins
from bulkops.job.listing.manifest import parse_manifest
from bulkops.journal.records import Header, Planned
from bulkops.journal.replay import replay
from bulkops.journal.states import Outcome
from bulkops.operations import KINDS
from bulkops.operations.kinds.workspace_update import WorkspaceUpdateSpec
from bulkops.operations.values import overridable
from bulkops.plan.recorded import kind_of
from bulkops.plan.trusted import disagreement
from tests.engine.world import PATH, World
from tests.engine.world import job as valued_job
from tests.engine.worlds import everything, world_for
from tests.kinds import CASES, OLD_TASK, TASK
from tests.plan.forging import replaced
from tests.plan.test_consistent import _records as records_of

UNDO = PATH.with_name("undo.jsonl")


class Listed(NamedTuple):
    """One kind.

    Attributes:
        own: its ``[operation]`` without the columns.
        rows: the cells of ``prod-0``, ``prod-1``, …, and what each workspace shows afterwards.
        shown: returns what a workspace shows of it.
    """

    own: dict[str, Any]
    rows: list[tuple[dict[str, str], object]]
    shown: Callable[[World, str], object]


def _setting(world: World, name: str) -> tuple[object, ...]:
    record = world.simulator.world.organizations["acme"].workspaces[name]
    return (
        record.terraform_version,
        record.auto_apply,
        record.execution_mode or "remote",
        record.description,
        record.locked_reason if record.locked else "",
    )


LEVELS: list[tuple[dict[str, str], object]] = [
    ({"enforcement_level": "mandatory"}, [("mandatory", ("post_plan",))]),
    ({"stages": "pre_apply"}, [("advisory", ("pre_apply",))]),
    ({"enforcement_level": "mandatory", "stages": "pre_plan"}, [("mandatory", ("pre_plan",))]),
    ({"stages": "pre_apply", "enforcement_level": ""}, [("advisory", ("pre_apply",))]),
]
"""Where the run task, or the old one, is advisory at post_plan, or the job's own value is that."""
PLAIN = ("1.13.5", False, "remote", None, "")

LISTED = {
    "attach": Listed({"task": TASK, "enforcement_level": "advisory"}, LEVELS, World.shown),
    "update": Listed({"task": TASK}, LEVELS, World.shown),
    "replace": Listed({"task": TASK, "replaces": OLD_TASK}, LEVELS, World.shown),
    "workspace-update": Listed(
        {},
        [
            ({"terraform_version": "1.14.0"}, ("1.14.0", *PLAIN[1:])),
            ({"auto_apply": "TRUE", "description": "x"}, ("1.13.5", True, "remote", "x", "")),
            (
                {"execution_mode": "agent", "agent_pool_id": "apool-1"},
                (*PLAIN[:2], "agent", *PLAIN[3:]),
            ),
            ({"terraform_version": "1.14.0", "auto_apply": "true"}, ("1.14.0", True, *PLAIN[2:])),
        ],
        _setting,
    ),
    "workspace-lock": Listed(
        {"reason": "freeze"},
        [
            ({"reason": "=1+1"}, (*PLAIN[:4], "=1+1")),
            ({}, (*PLAIN[:4], "freeze")),
            ({"reason": "moved to b"}, (*PLAIN[:4], "moved to b")),
            ({"reason": "freeze"}, (*PLAIN[:4], "freeze")),
        ],
        _setting,
    ),
}
kinds = pytest.mark.parametrize("kind", LISTED)


def listed(kind: str, names: dict[str, str] | None = None, **tables: object) -> Job:
    """Return the job of a kind, with its rows as the file.

    Args:
        names: name or id to list → name of the workspace whose values it has, by default all.
    """
    columns = list(overridable(KINDS[kind]))
    rows = {f"prod-{number}": cells for number, (cells, _) in enumerate(LISTED[kind].rows)}
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["workspace", *columns])
    writer.writeheader()
    for listing, name in (names or {name: name for name in rows}).items():
        writer.writerow({"workspace": listing, **rows[name]})
    operation = {"kind": kind, **LISTED[kind].own, "from_file": columns}
    document = {"name": "scan", "organization": "acme", "operation": operation, **tables}
    return job_from_builtins(
        {**document, "select": {"file": "list.csv"}},
        "job.toml",
        read=lambda name: parse_manifest(text.getvalue(), name),
    )


def check(world: World, kind: str) -> None:
    """Check that each workspace shows its values, and that nothing is left to do."""
    for number, (_, expected) in enumerate(LISTED[kind].rows):
        assert LISTED[kind].shown(world, f"prod-{number}") == expected
    plan = world.plan(listed(kind))
    assert (plan.operations, plan.blocked) == ([], [])


def test_every_kind_with_such_fields_is_tried() -> None:
    """A kind with another field that can have values needs an entry here."""
    assert {*LISTED} == {name for name, kind in KINDS.items() if overridable(kind)}
    fields = {name for row in LISTED["workspace-update"].rows for name in row[0]}
    assert fields < {*WorkspaceUpdateSpec.__struct_fields__}


@kinds
def test_each_workspace_gets_its_values_and_undo_restores_each(kind: str) -> None:
    """Applied, verified, undone: each workspace is as before, and every change is made once."""
    world = world_for(kind, 5)
    before = everything(world)
    done = world.apply(listed(kind))
    check(world, kind)
    assert world.effects() == dict.fromkeys(world.names[:4], len(CASES[kind].writes))
    assert done.verified is not None
    assert (done.verified.verified, done.verified.differing) == (len(done.operations), {})
    world.start_undo(PATH, UNDO)
    assert not world.resume(path=UNDO).count(Outcome.FAILED)
    assert everything(world) == before


@kinds
@pytest.mark.parametrize("after", range(2, 9, 2))
def test_killed_at_a_request_it_is_resumed_from_its_journal(kind: str, after: int) -> None:
    """The journal alone says what each workspace gets, and no change is made twice."""
    world = world_for(kind, 4)
    world.start(listed(kind))
    world.wire.die_at = len(world.wire.asked) + after
    world.until_stopped()
    assert disagreement(world.resume()) == ""
    check(world, kind)
    assert world.effects() == dict.fromkeys(world.names, len(CASES[kind].writes))


@kinds
def test_with_faults_and_retries_each_workspace_gets_its_values(kind: str) -> None:
    """Lost answers are read back, and what failed is decided again, by the workspace's values."""
    world = world_for(kind, 4, faults="502-after=25%,close-after=15%,500=10%", seed=3)
    done = world.apply(listed(kind, rollout={"max_failures": "100%"}))
    for _ in range(5):
        done = world.resume(retry_failed=True)
    assert done.count(Outcome.SUCCEEDED) == len(done.operations)
    check(world, kind)


@kinds
def test_a_list_may_have_ids(kind: str) -> None:
    """Names and ids can be mixed."""
    world = world_for(kind, 4)
    records = world.simulator.world.organizations["acme"].workspaces
    names = {records["prod-0"].id: "prod-0", "prod-1": "prod-1", records["prod-2"].id: "prod-2"}
    world.apply(listed(kind, {**names, "prod-3": "prod-3"}))
    for number, (_, expected) in enumerate(LISTED[kind].rows):
        assert LISTED[kind].shown(world, f"prod-{number}") == expected


def test_a_workspace_listed_by_name_and_by_id_has_one_value() -> None:
    """If the two rows differ, nothing is planned; if they don't, it is planned once."""
    world = world_for("attach", 4)
    ident = world.simulator.world.organizations["acme"].workspaces["prod-0"].id
    with pytest.raises(JobError) as caught:
        world.plan(listed("attach", {ident: "prod-1", "prod-0": "prod-0"}))
    assert str(caught.value) == (
        f'list.csv: lists "prod-0" by its name and, with other values, by its id {ident}: remove '
        "one of them"
    )
    plan = world.plan(listed("attach", {ident: "prod-0", "prod-0": "prod-0", "prod-1": "prod-1"}))
    assert len(plan.operations) == 2


def test_a_stage_that_the_server_lacks_is_refused_for_any_workspace() -> None:
    """The first change is sent only if the server supports the stages of every workspace."""
    world = world_for("attach", 4, profile="tfe-v202401-1")
    rows = [{"name": "prod-0"}, {"name": "prod-1", "stages": "pre_plan post_plan"}]
    job = valued_job(
        "attach", rows, operation={"from_file": ["stages"]}, select={"file": "list.json"}
    )
    with pytest.raises(JobError, match="supports only one stage per attachment"):
        world.plan(job)
    assert not world.wire.writes


@kinds
def test_a_plan_counts_the_workspaces_with_each_values(kind: str) -> None:
    """Also those that need no change; an undo has no such count."""
    world = world_for(kind, 4)
    job = listed(kind)
    expected = sorted((len(one.workspaces) for one in job.steps[0].values), reverse=True)
    assert list(world.plan(job).values.values()) == expected
    world.apply(job)
    assert list(world.plan(job).values.values()) == expected
    assert world.start_undo(PATH, UNDO).values == {}


@kinds
def test_another_groups_values_are_no_decision_of_the_job(kind: str) -> None:
    """A forged journal in which a workspace gets what another one should get is refused."""
    world = world_for(kind, 4)
    world.apply(listed(kind))
    records = records_of(world)
    assert disagreement(replay(iter(records))) == ""
    header = records[0]
    assert isinstance(header, Header)
    bound = kind_of(header)
    places = [n for n, one in enumerate(records) if isinstance(one, Planned) and one.desired]
    donors = {
        id(bound.of(one.target)): one
        for one in (records[n] for n in places)
        if isinstance(one, Planned)
    }
    assert len(donors) > 1
    for place in places:
        mine = records[place]
        assert isinstance(mine, Planned)
        for own, other in donors.items():
            if own == id(bound.of(mine.target)) or other.desired == mine.desired:
                continue
            forged = [*records]
            forged[place] = replaced(mine, desired=other.desired, before=_like(mine, other))
            problem = disagreement(replay(iter(forged)))
            assert "could not have decided this" in problem or "no server shows" in problem


def _like(mine: Planned, other: Planned) -> Any:
    """Return the state before that another operation has, of the own object."""
    if mine.before is None or other.before is None:
        return mine.before
    return replaced(mine.before, attributes=other.before.attributes)


def test_values_that_are_changed_in_a_journal_are_found() -> None:
    """The digest covers them."""
    world = world_for("attach", 4)
    world.apply(listed("attach"))
    header, *rest = records_of(world)
    assert isinstance(header, Header)
    document: Any = msgspec.json.decode(msgspec.json.encode(header.job))
    first, second, *_ = document["operation"]["values"]
    first["workspaces"], second["workspaces"] = second["workspaces"], first["workspaces"]
    problem = disagreement(replay(iter([replaced(header, job=document), *rest])))
    assert problem == "its digest is not that of the job in it"


def test_a_workspace_that_is_renamed_keeps_its_values() -> None:
    """Listed by its name, it is read for what its operation changes, in the rest and the undo."""
    world = World(workspaces=3)
    for workspace in world.simulator.world.workspaces.values():
        workspace.terraform_version = "1.5.7"
    groups = [
        {"workspaces": ["prod-0"], "terraform_version": "1.14.0"},
        {"workspaces": ["prod-1", "prod-2"], "auto_apply": True},
    ]
    document = {
        "name": "settings",
        "organization": "acme",
        "operation": {"kind": "workspace-update", "values": groups},
        "select": {"listed": list(world.names)},
        "rollout": {"waves": ["2"], "pause": "manual"},
    }
    world.apply(job_from_builtins(document))
    workspaces = world.simulator.world.organizations["acme"].workspaces
    for name in ("prod-1", "prod-2"):
        renamed = workspaces.pop(name)
        renamed.name = f"old-{name}"
        workspaces[renamed.name] = renamed
    assert world.resume(continue_paused=True).count(Outcome.SUCCEEDED) == 3
    assert [workspaces[f"old-{name}"].auto_apply for name in ("prod-1", "prod-2")] == [True, True]
    plan = world.start_undo(PATH, PATH.with_name("undo.jsonl"))
    assert (len(plan.operations), plan.skips) == (3, [])


def test_each_step_has_values_of_its_own() -> None:
    """One file, two steps with columns: each workspace gets both, and undo restores each."""
    rows: list[dict[str, object]] = [
        {"name": "prod-0", "enforcement_level": "mandatory", "auto_apply": True},
        {"name": "prod-1", "terraform_version": "1.14.0"},
        {"name": "prod-2", "enforcement_level": "mandatory", "terraform_version": "1.14.0"},
    ]
    columns = ["terraform_version", "auto_apply"]
    operation: Any = [
        {
            "kind": "attach",
            "task": TASK,
            "enforcement_level": "advisory",
            "from_file": ["enforcement_level"],
        },
        {"kind": "workspace-update", "description": "x", "from_file": columns},
    ]
    world = world_for("attach", 4)
    before = everything(world)
    document = {"name": "scan", "organization": "acme", "operation": operation}
    job = job_from_builtins(
        {**document, "select": {"file": "list.json"}},
        read=lambda name: parse_manifest(msgspec.json.encode(rows).decode(), name),
    )
    plan = world.plan(job)
    assert len(plan.operations) == 6
    assert plan.values[f'attach {TASK}: enforcement_level = "mandatory"'] == 2
    assert plan.values['workspace-update: terraform_version = "1.14.0"'] == 2
    assert list(plan.values.values()) == [2, 2, 1, 1]
    world.apply(job)
    assert world.all_shown() == [
        *([("mandatory", ("post_plan",))], [("advisory", ("post_plan",))]),
        *([("mandatory", ("post_plan",))], []),
    ]
    assert [_setting(world, name)[:2] for name in world.names[:3]] == [
        ("1.13.5", True),
        ("1.14.0", False),
        ("1.14.0", False),
    ]
    assert world.effects() == dict.fromkeys(world.names[:3], 2)
    world.start_undo(PATH, UNDO)
    world.resume(path=UNDO)
    assert everything(world) == before


def test_a_plan_says_which_workspaces_have_no_value_of_their_own() -> None:
    """An empty cell is the job's own value."""
    world = World(workspaces=2, attached=True)
    rows = [{"name": "prod-0", "stages": "pre_plan"}, {"name": "prod-1", "stages": ""}]
    operation = {"enforcement_level": "mandatory", "from_file": ["stages"]}
    of_rows = valued_job("update", rows, operation=operation, select={"file": "list.json"})
    assert world.plan(of_rows).values == {'stages = ["pre_plan"]': 1, "the job's own values": 1}
