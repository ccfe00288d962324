"""``bulkops workspace-task …``, run as a shell would run it, against a simulated server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bulkops.api.resources import WorkspaceTask as WorkspaceTaskShown
from bulkops.cli.task_options import RequestedStages, check_echo
from bulkops.errors import BulkopsError
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Faults
from bulkops.simulator.profiles import PROFILES, Profile
from bulkops.simulator.state import User, WorkspaceTask
from tests.cli.conftest import Command, organization
from tests.cli.support import TOKEN, StagedSimulator

PLACE = ("prod-network", "security-scan")
OLD = ["tfe-v202402-1", "tfe-v202401-1"]
Serve = Callable[[Simulator], Simulator]


def attached(simulator: Simulator) -> WorkspaceTask:
    """Return the only attachment of the run task to the workspace."""
    (record,) = simulator.attachments(*PLACE)
    return record


@pytest.mark.parametrize("profile", ["hcp", "tfe-v202408-1", *OLD])
def test_a_run_task_is_attached(command: Command, served: Serve, profile: str) -> None:
    """On every server version, with a stage as well; the answer is printed."""
    simulator = served(organization(profile))
    done = command(
        *("workspace-task", "attach", *PLACE, "--enforcement-level", "mandatory"),
        *("--stages", "pre_apply", "--json"),
    )
    record = attached(simulator)
    assert (done.code, done.err) == (0, "")
    assert done.objects == [
        {
            "type": "workspace_task",
            "id": record.id,
            "workspace_id": record.workspace.id,
            "task_id": record.task.id,
            "enforcement_level": "mandatory",
            "stages": ["pre_apply"],
            "workspace_name": PLACE[0],
            "project": "Default Project",
            "task_name": None,
        }
    ]
    assert (record.enforcement_level, record.stages) == ("mandatory", ("pre_apply",))


def test_several_stages_are_attached_in_run_order(command: Command, acme: Simulator) -> None:
    """Stages may be given in any order, with blanks, and twice."""
    stages = "pre_apply, pre_plan,pre_apply"
    done = command(
        "workspace-task", "attach", *PLACE, "--enforcement-level", "advisory", "--stages", stages
    )
    assert done.code == 0
    assert "stages:     pre_plan,pre_apply" in done.lines
    assert attached(acme).stages == ("pre_plan", "pre_apply")


def test_without_stages_the_server_decides(command: Command, acme: Simulator) -> None:
    """The default of the API is post_plan."""
    done = command("workspace-task", "attach", *PLACE, "--enforcement-level", "advisory")
    assert (done.code, done.err) == (0, "")
    assert attached(acme).stages == ("post_plan",)


@pytest.mark.parametrize(
    ("profile", "stages", "message"),
    [
        ("hcp", "post_lunch", "pre_plan, post_plan, pre_apply, post_apply"),
        ("hcp", "", "pre_plan, post_plan, pre_apply, post_apply"),
        ("tfe-v202402-1", "pre_plan,post_plan", "(v202402-1) accepts only one stage"),
        ("tfe-v202401-1", "post_apply", "(v202401-1). It knows: pre_plan, post_plan, pre_apply"),
    ],
)
@pytest.mark.parametrize("verb", ["attach", "update"])
def test_stages_the_server_does_not_know_are_refused_before_anything_is_sent(
    command: Command, served: Serve, *, profile: str, stages: str, message: str, verb: str
) -> None:
    """A usage error names the stages that this server knows."""
    simulator = served(organization(profile))
    options = ("--enforcement-level", "advisory", "--stages", stages)
    done = command("workspace-task", verb, *PLACE, *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not simulator.effects


@pytest.mark.parametrize("verb", ["attach", "update"])
def test_stages_that_a_server_dropped_are_an_error_that_names_both(
    command: Command, served: Serve, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """A server may silently keep only the first stage: its echo is compared."""
    monkeypatch.setitem(PROFILES, "dropping", Profile(name="dropping", many_stages=False))
    simulator = served(organization("dropping"))
    options = ["--enforcement-level", "advisory", "--stages", "pre_plan,pre_apply"]
    if verb == "update":
        simulator.attach(*PLACE)
        options.append("--yes")
    done = command("workspace-task", verb, *PLACE, *options)
    assert (done.code, done.out) == (1, "")
    assert "the server shows stages pre_plan; requested: pre_plan,pre_apply" in done.err


def test_a_level_that_a_server_did_not_take_is_an_error_that_names_both() -> None:
    """The echo of the level is compared as well."""
    shown = WorkspaceTaskShown("wstask-1", "ws-1", "task-1", "advisory", ("post_plan",))
    with pytest.raises(BulkopsError, match=r"level advisory; requested: mandatory"):
        check_echo("mandatory", RequestedStages(), shown)


def test_attached_run_tasks_are_listed(command: Command, acme: Simulator) -> None:
    """One line per attachment, as a table and as JSON."""
    assert command("workspace-task", "list", "prod-network").lines == [
        "ID  RUN TASK  LEVEL  STAGES"
    ]
    acme.attach(*PLACE, enforcement_level="mandatory", stages=("pre_plan", "pre_apply"))
    record = attached(acme)
    done = command("workspace-task", "list", "prod-network")
    assert (done.code, done.err) == (0, "")
    expected = [record.id, "security-scan", "mandatory", "pre_plan,pre_apply"]
    assert done.lines[1].split() == expected
    done = command("workspace-task", "list", record.workspace.id, "--json")
    (one,) = done.objects
    assert (one["id"], one["task_id"], one["task_name"]) == (
        record.id,
        record.task.id,
        "security-scan",
    )


@pytest.mark.parametrize("organization", ["", "another"])
def test_a_run_task_of_unknown_name_is_listed_by_its_id(
    command: Command, acme: Simulator, monkeypatch: pytest.MonkeyPatch, organization: str
) -> None:
    """No organization is named, or its run tasks can't be listed."""
    record = acme.attach(*PLACE)
    monkeypatch.setenv("TFE_ORGANIZATION", organization)
    done = command("workspace-task", "list", record.workspace.id)
    assert (done.code, done.err) == (0, "")
    assert done.lines[1].split()[1] == record.task.id


def test_an_attachment_is_shown_by_every_name_it_has(command: Command, acme: Simulator) -> None:
    """Workspace by name or id; run task by name, by id, or the attachment's own id."""
    record = acme.attach(*PLACE)
    for workspace in (record.workspace.name, record.workspace.id):
        for task in (record.task.name, record.task.id, record.id):
            done = command("workspace-task", "show", workspace, task)
            assert (done.code, done.err) == (0, "")
            assert f"id:         {record.id}" in done.lines


def test_ids_need_no_organization(
    command: Command, acme: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If everything is named by its id, no organization is needed."""
    record = acme.attach(*PLACE)
    monkeypatch.delenv("TFE_ORGANIZATION")
    assert command("workspace-task", "show", record.workspace.id, record.id).code == 0
    assert command("workspace-task", "show", record.workspace.id, record.task.id).code == 0
    assert command("workspace-task", "show", "prod-network", record.id).code == 2


@pytest.mark.parametrize(
    ("workspace", "task", "code", "message"),
    [
        ("prod-netwrok", "security-scan", 2, "it sees: prod-network"),
        ("xyz", "security-scan", 2, '"xyz": no such workspace in acme'),
        ("prod-network", "securty-scan", 2, "it sees: security-scan"),
        ("prod-network", "security-scan", 2, "is not attached to 'prod-network'"),
        ("ws-1111111111111111", "security-scan", 1, "or this token can't"),
        ("prod-network", "wstask-1111111111111111", 1, "or this token can't"),
        ("prod-network", "task-1111111111111111", 1, "or this token can't"),
    ],
)
@pytest.mark.parametrize("verb", [("show",), ("detach", "--yes")])
def test_an_unknown_name_or_id_is_reported(
    command: Command,
    acme: Simulator,
    *,
    verb: tuple[str, ...],
    workspace: str,
    task: str,
    code: int,
    message: str,
) -> None:
    """An unknown name is a usage error; a 404 for an id names both causes."""
    name, *options = verb
    done = command("workspace-task", name, workspace, task, *options)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert not acme.effects


def test_two_attachments_of_one_run_task_are_distinguished_by_id(
    command: Command, acme: Simulator
) -> None:
    """bulkops picks neither; the message has their ids, each of which can be given."""
    first, second = acme.attach(*PLACE), acme.attach(*PLACE)
    done = command("workspace-task", "detach", *PLACE, "--yes")
    assert done.code == 2
    assert first.id in done.err
    assert second.id in done.err
    assert command("workspace-task", "detach", "prod-network", second.id, "--yes").code == 0
    assert attached(acme) is first


@pytest.mark.parametrize("profile", ["hcp", *OLD])
@pytest.mark.parametrize(
    ("options", "level", "stages"),
    [
        (("--enforcement-level", "mandatory"), "mandatory", ("post_plan",)),
        (("--stages", "pre_plan"), "advisory", ("pre_plan",)),
    ],
)
def test_an_update_keeps_omitted_values(
    command: Command,
    served: Serve,
    *,
    profile: str,
    options: tuple[str, ...],
    level: str,
    stages: tuple[str, ...],
) -> None:
    """An update changes only the level or only the stages, on every server version."""
    simulator = served(organization(profile))
    simulator.attach(*PLACE)
    done = command("workspace-task", "update", *PLACE, *options, "--yes")
    assert (done.code, done.err) == (0, "")
    record = attached(simulator)
    assert (record.enforcement_level, record.stages) == (level, stages)


def test_an_update_of_nothing_is_refused(command: Command, acme: Simulator) -> None:
    """An update must name a change."""
    acme.attach(*PLACE)
    done = command("workspace-task", "update", *PLACE, "--yes")
    assert done.code == 2
    assert "--enforcement-level or --stages" in done.err


@pytest.mark.parametrize("verb", [("update", "--stages", "pre_plan"), ("detach",)])
def test_without_a_terminal_a_change_needs_yes(
    command: Command, acme: Simulator, verb: tuple[str, ...]
) -> None:
    """Without a terminal, a change needs --yes."""
    acme.attach(*PLACE)
    name, *options = verb
    done = command("workspace-task", name, *PLACE, *options)
    assert done.code == 2
    assert "--yes" in done.err
    assert not acme.effects


def test_a_run_task_is_detached(command: Command, acme: Simulator) -> None:
    """The detach is reported in one line, as text and as JSON; the run task remains."""
    first = acme.attach(*PLACE)
    done = command("workspace-task", "detach", *PLACE, "--yes")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"detached security-scan ({first.id}) from prod-network\n"
    second = acme.attach(*PLACE)
    done = command("workspace-task", "detach", *PLACE, "--yes", "--json")
    assert done.objects == [
        {
            "type": "detached",
            "id": second.id,
            "workspace_id": second.workspace.id,
            "project": "Default Project",
            "task_id": second.task.id,
        }
    ]
    assert not acme.attachments(*PLACE)
    assert acme.world.tasks


@pytest.mark.parametrize("fault", ["500", "504-after", "close-before", "reset-after", "cut"])
@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("POST", ("attach", "prod-storage", "security-scan", "--enforcement-level", "advisory")),
        ("PATCH", ("update", *PLACE, "--stages", "pre_plan", "--yes")),
        ("DELETE", ("detach", *PLACE, "--yes")),
    ],
)
def test_a_lost_answer_to_a_write_is_reported(
    command: Command, served: Serve, method: str, arguments: tuple[str, ...], fault: str
) -> None:
    """Whether it took effect is unknown: a command that shows it is named, nothing is retried."""
    simulator = StagedSimulator(rate=0)
    simulator.faults = Faults.parse(f"{method}:{fault}=100%", seed=1)
    simulator.add_organization("acme")
    for name in ("prod-network", "prod-storage"):
        simulator.add_workspace(name)
    simulator.add_task("security-scan")
    simulator.attach(*PLACE)
    served(simulator)
    done = command("workspace-task", *arguments)
    assert (done.code, done.out) == (1, "")
    assert "may or may not have taken effect" in done.err
    assert "bulkops workspace-task" in done.err
    assert simulator.stats.faults == {fault: 1}


def test_a_second_attach_is_refused_with_the_servers_message(
    command: Command, acme: Simulator
) -> None:
    """A 422 exits 1 and changes nothing."""
    acme.attach(*PLACE)
    done = command("workspace-task", "attach", *PLACE, "--enforcement-level", "advisory")
    assert done.code == 1
    assert "422" in done.err
    assert "already associated" in done.err


def test_a_token_without_rights_here_gets_a_message(command: Command, served: Serve) -> None:
    """A workspace that the token can see but not manage answers 404: both causes are named."""
    simulator = Simulator(
        rate=0, tokens={TOKEN: User(name="ann", manage_workspace_run_tasks=set())}
    )
    simulator.add_organization("acme")
    simulator.add_workspace("prod-network")
    simulator.add_task("security-scan")
    served(simulator)
    done = command("workspace-task", "attach", *PLACE, "--enforcement-level", "advisory")
    assert done.code == 1
    assert "this token can't" in done.err
