"""What kinds read, echo and require, and how their changes are described."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from bulkops.api.messages import Response
from bulkops.api.workspace_details import ShownWorkspace
from bulkops.errors import ServerBroken
from bulkops.operations import bind, wording
from bulkops.operations.aspects.attachment import attributes_of
from bulkops.operations.aspects.base import WorkspacesOf
from bulkops.operations.aspects.workspace import Settings
from bulkops.operations.kinds.base import Kind
from bulkops.operations.kinds.task_update import URL_IS_CALLED, TaskUpdateSpec
from bulkops.operations.kinds.update import UpdateSpec
from bulkops.operations.kinds.workspace_update import WorkspaceUpdateSpec
from bulkops.operations.model import Attributes, Observed, Operation, Target
from tests.kinds import BINDING, OTHERWISE, WORKSPACE, bound, spec_of

TARGET = WORKSPACE
ATTACHMENTS = ("attach", "update", "detach")
AS_DESIRED = attributes_of("mandatory", ["pre_plan", "post_plan"])


def decided(kind: Kind, observed: Sequence[Observed]) -> Operation:
    """Return the one operation that the kind decides on the target."""
    (operation,) = kind.decide(TARGET, {"": {TARGET.id: observed}})
    assert isinstance(operation, Operation)
    return operation


def test_a_server_of_one_stage_is_sent_one_stage() -> None:
    """A server that knows only ``stage`` is not sent ``stages``."""
    spec = spec_of("attach", enforcement_level="advisory")
    attach = bind("attach", spec, msgspec.structs.replace(BINDING, single_stage=True))
    operation = decided(attach, [])
    sent = msgspec.json.decode(attach.aspects[""].request(operation).body)["data"]["attributes"]
    assert sent == {"enforcement-level": "advisory", "stage": "post_plan"}


def test_an_update_keeps_what_it_does_not_name() -> None:
    """If only the level is given, the desired stages are those of the attachment."""
    there = [Observed("wstask-1", OTHERWISE)]
    operation = decided(bound("update"), there)
    assert operation.desired == {"enforcement-level": "mandatory", "stages": ["pre_apply"]}
    stages = bind("update", UpdateSpec(task="x", stages=("post_plan",)), BINDING)
    operation = decided(stages, there)
    assert operation.desired == {"enforcement-level": "advisory", "stages": ["post_plan"]}


def test_an_update_of_nothing_is_refused() -> None:
    """An update needs a level, stages or both."""
    with pytest.raises(ValueError, match="needs `enforcement_level`, `stages` or both"):
        UpdateSpec(task="x")


def test_the_stages_a_kind_requires() -> None:
    """``stages_asked`` are the stages that the server must support."""
    stages = ("post_plan", "pre_plan", "post_plan")
    assert spec_of("attach", stages=stages).stages_asked == stages
    assert (spec_of("update").stages_asked, spec_of("detach").stages_asked) == ((), ())
    assert UpdateSpec(task="x", stages=("pre_plan",)).stages_asked == ("pre_plan",)


ROW = {
    "id": "wstask-1",
    "type": "workspace-tasks",
    "attributes": {"enforcement-level": "mandatory", "stages": ["post_plan", "pre_plan"]},
    "relationships": {"task": {"data": {"id": "task-1", "type": "tasks"}}},
}
OTHER_TASK = {**ROW, "id": "wstask-2", "relationships": {"task": {"data": {"id": "task-2"}}}}


@pytest.mark.parametrize("name", ATTACHMENTS)
def test_a_reading_shows_only_this_run_tasks_attachments(name: str) -> None:
    """Other run tasks of the workspace are ignored; stages are in run order."""
    page = Response(200, {}, msgspec.json.encode({"data": [OTHER_TASK, ROW]}))
    operation = Operation(name, TARGET, None, AS_DESIRED)
    assert bound(name).aspects[""].observed(operation, page) == [Observed("wstask-1", AS_DESIRED)]


def run_task(ident: str, **attributes: object) -> dict[str, object]:
    """Return a run task's row in the organization's list."""
    return {"id": ident, "type": "tasks", "attributes": attributes}


def test_a_reading_of_run_tasks_shows_only_the_target() -> None:
    """It has exactly the attributes of the kind; an empty answer echoes nothing."""
    rows = [run_task("task-2", enabled=True), run_task("task-1", name="scan", enabled=False)]
    page = Response(200, {}, msgspec.json.encode({"data": rows}))
    operation = Operation("task-enable", Target("task-1", "scan"), None, {"enabled": True})
    aspect = bound("task-enable").aspects[""]
    assert aspect.observed(operation, page) == [Observed("task-1", {"enabled": False})]
    answer = Response(200, {}, msgspec.json.encode({"data": rows[0]}))
    assert aspect.echo(answer) == Observed("task-2", {"enabled": True})
    assert aspect.echo(Response(200)) is None


def test_a_task_update_of_nothing_is_refused() -> None:
    """A task-update needs a URL, a description or an agent pool."""
    with pytest.raises(ValueError, match="needs `url`, `description` or `agent_pool_id`"):
        TaskUpdateSpec(task="x")


def test_only_a_new_url_is_noted() -> None:
    """There is a note on a new URL, because the platform calls it, and on nothing else."""
    update = bound("task-update")
    operation = decided(update, [Observed("task-1", {"url": "https://old"})])
    assert update.notes([operation]) == [URL_IS_CALLED]
    described = bind("task-update", TaskUpdateSpec(task="x", description="y"), BINDING)
    operation = decided(described, [Observed("task-1", {"description": None})])
    assert described.notes([operation]) == []
    silent = ("attach", "update", "detach", "replace", "task-enable", "workspace-update")
    assert not any(bound(name).notes([operation]) for name in silent)


def test_an_agent_pool_is_a_relationship() -> None:
    """An agent pool is sent as a relationship, and so is its undo."""
    update = bind("task-update", TaskUpdateSpec(task="x", agent_pool_id="apool-1"), BINDING)
    operation = decided(update, [Observed("task-1", {"agent-pool-id": None})])
    back = Operation(
        "k", TARGET, Observed("task-1", operation.desired or {}), {"agent-pool-id": None}
    )
    pools = [
        msgspec.json.decode(update.aspects[""].request(one).body)["data"]["relationships"]
        for one in (operation, back)
    ]
    assert pools == [
        {"agent-pool": {"data": {"id": "apool-1", "type": "agent-pools"}}},
        {"agent-pool": {"data": None}},
    ]


def test_a_reading_of_workspaces_shows_only_the_target() -> None:
    """The search also finds longer names, which are ignored; an empty answer echoes nothing."""
    attributes = {"name": "prod-app", "terraform-version": "1.5.7", "auto-apply": True}
    rows = [{"id": ident, "type": "workspaces", "attributes": attributes} for ident in "ab"]
    page = Response(200, {}, msgspec.json.encode({"data": rows}))
    aspect = bound("workspace-update").aspects[""]
    observed = {"terraform-version": "1.5.7", "auto-apply": True}
    operation = Operation("workspace-update", Target("b", "prod-app"), None, observed)
    assert aspect.look(operation).query[0] == ("search[name]", "prod-app")
    assert aspect.observed(operation, page) == [Observed("b", observed)]
    answer = Response(200, {}, msgspec.json.encode({"data": rows[0]}))
    assert aspect.echo(answer) == Observed("a", observed)
    assert aspect.echo(Response(200)) is None


def test_settings_are_kept_once_for_each_workspace() -> None:
    """Equal settings share one object, and known ids are not kept twice."""
    source = WorkspacesOf("acme", ("terraform-version",))
    settings = Settings(lambda _: source, lambda ident, _: (f"same {ident}", ""))
    for ident in ("ws-1", "ws-2", "ws-1"):
        settings.add(ShownWorkspace(ident, attributes={"terraform-version": "1.6.0"}))
    assert (settings.count(), len(settings)) == (2, 2)
    assert list(settings) == ["same ws-1", "same ws-2"]
    (first,), (second,) = settings.values()
    assert first == Observed("same ws-1", {"terraform-version": "1.6.0"})
    assert first.attributes is second.attributes


def test_a_workspace_update_of_nothing_is_refused() -> None:
    """A workspace-update needs at least one setting."""
    with pytest.raises(ValueError, match="needs at least one of `terraform_version`, `auto_apply`"):
        WorkspaceUpdateSpec()
    assert WorkspaceUpdateSpec(auto_apply=False).desired == {"auto-apply": False}


@pytest.mark.parametrize("name", ATTACHMENTS)
def test_an_echo_is_what_the_answer_shows(name: str) -> None:
    """An echo is read from the answer's body; an empty body echoes nothing."""
    answer = Response(201, {}, msgspec.json.encode({"data": ROW}))
    assert bound(name).aspects[""].echo(answer) == Observed("wstask-1", AS_DESIRED)
    assert bound(name).aspects[""].echo(Response(204)) is None
    assert bound(name).aspects[""].echo(Response(200, {}, b" \n")) is None


def test_an_answer_about_another_run_task_is_no_echo() -> None:
    """A cache's or a proxy's answer must not pass for the attachment that was requested."""
    answer = Response(201, {}, msgspec.json.encode({"data": OTHER_TASK}))
    with pytest.raises(ServerBroken, match="wstask-2: the answer is about task-2, not task-1"):
        bound("attach").aspects[""].echo(answer)


def test_changes_of_attachments_are_described() -> None:
    """Plans, results and reports describe a change by the states before and after."""
    before = Observed("wstask-1", OTHERWISE)

    def words(before: Observed | None, desired: Attributes | None) -> tuple[str, str]:
        operation = Operation("k", TARGET, before, desired)
        return bound("attach").verb(operation), wording.change(operation)

    assert words(None, AS_DESIRED) == ("attach", "mandatory at pre_plan, post_plan")
    assert words(before, AS_DESIRED) == (
        "update",
        "advisory at pre_apply → mandatory at pre_plan, post_plan",
    )
    assert words(before, None) == ("detach", "advisory at pre_apply → not attached")
    attach = Operation("k", TARGET, None, AS_DESIRED)
    assert wording.state(attach, {"enforcement-level": "advisory"}) == "advisory at no stage"
    assert wording.reading(attach, []) == "not attached"
    assert wording.reading(attach, [before]) == "advisory at pre_apply"
    assert wording.reading(attach, [before, before]) == "2 attachments (wstask-1, wstask-1)"


def test_the_aspect_is_named_if_there_are_several() -> None:
    """The aspect comes before the change and the state, unless it is the target itself."""
    before = Observed("wstask-1", OTHERWISE)
    operation = Operation("detach", TARGET, before, None, "old")
    assert wording.change(operation) == "old: advisory at pre_apply → not attached"
    assert wording.reading(operation, [before]) == "old: advisory at pre_apply"
    two = "old: 2 attachments (wstask-1, wstask-1)"
    assert wording.reading(operation, [before, before]) == two
    run_task = Observed("task-1", {"enabled": True})
    of_itself = Operation("k", Target("task-1", "scan"), run_task, {"enabled": False}, "task")
    assert wording.change(of_itself) == "enabled → disabled"
    assert wording.subject("scan", "lint") == "lint with scan"
    assert wording.subject("scan", "") == "scan"
    assert wording.subject("", "") == ""


@pytest.mark.parametrize(
    ("before", "desired", "sign", "change"),
    [
        ({"enabled": False}, {"enabled": True}, "~", "disabled → enabled"),
        ({"enabled": True}, {"enabled": False}, "~", "enabled → disabled"),
        ({"a": "1", "b": True}, {"a": "2", "b": True}, "~", "a 1 → 2"),
        ({"a": None, "b": True}, {"a": "x y", "b": False}, "~",
         'a none → "x y", b true → false'),
        ({"a": "1", "enabled": True}, None, "-", "a 1, enabled → not there"),
        (None, {"a": "1"}, "+", "a 1"),
    ],
)  # fmt: skip
def test_changes_of_attributes_are_described(
    before: Attributes | None, desired: Attributes | None, sign: str, change: str
) -> None:
    """Changes are described by attribute name; an absent object is "not there"."""
    observed = None if before is None else Observed("task-1", before)
    operation = Operation("k", TARGET, observed, desired)
    assert (wording.sign(operation), wording.change(operation)) == (sign, change)
