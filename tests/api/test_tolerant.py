"""A document that doesn't have its shape is read member by member."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bulkops.api.jsonapi import Many, One, decode
from bulkops.api.messages import Response
from bulkops.api.resources import (
    GlobalConfiguration,
    RunTask,
    WorkspaceTask,
    WorkspaceTaskResource,
    included_workspace_tasks,
)
from bulkops.api.run_task_resource import RunTaskResource
from bulkops.errors import ServerBroken

ID = "task-7oD7doVTQdAFnMLV"
WHOLE: dict[str, Any] = {
    "category": "task",
    "name": "scan",
    "url": "https://scan.example",
    "description": None,
    "enabled": True,
}


def answer(document: object) -> Response:
    """Return an answer with this body."""
    return Response(200, {}, msgspec.json.encode(document))


def run_task(attributes: object, **more: object) -> RunTask:
    """Return a run task with these attributes."""
    relationships = {"agent-pool": {"data": None}}
    row = {"id": ID, "attributes": attributes, "relationships": relationships, **more}
    return decode(answer({"data": row}), One[RunTaskResource]).data.value()


def attachment(attributes: object, **more: object) -> WorkspaceTask:
    """Return an attachment with these attributes."""
    row = {"id": "wstask-1", "attributes": attributes, **more}
    return decode(answer({"data": [row]}), Many[WorkspaceTaskResource]).data[0].value()


@pytest.mark.parametrize("attributes", [{**WHOLE, "enabled": None}, {"name": "scan"}, None])
def test_enabled_is_unknown_unless_it_is_shown(attributes: object) -> None:
    """Neither yes nor no."""
    assert run_task(attributes).enabled is None


@pytest.mark.parametrize(("text", "enabled"), [("true", True), ("false", False)])
def test_enabled_may_be_a_text(text: str, enabled: bool) -> None:  # noqa: FBT001 - a parameter
    """So it is in every sample of a run task in HashiCorp's documentation."""
    task = run_task({**WHOLE, "enabled": text})
    assert task.known("enabled").enabled is enabled


@pytest.mark.parametrize("meta", [None, [], "none", {"pagination": None}, {"pagination": 7}])
def test_a_list_may_have_any_meta(meta: object) -> None:
    """The rows are read, and paging takes it as not shown."""
    listed = decode(answer({"data": [{"id": ID}], "meta": meta}), Many[RunTaskResource])
    assert [row.id for row in listed.data] == [ID]
    assert listed.meta.pagination.total_count is None


def test_numbers_may_be_texts() -> None:
    """A gateway may quote what it rewrites."""
    meta = {"pagination": {"next-page": "2", "total-pages": "3", "page-size": {}}}
    pagination = decode(answer({"data": [], "meta": meta}), Many[RunTaskResource]).meta.pagination
    assert (pagination.next_page, pagination.total_pages) == (2, 3)
    assert pagination.page_size is None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], r"\[\] is not an object"),
        ({}, "data is missing"),
        ({"data": None}, "data = null is not a list"),
        ({"data": [{"id": "a"}, None]}, r"data\[1\]: null is not an object"),
        ({"data": [{"id": "a"}, {"id": 7}]}, r"data\[1\]: id = 7"),
        ({"data": [], "meta": {"pagination": {"next-page": {}}}}, r"next-page = \{\}"),
        ({"data": [], "meta": {"pagination": {"total-count": "odd"}}}, 'total-count = "odd"'),
        ({"data": [7] * 5000}, "it is too large"),
        ({"data": [{"type": "tasks"}]}, r"data\[0\]: id = not shown"),
    ],
)
def test_a_list_without_rows_or_a_row_without_an_id_is_refused(
    document: object, message: str
) -> None:
    """Which rows a list has is never guessed; the error names the row and its value."""
    with pytest.raises(ServerBroken, match=message):
        decode(answer(document), Many[RunTaskResource])


@pytest.mark.parametrize(
    ("attributes", "member", "message"),
    [
        ({**WHOLE, "name": 7}, "name", "the server shows name = 7, which can't be read"),
        ({**WHOLE, "enabled": None}, "enabled", "the server shows enabled = null"),
        ({"name": "scan"}, "enabled", "the server doesn't show its enabled"),
        (None, "url", "the server shows attributes = null"),
        (
            {**WHOLE, "global-configuration": {"enabled": True}},
            "global-configuration",
            "global-configuration = enabled, without stages or enforcement-level",
        ),
        (
            {**WHOLE, "global-configuration": {"stages": []}},
            "global-configuration",
            'global-configuration = {"stages":',
        ),
    ],
)
def test_a_member_that_can_not_be_read_is_refused_where_it_is_needed(
    attributes: object, member: str, message: str
) -> None:
    """The error names the row, the member and the value; nothing else depends on it."""
    task = run_task(attributes)
    assert task.known("agent-pool-id").id == ID
    with pytest.raises(ServerBroken, match=f"{ID}: .*{message}"):
        task.known(member)


def test_a_global_configuration_that_is_off_needs_nothing_else() -> None:
    """Its stages and level don't apply."""
    task = run_task({**WHOLE, "global-configuration": {"enabled": "false"}})
    configuration = task.known("global-configuration").global_configuration
    assert configuration == GlobalConfiguration(enabled=False)


@pytest.mark.parametrize(
    "pool", [7, {"data": 7}, {"data": {"id": None}}, {"links": {}}, {"data": {"type": "x"}}]
)
def test_an_agent_pool_that_can_not_be_read_is_not_none(pool: object) -> None:
    """Only null or an absent relationship means that there is none."""
    with pytest.raises(ServerBroken, match="agent-pool-id"):
        run_task(WHOLE, relationships={"agent-pool": pool}).known("agent-pool-id")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"stages": ["post_plan"]}, "the server doesn't show its enforcement-level"),
        (
            {"enforcement-level": True, "stages": ["post_plan"]},
            "the server shows enforcement-level = true",
        ),
        ({"enforcement-level": "advisory"}, "the server doesn't show its stages"),
        (
            {"enforcement-level": "advisory", "stage": "pre_plan", "stages": None},
            "the server shows stages = null",
        ),
    ],
)
def test_an_attachment_needs_its_level_and_stages(attributes: object, message: str) -> None:
    """`stage` doesn't replace `stages` that can't be read: there may be more."""
    with pytest.raises(ServerBroken, match=f"wstask-1: {message}"):
        attachment(attributes).whole()


def test_an_attachment_of_another_run_task_needs_no_more() -> None:
    """Its workspace, level and stages are not asked for."""
    task = {"task": {"data": {"id": "task-2", "type": None}}, "workspace": None}
    assert not attachment(None, relationships=task).is_of(ID)
    with pytest.raises(ServerBroken, match=r"workspace = null, .*where the run task is attached"):
        attachment(None, relationships=task).is_of("task-2")


def test_included_resources_that_can_not_be_read_are_left_out() -> None:
    """Their number differs from the run task's own list, so they are not taken for none."""
    good = {"id": "wstask-1", "type": "workspace-tasks", "attributes": {"stages": 7}}
    parts = [7, None, {"type": "workspace-tasks"}, {"type": 7}, good]
    (one,) = included_workspace_tasks(map(raw, [parts, None, 7]))
    assert (one.id, one.unread) == ("wstask-1", {"stages": "7"})


def test_too_much_included_is_refused() -> None:
    """It would fill the memory."""
    with pytest.raises(ServerBroken, match=r"included part of the answer can't be read: .* large"):
        included_workspace_tasks([raw([7] * 5000)])


def raw(value: object) -> msgspec.Raw:
    """Return a value as it is in a document."""
    return msgspec.Raw(msgspec.json.encode(value))
