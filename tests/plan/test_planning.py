"""From a job and what the server shows to a plan, or to why there is none."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from bulkops.client.pacing import HEADROOM
from bulkops.errors import JobError
from bulkops.job.job import job_from_builtins, job_to_builtins
from bulkops.journal.states import Outcome
from bulkops.operations.model import Right
from bulkops.plan.model import Plan
from bulkops.plan.projects import with_project_names
from bulkops.simulator.state import Entitlements, User
from tests.engine.scripts import always
from tests.engine.wire import Trouble
from tests.engine.world import World, job
from tests.kinds import TASK


def refused(world: World, problem: str, **tables: Mapping[str, object]) -> None:
    """Plan a job that can't be carried out as it stands."""
    with pytest.raises(JobError, match=problem) as error:
        world.plan(job("attach", **tables))
    assert str(error.value).startswith("job.toml: ")
    assert not world.wire.writes


def limited(world: World, entitlements: Entitlements) -> None:
    """Say what the organization has paid for."""
    world.simulator.world.organizations["acme"].entitlements = entitlements


def test_a_plan_decides_every_selected_workspace_by_name() -> None:
    """Operations and skips stand in order of name, whatever order they were made in."""
    world = World(workspaces=0)
    for name in ("b", "d", "a", "c"):
        world.simulator.add_workspace(name)
    world.simulator.attach("c", TASK, enforcement_level="mandatory")
    world.simulator.attach("d", TASK)
    plan = world.plan(job())
    assert [operation.target.name for operation in plan.operations] == ["a", "b", "d"]
    assert [skip.target.name for skip in plan.skips] == ["c"]
    assert plan.counts == {"attach": 2, "update": 1, "detach": 0}


def test_a_run_task_is_meant_by_name_or_id() -> None:
    """Both lead to the same run task."""
    world = World(workspaces=1)
    by_name = world.plan(job())
    by_id = world.plan(job(operation={"task": world.task.id}))
    assert by_name.resolved == by_id.resolved
    assert by_name.operations == by_id.operations


def test_an_unknown_run_task_is_told_with_those_there_are() -> None:
    """A typing error is seen at once."""
    world = World(workspaces=1)
    world.simulator.add_task("cost-check")
    refused(
        world,
        'operation.task = "scna": no such run task in acme, or this token may not see it; '
        "it sees: cost-check, security-scan",
        operation={"task": "scna"},
    )


def test_no_run_task_at_all_is_told_as_that() -> None:
    """It may also be that this token sees none."""
    world = World(workspaces=1)
    world.simulator.remove_task(TASK)
    refused(world, "no such run task in acme, or this token may not see it")


def test_two_run_tasks_of_a_name_are_told_by_their_ids() -> None:
    """The API promises no unique names: one has to be meant."""
    world = World(workspaces=1)
    twin = world.simulator.add_task("twin")
    twin.name = TASK
    refused(world, rf"2 run tasks have that name: give one's id \({world.task.id}, {twin.id}\)")


def test_workspaces_whose_settings_may_not_be_changed_are_blocked() -> None:
    """A workspace-update needs another right than a run task does."""
    world = World(workspaces=1, rights=User(name="engine", manage_workspaces=False))
    plan = world.plan(job("workspace-update"))
    assert [skip.reason for skip in plan.blocked] == [Right.SETTINGS.lacking]
    assert world.plan(job()).operations


def test_an_unknown_project_is_told_with_those_there_are() -> None:
    """Nothing is selected in a project that is not there."""
    world = World(workspaces=1)
    world.simulator.add_project("payments")
    refused(
        world,
        'project = "paymnets": no such project in acme, or this token may not see it; '
        "it sees: Default Project, payments",
        select={"project": "paymnets"},
    )


def test_a_project_is_meant_by_name_or_id() -> None:
    """Only its workspaces are planned."""
    world = World(workspaces=2)
    project = world.simulator.add_project("payments")
    world.simulator.add_workspace("pay-1", project="payments")
    for asked in ("payments", project.id):
        plan = world.plan(job(select={"project": asked}))
        assert [operation.target.name for operation in plan.operations] == ["pay-1"]


def test_a_replace_counts_each_workspace_of_a_project_once() -> None:
    """It has two operations per workspace."""
    world = World(workspaces=3)
    world.simulator.add_task("new-scan")
    for name in world.names:
        world.simulator.attach(name, TASK)
    spec = {"kind": "replace", "task": "new-scan", "replaces": TASK}
    plan = world.plan(job(operation=spec))
    assert len(plan.operations) == 6
    assert list(plan.projects.values()) == [3]


def test_a_plan_counts_the_workspaces_of_each_project() -> None:
    """Most first; skips don't count, and the names take one more request."""
    world = World(workspaces=2)
    payments = world.simulator.add_project("payments")
    for number in range(3):
        world.simulator.add_workspace(f"pay-{number}", project="payments")
    world.simulator.attach(world.names[0], TASK, enforcement_level="mandatory")
    plan = world.plan(job())
    assert next(iter(plan.projects.items())) == (payments.id, 3)
    asked = len(world.wire.asked)
    named = world.run(lambda: with_project_names(world.client(), plan))
    assert list(named.projects.items()) == [("payments", 3), ("Default Project", 1)]
    assert len(world.wire.asked) == asked + 1
    assert (named.digest, named.operations) == (plan.digest, plan.operations)


@pytest.mark.parametrize("fault", ["403", "404", "500"])
def test_a_plan_needs_no_right_to_read_projects(fault: str) -> None:
    """Where they can't be read, their ids stand for their names; nor does every server have any."""
    world = World(workspaces=1)
    plan = world.plan(job())
    world.wire.troubles = always(lambda r: r.path.endswith("/projects"), Trouble(fault))
    named = world.run(lambda: with_project_names(world.client(), plan))
    assert named == plan
    assert all(ident.startswith("prj-") for ident in plan.projects)


def test_without_operations_nobody_asks_for_projects() -> None:
    """Neither does the plan of an undo, which reads no workspaces."""
    world = World(workspaces=1)
    world.simulator.attach(world.names[0], TASK, enforcement_level="mandatory")
    plan = world.plan(job())
    asked = len(world.wire.asked)
    assert world.run(lambda: with_project_names(world.client(), plan)) is plan
    assert len(world.wire.asked) == asked


def test_how_long_a_plan_takes() -> None:
    """At the server's limit, rests between waves included; unknown of a server without one."""
    world = World(workspaces=60)
    plan = world.plan(job(rollout={"waves": ["1", "50%"], "pause": "2m"}))
    assert plan.rate == 30 * HEADROOM
    assert plan.seconds == pytest.approx(60 / plan.rate + 240)
    undone = replace(plan, undo_of="bulkops-1")
    assert undone.seconds == pytest.approx(60 / 30 / HEADROOM)
    assert replace(plan, rate=None).seconds is None


@pytest.mark.parametrize(
    ("profile", "stages", "problem"),
    [
        ("tfe-v202401-1", ["post_apply"], "v202401-1 lacks that stage; it has: pre_plan, post"),
        ("tfe-v202402-1", ["pre_plan", "post_plan"], "v202402-1 knows one stage an attachment"),
    ],
)
def test_stages_that_the_server_lacks_are_told_before_the_first_change(
    profile: str, stages: list[str], problem: str
) -> None:
    """An older server would drop them without a word."""
    world = World(workspaces=1, profile=profile)
    refused(world, problem, operation={"stages": stages})
    assert world.plan(job(operation={"stages": ["post_plan"]})).operations


def test_selecting_nothing_is_an_error_unless_allowed() -> None:
    """A pattern that fits nothing is likelier a mistake than a wish."""
    world = World(workspaces=2)
    refused(world, "no workspace fits", select={"names": ["nothing-*"]})
    plan = world.plan(job(select={"names": ["nothing-*"], "allow_empty": True}))
    assert (plan.operations, plan.skips) == ([], [])


def test_a_rollout_that_does_not_fit_is_told_before_the_first_change() -> None:
    """The entitlement, what is asked and what is allowed."""
    world = World(workspaces=5)
    world.simulator.attach("prod-0", TASK)
    limited(world, Entitlements(run_task_workspace_limit=4))
    refused(world, "5 workspaces would have the run task, this organization's plan allows 4")
    assert len(world.plan(job(select={"names": ["prod-[0-3]"]})).operations) == 4


def test_an_organization_without_run_tasks_is_told_as_that() -> None:
    """The entitlement is named."""
    world = World(workspaces=1)
    limited(world, Entitlements(run_tasks=False))
    refused(world, r"no run tasks \(entitlement run-tasks\)")


def test_entitlements_do_not_matter_where_nothing_is_attached() -> None:
    """An update or a detach needs no room."""
    world = World(workspaces=3, attached=True)
    limited(world, Entitlements(run_task_workspace_limit=1))
    assert len(world.plan(job("update")).operations) == 3
    assert len(world.plan(job("detach")).operations) == 3


def test_a_workspace_without_the_right_is_blocked() -> None:
    """Only where a change would be needed; the reason says whose right is missing."""
    rights = User(name="engine", manage_workspace_run_tasks={"prod-0"})
    world = World(workspaces=3, rights=rights)
    world.simulator.attach("prod-2", TASK, enforcement_level="mandatory")
    plan = world.plan(job())
    assert [operation.target.name for operation in plan.operations] == ["prod-0"]
    assert [(skip.target.name, skip.reason) for skip in plan.blocked] == [
        ("prod-1", Right.RUN_TASKS.lacking)
    ]
    assert len(plan.skips) == 2


@pytest.mark.parametrize("kind", ["attach", "update"])
def test_a_workspace_with_duplicates_is_blocked(kind: str) -> None:
    """Which of the two is meant only a person can tell."""
    world = World(workspaces=2, attached=kind != "attach")
    for _ in range(2):
        world.simulator.attach("prod-1", TASK)
    plan = world.plan(job(kind))
    assert [operation.target.name for operation in plan.operations] == ["prod-0"]
    (blocked,) = plan.blocked
    assert "detach all but one" in blocked.reason


@pytest.mark.parametrize("profile", ["hcp", "tfe-v202401-1-none-included"])
def test_the_plan_is_the_same_by_whichever_list(profile: str) -> None:
    """By run task or workspace by workspace: the same attachments are seen."""
    world = World(workspaces=6, profile=profile)
    world.simulator.attach("prod-1", TASK, enforcement_level="mandatory")
    world.simulator.attach("prod-2", TASK)
    world.simulator.add_task("other")
    world.simulator.attach("prod-3", "other", enforcement_level="mandatory")
    plan = world.plan(job())
    assert [operation.target.name for operation in plan.operations] == [
        "prod-0", "prod-2", "prod-3", "prod-4", "prod-5",
    ]  # fmt: skip
    assert plan.counts["update"] == 1


def test_entitlements_that_can_not_be_read_refuse_nothing() -> None:
    """The plan goes by what it may see."""
    world = World(workspaces=2)
    world.wire.troubles = always(lambda request: "entitlement" in request.path, Trouble("404"))
    assert len(world.plan(job()).operations) == 2


def test_a_selected_name_that_fits_nothing_is_noted() -> None:
    """A typing error beside names that do fit."""
    world = World(workspaces=2)
    plan = world.plan(job(select={"names": ["prod-*", "stagign-*"]}))
    assert any("stagign-*" in note for note in plan.notes)


def test_a_limit_of_mandatory_enforcements_is_noted() -> None:
    """What the limit counts is documented nowhere, so a plan says it and refuses nothing."""
    world = World(workspaces=2)
    limited(world, Entitlements(run_task_mandatory_enforcement_limit=1, global_run_tasks=False))
    assert world.plan(job()).notes == [
        "this organization's plan allows 1 mandatory enforcements of run tasks"
    ]
    assert world.plan(job("detach")).notes == []


def test_a_name_that_selects_nothing_is_noted() -> None:
    """A typing error beside names that do select something would go unnoticed."""
    world = World(workspaces=2)
    plan = world.plan(job(select={"names": ["prod-0", "prdo-1"]}))
    assert plan.notes == ['select: "prdo-1" selects no workspace']


def test_locked_workspaces_are_noted_where_something_changes() -> None:
    """A lock holds back Terraform runs and nothing else; whoever holds it may want to know."""
    world = World(workspaces=4)
    limited(world, Entitlements(global_run_tasks=False))
    workspaces = world.simulator.world.organizations["acme"].workspaces
    for name in ("prod-1", "prod-2", "prod-3"):
        workspaces[name].locked = True
    world.simulator.attach("prod-3", TASK, enforcement_level="mandatory")
    (note,) = world.plan(job()).notes
    assert note.startswith("locked workspaces among these: 2,")
    assert world.plan(job(select={"names": ["prod-0"]})).notes == []
    assert world.apply(job()).count(Outcome.SUCCEEDED) == 3


@pytest.mark.parametrize(
    ("select", "place"),
    [
        ({"all": True}, "every workspace of organization acme"),
        ({"all": True, "allow_empty": True}, "every workspace of organization acme"),
        ({"project": "Default Project"}, "every workspace of project Default Project"),
    ],
)
def test_what_one_call_would_do_is_noted(select: Mapping[str, object], place: str) -> None:
    """All workspaces of the organization or of one project, and no other: the call is named."""
    world = World(workspaces=2)
    limited(world, Entitlements(global_run_tasks=True))
    document = {**job_to_builtins(job()), "select": select}
    (note,) = world.plan(job_from_builtins(document)).notes
    assert place in note
    assert note.endswith("POST /organizations/acme/task-configs")


@pytest.mark.parametrize(
    ("kind", "tables"),
    [
        ("update", {}),
        ("detach", {}),
        ("attach", {"select": {"all": True, "exclude_names": ["x"]}}),
        ("attach", {"select": {"names": ["*"]}}),
        ("attach", {"select": {"project": "Default Project", "names": ["*"]}}),
    ],
)
def test_what_one_call_would_not_do_is_not_noted(
    kind: str, tables: Mapping[str, Mapping[str, object]]
) -> None:
    """Another kind, or a selection that narrows."""
    world = World(workspaces=2, attached=True)
    document = {**job_to_builtins(job(kind)), **tables}
    assert not one_call(world.plan(job_from_builtins(document)))


@pytest.mark.parametrize("profile", ["hcp", "tfe-v202408-1"])
def test_one_call_is_noted_only_where_it_can_be_made(profile: str) -> None:
    """Not on Terraform Enterprise, not without the entitlement, not where nothing is to be done."""
    world = World(workspaces=2, profile=profile)
    assert one_call(world.plan(job())) == (profile == "hcp")
    limited(world, Entitlements(global_run_tasks=False))
    assert not one_call(world.plan(job()))
    limited(world, Entitlements())
    world.apply(job())
    assert not one_call(world.plan(job()))


def one_call(plan: Plan) -> bool:
    """Return whether a plan says that one call would do."""
    return any("task-configs" in note for note in plan.notes)
