"""Resources are read as flat values, from a sample of every known shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest
from msgspec import Raw

from bulkops.api.jsonapi import Many, One, decode
from bulkops.api.messages import Response
from bulkops.api.organizations import (
    Entitlements,
    EntitlementsResource,
    Organization,
    OrganizationResource,
    ProjectResource,
    included_project_names,
)
from bulkops.api.resources import (
    GlobalConfiguration,
    RunTask,
    Workspace,
    WorkspaceResource,
    WorkspaceTask,
    WorkspaceTaskResource,
    in_run_order,
    included_workspace_tasks,
    is_id,
)
from bulkops.api.run_task_resource import RunTaskResource

Sample: TypeAlias = Callable[..., Response]


def test_an_attachment_with_a_stage_alone_is_read(sample: Sample) -> None:
    """An attachment that has only `stage` gets that one stage."""
    document = decode(sample("attached_stage_only.json"), One[WorkspaceTaskResource])
    assert document.data.value() == WorkspaceTask(
        id="wstask-tBXYu8GVAFBpcmPm",
        workspace_id="ws-DRTHJQ4iKyHyY6Zf",
        task_id="task-7oD7doVTQdAFnMLV",
        enforcement_level="advisory",
        stages=("post_plan",),
    )


def test_an_attachments_stages_come_in_run_order(sample: Sample) -> None:
    """`stages` takes precedence over `stage`, and is in the order of a run."""
    document = decode(sample("attached_stages.json"), One[WorkspaceTaskResource])
    assert document.data.value().stages == ("post_plan", "pre_apply")


def test_a_run_task_is_read_with_what_is_included(sample: Sample) -> None:
    """Attachments get names from included workspaces; other included resources are ignored."""
    document = decode(sample("run_task_included.json"), One[RunTaskResource])
    task = document.data.value(included_workspace_tasks([document.included]))
    assert task.global_configuration == GlobalConfiguration(
        enabled=True, stages=("pre_plan",), enforcement_level="mandatory"
    )
    assert task.agent_pool_id == "apool-9V8Xp7Q1mGkTzWbR"
    assert task.workspace_task_ids == ("wstask-tBXYu8GVAFBpcmPm",)
    assert [one.workspace_name for one in task.workspace_tasks] == ["prod-network"]


def test_a_run_task_may_lack_what_a_plan_does_not_include(sample: Sample) -> None:
    """Without the entitlement, the global configuration and the agent pool are absent."""
    task = decode(sample("run_task_bare.json"), One[RunTaskResource]).data.value()
    assert task == RunTask(
        id="task-7oD7doVTQdAFnMLV",
        name="example",
        url="http://example.com",
        enabled=False,
        organization="hashicorp",
        unread={"description": ""},
    )


def test_a_page_with_totals_is_read(sample: Sample) -> None:
    """A page has its resources and the totals of the list."""
    listed = decode(sample("page_with_totals.json"), Many[WorkspaceResource])
    assert [one.value() for one in listed.data] == [
        Workspace(
            id="ws-DRTHJQ4iKyHyY6Zf",
            name="prod-network",
            project_id="prj-2HhS2K6q6ZXy9Bqc",
            tag_names=("prod",),
            locked=True,
            permissions={"can-manage-run-tasks": False, "can-update": True},
            execution_mode="remote",
            terraform_version="1.9.8",
        )
    ]
    assert listed.meta.pagination.total_count == 101


def test_a_page_without_totals_is_read(sample: Sample) -> None:
    """A page without totals has only the next page's number."""
    pagination = decode(sample("page_without_totals.json"), Many[ProjectResource]).meta.pagination
    assert (pagination.next_page, pagination.total_pages, pagination.total_count) == (2, None, None)


def test_an_organization_is_named_by_its_id_if_it_shows_no_name() -> None:
    """An organization's id is its name, so a server that omits the attribute does no harm."""
    body = b"""{"data": [
        {"id": "acme", "type": "organizations", "attributes": {"name": "acme", "email": "a@b.c"}},
        {"id": "bare", "type": "organizations"}
    ]}"""
    listed = decode(Response(200, {}, body), Many[OrganizationResource])
    assert [one.value() for one in listed.data] == [
        Organization(id="acme", name="acme"),
        Organization(id="bare", name="bare"),
    ]


def test_a_limit_of_zero_is_none() -> None:
    """A plan with run tasks allows at least one, so 0 is how a server writes "unlimited"."""
    body = b"""{"data": {"id": "org", "type": "entitlement-sets", "attributes": {
        "run-tasks": true, "run-task-limit": 0, "run-task-workspace-limit": 10,
        "run-task-mandatory-enforcement-limit": 0}}}"""
    document = decode(Response(200, {}, body), One[EntitlementsResource])
    assert document.data.value() == Entitlements(run_tasks=True, run_task_workspace_limit=10)


def test_unknown_stages_come_last() -> None:
    """A stage that bulkops doesn't know is kept, after the known ones."""
    assert in_run_order(["z", "post_apply", "a", "pre_plan", "a"]) == [
        "pre_plan",
        "post_apply",
        "a",
        "z",
    ]


@pytest.mark.parametrize(
    ("text", "kind", "fits"),
    [
        ("ws-SihZTyXKfNXUWuUa", "ws", True),
        ("ws-SihZTyXKfNXUWuUa", "task", False),
        ("ws-0b5c8e9a-61c2-4f0e-9a47-2f6f3f1d8c11", "ws", True),
        ("ws-0b5c8e9a-61c2-4f0e", "ws", False),
        ("ws-prod", "ws", False),
        ("ws-SihZTyXKfNXUWuU0", "ws", False),
        ("wsSihZTyXKfNXUWuUa", "ws", False),
    ],
)
def test_a_name_that_begins_like_an_id_is_a_name(text: str, kind: str, *, fits: bool) -> None:
    """Only the prefix plus 16 characters of base 58, or plus a UUID, are an id."""
    assert is_id(text, kind) is fits


def test_project_names_are_read_from_what_is_included() -> None:
    """Other included resources are ignored; of a misshapen one only its own members are unread."""
    project = b'{"id": "prj-1", "type": "projects", "attributes": {"name": "data"}}'
    other = b'{"id": "x", "type": "effective-tag-bindings", "attributes": {"key": "env"}}'
    strange = b'{"id": "prj-2", "type": "projects", "attributes": {"name": ["data"]}}'
    names = {"prj-1": "data"}
    assert included_project_names(Raw(b"[%b, %b]" % (project, other))) == names
    assert included_project_names(Raw(b"[%b, %b]" % (project, strange))) == {**names, "prj-2": ""}
    assert included_project_names(Raw(b"[1, %b]" % project)) == names
    assert included_project_names(Raw(b"null")) == {}
