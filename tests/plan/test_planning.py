"""A job and the server's state give a plan, or an error that explains why not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from bulkops.client.pace.pacing import HEADROOM
from bulkops.errors import JobError, Unauthorized
from bulkops.job.job import job_from_builtins, job_to_builtins
from bulkops.journal.states import Outcome
from bulkops.operations.model import Right
from bulkops.plan.model import Plan
from bulkops.simulator.state import Entitlements, User
from tests.engine.scripts import always
from tests.engine.wire import Trouble
from tests.engine.world import World, job
from tests.kinds import TASK


def refused(world: World, problem: str, **tables: Mapping[str, object]) -> None:
    """Check that planning a job is refused."""
    with pytest.raises(JobError, match=problem) as error:
        world.plan(job("attach", **tables))
    assert str(error.value).startswith("job.toml: ")
    assert not world.wire.writes


def limited(world: World, entitlements: Entitlements) -> None:
    """Set what the organization has paid for."""
    world.simulator.world.organizations["acme"].entitlements = entitlements


def test_a_plan_decides_every_selected_workspace_by_name() -> None:
    """Operations and skips are sorted by name, in whatever order workspaces were created."""
    world = World(workspaces=0)
    for name in ("b", "d", "a", "c"):
        world.simulator.add_workspace(name)
    world.simulator.attach("c", TASK, enforcement_level="mandatory")
    world.simulator.attach("d", TASK)
    plan = world.plan(job())
    assert [operation.target.name for operation in plan.operations] == ["a", "b", "d"]
    assert [skip.target.name for skip in plan.skips] == ["c"]
    assert plan.counts == {"attach": 2, "update": 1, "detach": 0}


def test_a_run_task_is_given_by_name_or_id() -> None:
    """Both resolve to the same run task."""
    world = World(workspaces=1)
    by_name = world.plan(job())
    by_id = world.plan(job(operation={"task": world.task.id}))
    assert by_name.resolved == by_id.resolved
    assert by_name.operations == by_id.operations


def test_an_unknown_run_task_is_reported_with_the_existing_ones() -> None:
    """A typing error is obvious."""
    world = World(workspaces=1)
    world.simulator.add_task("cost-check")
    refused(
        world,
        'operation.task = "scna": no such run task in acme, or this token can\'t see it; '
        "it sees: cost-check, security-scan",
        operation={"task": "scna"},
    )


def test_an_organization_without_visible_run_tasks_is_reported() -> None:
    """Or this token can't see any."""
    world = World(workspaces=1)
    world.simulator.remove_task(TASK)
    refused(world, "no such run task in acme, or this token can't see it")


def test_two_run_tasks_of_one_name_are_reported_by_id() -> None:
    """The API doesn't guarantee unique names: the job has to choose one."""
    world = World(workspaces=1)
    twin = world.simulator.add_task("twin")
    twin.name = TASK
    ids = rf"\({world.task.id}, {twin.id}\)"
    refused(world, f"2 run tasks have this name: give the id of one of them {ids}")


def test_workspaces_whose_settings_may_not_be_changed_are_blocked() -> None:
    """A workspace-update needs another right than a run task does."""
    world = World(workspaces=1, rights=User(name="engine", manage_workspaces=False))
    plan = world.plan(job("workspace-update"))
    assert [skip.reason for skip in plan.blocked] == [Right.SETTINGS.lacking]
    assert world.plan(job()).operations


def test_an_unknown_project_is_reported_with_the_existing_ones() -> None:
    """Nothing is selected."""
    world = World(workspaces=1)
    world.simulator.add_project("payments")
    refused(
        world,
        'project = "paymnets": no such project in acme, or this token can\'t see it; '
        "it sees: Default Project, payments",
        select={"project": "paymnets"},
    )


def test_a_project_is_given_by_name_or_id() -> None:
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
    """Most first; skips don't count, and the names take no further request."""
    world = World(workspaces=2)
    world.simulator.add_project("payments")
    for number in range(3):
        world.simulator.add_workspace(f"pay-{number}", project="payments")
    world.simulator.attach(world.names[0], TASK, enforcement_level="mandatory")
    plan = world.plan(job())
    assert list(plan.projects.items()) == [("payments", 3), ("Default Project", 1)]
    assert not any(request.path.endswith("/projects") for request in world.wire.asked)


def test_a_plan_estimates_its_duration() -> None:
    """At the server's limit, pauses included; unknown for a server without a limit."""
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
        ("tfe-v202401-1", ["post_apply"], "v202401-1 doesn't support this stage; it supports: pre"),
        ("tfe-v202402-1", ["pre_plan", "post_plan"], "supports only one stage per attachment"),
    ],
)
def test_unsupported_stages_are_reported_before_the_first_change(
    profile: str, stages: list[str], problem: str
) -> None:
    """An older server would silently drop them."""
    world = World(workspaces=1, profile=profile)
    refused(world, problem, operation={"stages": stages})
    assert world.plan(job(operation={"stages": ["post_plan"]})).operations


def test_selecting_nothing_is_an_error_unless_allowed() -> None:
    """A pattern without matches is more likely a mistake than intended."""
    world = World(workspaces=2)
    refused(world, "no workspace matches", select={"names": ["nothing-*"]})
    plan = world.plan(job(select={"names": ["nothing-*"], "allow_empty": True}))
    assert (plan.operations, plan.skips) == ([], [])


def test_a_rollout_beyond_an_entitlement_is_refused() -> None:
    """The message has the entitlement, the result and the limit."""
    world = World(workspaces=5)
    world.simulator.attach("prod-0", TASK)
    limited(world, Entitlements(run_task_workspace_limit=4))
    refused(world, "5 workspaces would have the run task, but this organization's plan allows 4")
    assert len(world.plan(job(select={"names": ["prod-[0-3]"]})).operations) == 4


def test_an_organization_without_the_run_tasks_entitlement_is_reported() -> None:
    """The entitlement is named."""
    world = World(workspaces=1)
    limited(world, Entitlements(run_tasks=False))
    refused(world, r"no run tasks \(entitlement run-tasks\)")


def test_entitlements_limit_only_attachments() -> None:
    """An update or a detach isn't limited."""
    world = World(workspaces=3, attached=True)
    limited(world, Entitlements(run_task_workspace_limit=1))
    assert len(world.plan(job("update")).operations) == 3
    assert len(world.plan(job("detach")).operations) == 3


def test_a_workspace_without_the_right_is_blocked() -> None:
    """Only if it needs a change; the reason names the missing right."""
    rights = User(name="engine", manage_workspace_run_tasks={"prod-0"})
    world = World(workspaces=3, rights=rights)
    world.simulator.attach("prod-2", TASK, enforcement_level="mandatory")
    plan = world.plan(job())
    assert [operation.target.name for operation in plan.operations] == ["prod-0"]
    assert [(skip.target.name, skip.reason) for skip in plan.blocked] == [
        ("prod-1", Right.RUN_TASKS.lacking)
    ]
    assert len(plan.skips) == 2
    assert plan.denied == ""


def test_a_right_that_is_lacking_on_every_workspace_is_named() -> None:
    """Unless nothing is to be changed; a workspace on which nothing is doesn't matter."""
    world = World(workspaces=2, rights=User.read_only("engine"))
    world.simulator.attach("prod-1", TASK, enforcement_level="mandatory")
    assert world.plan(job()).denied == "the permission can-manage-run-tasks"
    world.simulator.attach("prod-0", TASK, enforcement_level="mandatory")
    assert world.plan(job()).denied == ""


def test_what_the_token_may_change_elsewhere_is_not_denied() -> None:
    """The second of two workspaces is as it should be, and the token has the right there."""
    rights = User(name="engine", manage_workspace_run_tasks={"prod-1"})
    world = World(workspaces=2, rights=rights)
    world.simulator.attach("prod-1", TASK, enforcement_level="mandatory")
    plan = world.plan(job())
    assert (len(plan.blocked), plan.operations, plan.denied) == (1, [], "")


@pytest.mark.parametrize("kind", ["attach", "update"])
def test_a_workspace_with_duplicates_is_blocked(kind: str) -> None:
    """Only a person can tell which of the two is right."""
    world = World(workspaces=2, attached=kind != "attach")
    for _ in range(2):
        world.simulator.attach("prod-1", TASK)
    plan = world.plan(job(kind))
    assert [operation.target.name for operation in plan.operations] == ["prod-0"]
    (blocked,) = plan.blocked
    assert "detach all but one" in blocked.reason


@pytest.mark.parametrize("profile", ["hcp", "tfe-v202401-1-none-included"])
def test_both_lists_give_the_same_plan(profile: str) -> None:
    """By run task or workspace by workspace: the attachments are the same."""
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


@pytest.mark.parametrize("trouble", ["404", "400", "405", "500", "html-200"])
def test_entitlements_that_can_not_be_read_refuse_nothing(trouble: str) -> None:
    """Unknown limits refuse no plan, however a server without them answers."""
    world = World(workspaces=2)
    world.wire.troubles = always(lambda request: "entitlement" in request.path, Trouble(trouble))
    assert len(world.plan(job()).operations) == 2


def test_a_token_that_expires_at_the_entitlements_ends_the_plan() -> None:
    """A 401 says nothing about the entitlements."""
    world = World(workspaces=2)
    world.wire.troubles = always(lambda request: "entitlement" in request.path, Trouble("401"))
    with pytest.raises(Unauthorized):
        world.plan(job())


@pytest.mark.parametrize("trouble", ["404", "400", "405", "500"])
def test_a_server_without_the_list_of_attachments_is_read_otherwise(trouble: str) -> None:
    """The attachments included with the run task, or the workspaces' own lists, show the same."""
    for profile in ("hcp", "tfe-v202401-1-none-included"):
        world = World(workspaces=3, profile=profile)
        world.simulator.attach("prod-1", TASK)
        world.wire.troubles = always(
            lambda request: request.path.endswith("/workspace-tasks"), Trouble(trouble)
        )
        plan = world.plan(job())
        assert [operation.target.name for operation in plan.operations] == [
            "prod-0",
            "prod-1",
            "prod-2",
        ]
        assert plan.counts["update"] == 1


@pytest.mark.parametrize("trouble", ["400", "405", "500"])
def test_a_server_that_includes_nothing_is_read_workspace_by_workspace(trouble: str) -> None:
    """A server may refuse `include`, too."""
    world = World(workspaces=2)
    world.simulator.attach("prod-1", TASK)
    world.wire.troubles = always(
        lambda request: (
            request.path.endswith("/workspace-tasks")
            or ("include", "workspace_tasks") in request.query
        ),
        Trouble(trouble),
    )
    assert world.plan(job()).counts["update"] == 1


def test_a_selected_name_without_matches_is_noted() -> None:
    """A typing error among names that do match."""
    world = World(workspaces=2)
    plan = world.plan(job(select={"names": ["prod-*", "stagign-*"]}))
    assert any("stagign-*" in note for note in plan.notes)


def test_a_limit_of_mandatory_enforcements_is_noted() -> None:
    """It isn't documented what the limit counts, so it is noted but refuses nothing."""
    world = World(workspaces=2)
    limited(world, Entitlements(run_task_mandatory_enforcement_limit=1, global_run_tasks=False))
    assert world.plan(job()).notes == [
        "this organization's plan allows 1 mandatory run-task enforcement"
    ]
    assert world.plan(job("detach")).notes == []


def test_a_name_that_selects_nothing_is_noted() -> None:
    """A typing error among other names would go unnoticed."""
    world = World(workspaces=2)
    plan = world.plan(job(select={"names": ["prod-0", "prdo-1"]}))
    assert plan.notes == ['select: "prdo-1" selects no workspace']


def test_a_name_that_is_excluded_is_noted_as_that() -> None:
    """It is there: it is not a typing error, but a contradiction."""
    world = World(workspaces=3)
    names = ["prod-0", "prod-1", "prod-[12]"]
    plan = world.plan(job(select={"names": names, "exclude_names": ["prod-[12]"]}))
    assert plan.notes == [
        'select: "prod-1" matches only excluded workspaces: prod-1',
        'select: "prod-[12]" matches only excluded workspaces: prod-1, prod-2',
    ]
    listed = [{"name": "prod-0"}, {"name": "prod-1"}, {"name": "prod-9"}]
    select = {"file": "list.json", "exclude_names": ["prod-1"]}
    assert world.plan(job("attach", listed, select=select)).notes == [
        'select.file "list.json": [select] excludes 1 listed workspace: prod-1',
        'select.file "list.json": "prod-9" selects no workspace',
    ]


def test_locked_workspaces_that_change_are_noted() -> None:
    """A lock holds back Terraform runs only, but its holder may want to know."""
    world = World(workspaces=4)
    limited(world, Entitlements(global_run_tasks=False))
    workspaces = world.simulator.world.organizations["acme"].workspaces
    for name in ("prod-1", "prod-2", "prod-3"):
        workspaces[name].locked = True
    world.simulator.attach("prod-3", TASK, enforcement_level="mandatory")
    (note,) = world.plan(job()).notes
    assert note.startswith("2 of these workspaces are locked by a user")
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
def test_a_single_equivalent_call_is_noted(select: Mapping[str, object], place: str) -> None:
    """If the job covers all workspaces of the organization or of one project."""
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
def test_without_a_single_equivalent_call_there_is_no_note(
    kind: str, tables: Mapping[str, Mapping[str, object]]
) -> None:
    """For another kind, or a narrower selection."""
    world = World(workspaces=2, attached=True)
    document = {**job_to_builtins(job(kind)), **tables}
    assert not one_call(world.plan(job_from_builtins(document)))


@pytest.mark.parametrize("profile", ["hcp", "tfe-v202408-1"])
def test_the_single_call_is_noted_only_if_it_is_possible(profile: str) -> None:
    """Not on Terraform Enterprise, without the entitlement, or if nothing is to be done."""
    world = World(workspaces=2, profile=profile)
    assert one_call(world.plan(job())) == (profile == "hcp")
    limited(world, Entitlements(global_run_tasks=False))
    assert not one_call(world.plan(job()))
    limited(world, Entitlements())
    world.apply(job())
    assert not one_call(world.plan(job()))


def one_call(plan: Plan) -> bool:
    """Return whether a plan notes that one call would do."""
    return any("task-configs" in note for note in plan.notes)
