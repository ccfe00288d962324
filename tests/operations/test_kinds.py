"""What each kind decides, cell by cell of the table in its docstring, and how it says it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import msgspec
import pytest

from bulkops.api.messages import Response
from bulkops.api.resources import Workspace
from bulkops.operations import KINDS, bind, wording
from bulkops.operations.aspects.attachment import attributes_of
from bulkops.operations.kinds.attach import AttachWish
from bulkops.operations.kinds.detach import DetachWish
from bulkops.operations.kinds.task_disable import TaskDisableWish
from bulkops.operations.kinds.task_enable import TaskEnableWish
from bulkops.operations.kinds.task_update import URL_IS_CALLED, TaskUpdateWish
from bulkops.operations.kinds.update import UpdateWish
from bulkops.operations.kinds.workspace_update import Settings, WorkspaceUpdateWish
from bulkops.operations.model import (
    Attributes,
    Binding,
    Kind,
    Operation,
    Seen,
    Skip,
    Target,
    TaskRef,
    Wish,
)

TARGET = Target("ws-1", "prod-app")
TASK = TaskRef("task-1", "security-scan")
WISHES: dict[str, Wish] = {
    "attach": AttachWish(
        task="x", enforcement_level="mandatory", stages=("post_plan", "pre_plan", "post_plan")
    ),
    "update": UpdateWish(task="x", enforcement_level="mandatory"),
    "detach": DetachWish(task="x"),
    "task-enable": TaskEnableWish(task="x"),
    "task-disable": TaskDisableWish(task="x"),
    "task-update": TaskUpdateWish(task="x", url="https://new"),
    "workspace-update": WorkspaceUpdateWish(terraform_version="1.6.0", auto_apply=True),
}
ATTACHMENTS = ("attach", "update", "detach")
AS_WANTED = attributes_of("mandatory", ["pre_plan", "post_plan"])
OTHERWISE = attributes_of("advisory", ["pre_apply"])
SHOWN: dict[str, list[Seen]] = {
    "not there": [],
    "another URL": [Seen("task-1", {"url": "https://old"})],
    "that URL": [Seen("task-1", {"url": "https://new"})],
    "set otherwise": [Seen("ws-1", {"terraform-version": "1.5.7", "auto-apply": True})],
    "set as wanted": [Seen("ws-1", {"terraform-version": "1.6.0", "auto-apply": True})],
    "enabled": [Seen("task-1", {"enabled": True})],
    "disabled": [Seen("task-1", {"enabled": False})],
    "not attached": [],
    "attached": [Seen("wstask-1", OTHERWISE)],
    "attached otherwise": [Seen("wstask-1", OTHERWISE)],
    "attached as wanted": [Seen("wstask-1", AS_WANTED)],
    "attached more than once": [Seen("wstask-1", AS_WANTED), Seen("wstask-2", OTHERWISE)],
}


TASKS = "/workspaces/ws-1/tasks"
BINDING = Binding(organization="acme", task=TASK)


def kind(name: str) -> Kind:
    """Return a kind bound to its wish."""
    return bind(name, WISHES[name], BINDING)


def decided(bound: Kind, seen: Sequence[Seen]) -> Operation | Skip:
    """Return the one decision on the target."""
    (decision,) = bound.decide(TARGET, {"": {TARGET.id: seen}})
    return decision


def table(name: str) -> dict[str, str]:
    """Return the rows of a kind's table: what the server shows → what is decided."""
    text = import_module(f"bulkops.operations.kinds.{name.replace('-', '_')}").__doc__ or ""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    return {shows.strip(): decided.strip() for shows, decided in rows[1:]}


CELLS = [(name, shows) for name in KINDS if name in WISHES for shows in table(name)]


@pytest.mark.parametrize(("name", "shows"), CELLS)
def test_each_cell_is_decided_as_the_table_says(name: str, shows: str) -> None:
    """A write, a skip, or a skip that is blocked."""
    decision = decided(kind(name), SHOWN[shows])
    said = table(name)[shows]
    if said.startswith("skip"):
        assert isinstance(decision, Skip)
        assert decision.target == TARGET
        assert decision.blocked == said.endswith("blocked")
    else:
        assert isinstance(decision, Operation)
        assert (decision.key, decision.target) == (f"{name}:ws-1", TARGET)
        assert wording.verb(decision) == said.split()[0] or name in ATTACHMENTS
        assert decision.before == (SHOWN[shows][0] if SHOWN[shows] else None)


def test_every_kind_has_a_word_on_every_state() -> None:
    """Absent, present and, of attachments, more than once stand in each table."""
    for name in WISHES:
        rows = table(name)
        attachment = {"not attached", "attached more than once"}
        assert (attachment if name in ATTACHMENTS else {"not there"}) < set(rows)
        assert set(rows) <= set(SHOWN)


@pytest.mark.parametrize(
    ("name", "shows", "method", "path", "attributes"),
    [
        ("attach", "not attached", "POST", TASKS, AS_WANTED),
        ("attach", "attached otherwise", "PATCH", f"{TASKS}/wstask-1", AS_WANTED),
        (
            "update",
            "attached otherwise",
            "PATCH",
            f"{TASKS}/wstask-1",
            {"enforcement-level": "mandatory"},
        ),
        ("detach", "attached", "DELETE", f"{TASKS}/wstask-1", None),
        ("task-enable", "disabled", "PATCH", "/tasks/ws-1", {"enabled": True}),
        ("task-disable", "enabled", "PATCH", "/tasks/ws-1", {"enabled": False}),
        ("task-update", "another URL", "PATCH", "/tasks/ws-1", {"url": "https://new"}),
        (
            "workspace-update",
            "set otherwise",
            "PATCH",
            "/workspaces/ws-1",
            {"terraform-version": "1.6.0"},
        ),
    ],
)
def test_what_a_decision_sends(
    name: str, shows: str, method: str, path: str, attributes: dict[str, object] | None
) -> None:
    """One request, with the attributes that change and no other."""
    bound = kind(name)
    operation = decided(bound, SHOWN[shows])
    assert isinstance(operation, Operation)
    request = bound.aspects[""].request(operation)
    assert (request.method, request.path) == (method, f"/api/v2{path}")
    sent = msgspec.json.decode(request.body)["data"]["attributes"] if request.body else None
    assert sent == attributes


def test_a_server_of_one_stage_is_sent_one_stage() -> None:
    """``stage`` and no ``stages``, where the server knows no more."""
    wish = AttachWish(task="x", enforcement_level="advisory")
    bound = bind("attach", wish, msgspec.structs.replace(BINDING, single_stage=True))
    operation = decided(bound, [])
    assert isinstance(operation, Operation)
    sent = msgspec.json.decode(bound.aspects[""].request(operation).body)["data"]["attributes"]
    assert sent == {"enforcement-level": "advisory", "stage": "post_plan"}


def test_an_update_keeps_what_it_does_not_name() -> None:
    """Only the level is wished for: the stages wanted are those that are there."""
    operation = decided(kind("update"), SHOWN["attached otherwise"])
    assert isinstance(operation, Operation)
    assert operation.wanted == {"enforcement-level": "mandatory", "stages": ["pre_apply"]}
    stages = bind("update", UpdateWish(task="x", stages=("post_plan",)), BINDING)
    operation = decided(stages, SHOWN["attached otherwise"])
    assert isinstance(operation, Operation)
    assert operation.wanted == {"enforcement-level": "advisory", "stages": ["post_plan"]}


def test_an_update_of_nothing_is_no_wish() -> None:
    """It needs a level, stages or both."""
    with pytest.raises(ValueError, match="needs `enforcement_level`, `stages` or both"):
        UpdateWish(task="x")


def test_the_stages_a_kind_asks_for() -> None:
    """What the server must know for the wish."""
    assert WISHES["attach"].stages_asked == ("post_plan", "pre_plan", "post_plan")
    assert (WISHES["update"].stages_asked, WISHES["detach"].stages_asked) == ((), ())
    assert UpdateWish(task="x", stages=("pre_plan",)).stages_asked == ("pre_plan",)


ROW = {
    "id": "wstask-1",
    "type": "workspace-tasks",
    "attributes": {"enforcement-level": "mandatory", "stages": ["post_plan", "pre_plan"]},
    "relationships": {"task": {"data": {"id": "task-1", "type": "tasks"}}},
}
OTHER_TASK = {**ROW, "id": "wstask-2", "relationships": {"task": {"data": {"id": "task-2"}}}}


@pytest.mark.parametrize("name", ATTACHMENTS)
def test_a_reading_shows_this_run_tasks_associations_only(name: str) -> None:
    """Other run tasks of the workspace are none of its business; stages come in run order."""
    page = Response(200, {}, msgspec.json.encode({"data": [OTHER_TASK, ROW]}))
    operation = Operation(name, TARGET, None, AS_WANTED)
    assert kind(name).aspects[""].seen(operation, page) == [Seen("wstask-1", AS_WANTED)]


def run_task(ident: str, **attributes: object) -> dict[str, object]:
    """Return a run task's row in the organization's list."""
    return {"id": ident, "type": "tasks", "attributes": attributes}


def test_a_reading_of_run_tasks_shows_the_operations_own_only() -> None:
    """With the attributes its kind is about, and no other; an empty answer echoes none."""
    rows = [run_task("task-2", enabled=True), run_task("task-1", name="scan", enabled=False)]
    page = Response(200, {}, msgspec.json.encode({"data": rows}))
    operation = Operation("task-enable", Target("task-1", "scan"), None, {"enabled": True})
    aspect = kind("task-enable").aspects[""]
    assert aspect.seen(operation, page) == [Seen("task-1", {"enabled": False})]
    answer = Response(200, {}, msgspec.json.encode({"data": rows[0]}))
    assert aspect.echo(answer) == Seen("task-2", {"enabled": True})
    assert aspect.echo(Response(200)) is None


def test_a_task_update_of_nothing_is_no_wish() -> None:
    """It needs a URL, a description or an agent pool."""
    with pytest.raises(ValueError, match="needs `url`, `description` or `agent_pool_id`"):
        TaskUpdateWish(task="x")


def test_only_a_new_url_is_noted() -> None:
    """The platform calls it; a new description concerns nobody, and no other kind has a note."""
    update = kind("task-update")
    operation = decided(update, SHOWN["another URL"])
    assert isinstance(operation, Operation)
    assert update.notes([operation]) == [URL_IS_CALLED]
    described = bind("task-update", TaskUpdateWish(task="x", description="y"), BINDING)
    operation = decided(described, [Seen("task-1", {"description": None})])
    assert isinstance(operation, Operation)
    assert described.notes([operation]) == []
    others = WISHES.keys() - {"task-update"}
    assert not any(kind(name).notes([operation]) for name in others)


def test_an_agent_pool_is_a_relationship() -> None:
    """It is sent and taken back as one."""
    bound = bind("task-update", TaskUpdateWish(task="x", agent_pool_id="apool-1"), BINDING)
    operation = decided(bound, [Seen("task-1", {"agent-pool-id": None})])
    assert isinstance(operation, Operation)
    back = Operation("k", TARGET, Seen("task-1", operation.wanted or {}), {"agent-pool-id": None})
    pools = [
        msgspec.json.decode(bound.aspects[""].request(one).body)["data"]["relationships"]
        for one in (operation, back)
    ]
    assert pools == [
        {"agent-pool": {"data": {"id": "apool-1", "type": "agent-pools"}}},
        {"agent-pool": {"data": None}},
    ]


def test_a_reading_of_workspaces_shows_the_operations_own_only() -> None:
    """A name is searched for, which others may contain; an empty answer echoes none."""
    attributes = {"name": "prod-app", "terraform-version": "1.5.7", "auto-apply": True}
    rows = [{"id": ident, "type": "workspaces", "attributes": attributes} for ident in "ab"]
    page = Response(200, {}, msgspec.json.encode({"data": rows}))
    aspect = kind("workspace-update").aspects[""]
    seen = SHOWN["set otherwise"][0].attributes
    operation = Operation("workspace-update", Target("b", "prod-app"), None, seen)
    assert aspect.look(operation).query[0] == ("search[name]", "prod-app")
    assert aspect.seen(operation, page) == [Seen("b", seen)]
    answer = Response(200, {}, msgspec.json.encode({"data": rows[0]}))
    assert aspect.echo(answer) == Seen("a", seen)
    assert aspect.echo(Response(200)) is None


def test_settings_are_kept_once_for_each_workspace() -> None:
    """Equal ones in memory once; ids as those that are there already, where they are given."""
    settings = Settings(["terraform-version"], lambda ident, _: (f"same {ident}", ""))
    for ident in ("ws-1", "ws-2", "ws-1"):
        settings.add(Workspace(ident, "x", terraform_version="1.6.0"))
    assert (settings.count(), len(settings)) == (2, 2)
    assert list(settings) == ["same ws-1", "same ws-2"]
    (first,), (second,) = settings.values()
    assert first == Seen("same ws-1", {"terraform-version": "1.6.0"})
    assert first.attributes is second.attributes


def test_a_workspace_update_of_nothing_is_no_wish() -> None:
    """It needs one of its settings."""
    with pytest.raises(ValueError, match="needs at least one of `terraform_version`, `auto_apply`"):
        WorkspaceUpdateWish()
    assert WorkspaceUpdateWish(auto_apply=False).wanted == {"auto-apply": False}


@pytest.mark.parametrize("name", ATTACHMENTS)
def test_an_echo_is_what_the_answer_shows(name: str) -> None:
    """An empty body shows none."""
    answer = Response(201, {}, msgspec.json.encode({"data": ROW}))
    assert kind(name).aspects[""].echo(answer) == Seen("wstask-1", AS_WANTED)
    assert kind(name).aspects[""].echo(Response(204)) is None
    assert kind(name).aspects[""].echo(Response(200, {}, b" \n")) is None


def test_changes_in_words() -> None:
    """From what to what, for plans, results and reports alike."""
    before = Seen("wstask-1", OTHERWISE)

    def words(before: Seen | None, wanted: Attributes | None) -> tuple[str, str]:
        operation = Operation("k", TARGET, before, wanted)
        return wording.verb(operation), wording.change(operation)

    assert words(None, AS_WANTED) == ("attach", "mandatory at pre_plan, post_plan")
    assert words(before, AS_WANTED) == (
        "update",
        "advisory at pre_apply → mandatory at pre_plan, post_plan",
    )
    assert words(before, None) == ("detach", "advisory at pre_apply → not attached")
    attach = Operation("k", TARGET, None, AS_WANTED)
    assert wording.state(attach, {"enforcement-level": "advisory"}) == "advisory at no stage"
    assert wording.reading(attach, []) == "not attached"
    assert wording.reading(attach, [before]) == "advisory at pre_apply"
    assert wording.reading(attach, [before, before]) == "2 attachments (wstask-1, wstask-1)"


def test_changes_of_one_of_several_aspects_in_words() -> None:
    """Which one it is goes before what is done and what is shown, but for the target itself."""
    before = Seen("wstask-1", OTHERWISE)
    operation = Operation("detach", TARGET, before, None, "old")
    assert wording.change(operation) == "old: advisory at pre_apply → not attached"
    assert wording.reading(operation, [before]) == "old: advisory at pre_apply"
    two = "old: 2 attachments (wstask-1, wstask-1)"
    assert wording.reading(operation, [before, before]) == two
    run_task = Seen("task-1", {"enabled": True})
    of_itself = Operation("k", Target("task-1", "scan"), run_task, {"enabled": False}, "task")
    assert wording.change(of_itself) == "enabled → disabled"
    assert wording.subject("scan", "lint") == "lint by scan"
    assert wording.subject("scan", "") == "scan"
    assert wording.subject("", "") == ""


@pytest.mark.parametrize(
    ("before", "wanted", "verb", "change"),
    [
        ({"enabled": False}, {"enabled": True}, "enable", "disabled → enabled"),
        ({"enabled": True}, {"enabled": False}, "disable", "enabled → disabled"),
        ({"a": "1", "b": True}, {"a": "2", "b": True}, "update", "a 1 → 2"),
        ({"a": None, "b": True}, {"a": "x y", "b": False}, "update",
         'a none → "x y", b true → false'),
        ({"a": "1", "enabled": True}, None, "delete", "a 1, enabled → not there"),
        (None, {"a": "1"}, "create", "a 1"),
    ],
)  # fmt: skip
def test_changes_of_other_things_in_words(
    before: Attributes | None, wanted: Attributes | None, verb: str, change: str
) -> None:
    """What changes, by name; what is absent is not there."""
    seen = None if before is None else Seen("task-1", before)
    operation = Operation("k", TARGET, seen, wanted)
    assert (wording.verb(operation), wording.change(operation)) == (verb, change)
