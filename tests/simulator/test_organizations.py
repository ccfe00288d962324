"""Several organizations, and tokens that see some of them, with different permissions in each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bulkops.api.messages import Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.routes import empty
from bulkops.simulator.routes.table import ROUTES
from bulkops.simulator.state import Entitlements, User

Ask = Callable[..., Response]

ADDRESSED = [route for route in ROUTES if ":" in route.path]


@pytest.fixture
def fleet() -> Simulator:
    """Organizations acme-1 to acme-3; the token mixed only reads in acme-2 and misses acme-3."""
    users = {"acme-1": User(name="mia"), "acme-2": User.read_only("mia")}
    created = Simulator(
        rate=2, tokens={"mixed": User(name="mia", organizations=users), "owner": User(name="olga")}
    )
    for name in ("acme-1", "acme-2", "acme-3"):
        created.add_organization(name)
        created.add_workspace("prod", organization=name, tags=["prod"])
        created.add_task("scan", organization=name)
    created.attach("prod", "scan", organization="acme-3")
    return created


def _data(response: Response) -> Any:
    return msgspec.json.decode(response.body)["data"]


def _attach(simulator: Simulator, ask: Ask, organization: str, **options: Any) -> int:
    here = simulator.world.organizations[organization]
    link = {
        "type": "workspace-tasks",
        "attributes": {"enforcement-level": "advisory"},
        "relationships": {"task": {"data": {"id": here.tasks["scan"].id, "type": "tasks"}}},
    }
    path = f"/workspaces/{here.workspaces['prod'].id}/tasks"
    return ask(simulator, "POST", path, {"data": link}, **options).status


@pytest.mark.parametrize("route", ADDRESSED, ids=lambda route: route.name)
def test_what_a_token_does_not_see_answers_as_if_missing(
    fleet: Simulator, ask: Ask, route: Any
) -> None:
    """Under every path, another organization's records get exactly the 404 of a missing one."""
    hidden = fleet.world.organizations["acme-3"]
    workspace, task = hidden.workspaces["prod"], hidden.tasks["scan"]
    ids = {
        ":agent-pool": fleet.add_agent_pool("apool-1", organization="acme-3"),
        ":project": hidden.default_project.id,
        ":organization": hidden.name,
        ":workspace": workspace.id,
        ":task": task.id,
        ":tag": hidden.tags["prod"],
        ":name": workspace.name,
        ":workspace-task": next(iter(workspace.tasks)),
    }
    path = re.sub(":[a-z-]+", lambda found: ids[found[0]], route.path)
    missing = re.sub(":[a-z-]+", "nothing", route.path)
    answers = [
        ask(fleet, route.method, one, {"data": {}}, token="mixed", now=now)
        for now, one in enumerate((path, missing))
    ]
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].body == answers[1].body
    assert fleet.effects == []


def test_a_token_lists_the_organizations_it_sees(fleet: Simulator, ask: Ask) -> None:
    """Each token lists its own; each row is what GET shows of the organization, as documented."""
    listed = _data(ask(fleet, "GET", "/organizations", token="mixed"))
    assert [one["id"] for one in listed] == ["acme-1", "acme-2"]
    for now, row in enumerate(listed, 1):
        shown = ask(fleet, "GET", f"/organizations/{row['id']}", token="mixed", now=now)
        assert _data(shown) == row
    managing = [one["attributes"]["permissions"]["can-manage-run-tasks"] for one in listed]
    assert managing == [True, False]
    listed = _data(ask(fleet, "GET", "/organizations", token="owner"))
    assert [one["id"] for one in listed] == ["acme-1", "acme-2", "acme-3"]


def test_organizations_are_paged_only_if_asked(simulator: Simulator, ask: Ask) -> None:
    """Without a page's number or size, the list is whole and has no pagination."""
    for number in range(29):
        simulator.add_organization(f"more-{number}")

    def read(**query: str) -> dict[str, Any]:
        answer = ask(simulator, "GET", "/organizations", query=query)
        document: dict[str, Any] = msgspec.json.decode(answer.body)
        return document

    assert len(read()["data"]) == 30
    assert read().keys() == {"data"}
    second = read(**{"page[number]": "2"})
    assert len(second["data"]) == 10
    assert second["meta"]["pagination"]["total-count"] == 30
    assert len(read(**{"page[size]": "5"})["data"]) == 5


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "ACM"}, ["acme", "other"]),
        ({"q[name]": "acme"}, ["acme"]),
        ({"q[email]": "ops@"}, ["other"]),
        ({"q": "none"}, []),
    ],
)
def test_organizations_are_searched(
    simulator: Simulator, ask: Ask, query: dict[str, str], names: list[str]
) -> None:
    """By a part of their name or e-mail address, or of one of these only."""
    body = _organization(name="other", email="ops@acme.example")
    assert ask(simulator, "POST", "/organizations", body).status == 201
    found = _data(ask(simulator, "GET", "/organizations", query=query))
    assert [one["id"] for one in found] == names


def test_an_organization_brings_its_default_project(simulator: Simulator, ask: Ask) -> None:
    """``include`` takes the name with a hyphen, as in the OpenAPI, or go-tfe's underscore."""
    for include, kinds in (
        ("default_project", ["projects"]),
        ("default-project,entitlement_set", ["projects", "entitlement-sets"]),
    ):
        answer = ask(simulator, "GET", "/organizations/acme", query={"include": include})
        included = msgspec.json.decode(answer.body)["included"]
        assert [one["type"] for one in included] == kinds


def test_permissions_differ_by_organization(fleet: Simulator, ask: Ask) -> None:
    """One token changes its first organization, only reads the second, and misses the third."""
    names = ("acme-1", "acme-2", "acme-3")
    assert [
        _attach(fleet, ask, name, token="mixed", now=now) for now, name in enumerate(names)
    ] == [201, 404, 404]
    path = "/organizations/acme-2/tasks"
    assert ask(fleet, "GET", path, token="mixed", now=3.0).status == 200


def test_effects_tell_the_organization(fleet: Simulator, ask: Ask) -> None:
    """Workspaces of the same name are counted separately, by organization."""
    for now, name in enumerate(("acme-1", "acme-2")):
        assert _attach(fleet, ask, name, token="owner", now=now) == 201
    assert [effect.names["organization"] for effect in fleet.effects] == ["acme-1", "acme-2"]
    document = msgspec.json.decode(ask(fleet, "GET", "/_simulator/effects").body)
    assert document["by-workspace"] == {"acme-1/prod": 1, "acme-2/prod": 1}


def test_a_users_limit_spans_its_organizations(fleet: Simulator, ask: Ask) -> None:
    """A user has one window for all organizations; another user has its own."""
    first, second = "/organizations/acme-1", "/organizations/acme-2"
    statuses = [ask(fleet, "GET", path, token="mixed").status for path in (first, second, first)]
    assert statuses == [200, 200, 429]
    assert ask(fleet, "GET", first, token="owner").status == 200


def test_entitlements_differ_by_organization(fleet: Simulator, ask: Ask) -> None:
    """An organization without run tasks refuses to attach one; the others don't."""
    fleet.world.organizations["acme-2"].entitlements = Entitlements(run_tasks=False)
    statuses = [
        _attach(fleet, ask, name, token="owner", now=now)
        for now, name in enumerate(("acme-1", "acme-2"))
    ]
    assert statuses == [201, 422]


def test_a_run_task_is_not_attached_to_another_organizations_workspace(
    fleet: Simulator, ask: Ask
) -> None:
    """Even a token that sees both gets a 404."""
    theirs = fleet.world.organizations["acme-1"].tasks["scan"].id
    link = {
        "type": "workspace-tasks",
        "attributes": {"enforcement-level": "advisory"},
        "relationships": {"task": {"data": {"id": theirs, "type": "tasks"}}},
    }
    workspace = fleet.world.organizations["acme-2"].workspaces["prod"].id
    path = f"/workspaces/{workspace}/tasks"
    assert ask(fleet, "POST", path, {"data": link}, token="owner").status == 404


def _organization(**attributes: object) -> dict[str, object]:
    named = {key.replace("_", "-"): value for key, value in attributes.items()}
    return {"data": {"type": "organizations", "attributes": named}}


def test_create_read_update_delete(simulator: Simulator, ask: Ask) -> None:
    """An organization is created with a default project, changed, and deleted with all it has."""
    body = _organization(name="new", email="a@b.example", cost_estimation_enabled=True)
    created = ask(simulator, "POST", "/organizations", body)
    assert created.status == 201
    assert _data(ask(simulator, "GET", "/organizations/new")) == _data(created)
    assert _data(created)["attributes"]["email"] == "a@b.example"
    (project,) = _data(ask(simulator, "GET", "/organizations/new/projects"))
    simulator.add_workspace("prod", organization="new")
    simulator.add_task("scan", organization="new")
    simulator.attach("prod", "scan", organization="new")
    changed = ask(simulator, "PATCH", "/organizations/new", _organization(name="newer"))
    assert changed.status == 200
    assert ask(simulator, "GET", "/organizations/new").status == 404
    shown = _data(ask(simulator, "GET", f"/projects/{project['id']}"))
    assert shown["relationships"]["organization"]["data"]["id"] == "newer"
    assert ask(simulator, "DELETE", "/organizations/newer").status == 204
    assert ask(simulator, "GET", f"/projects/{project['id']}").status == 404
    assert list(simulator.world.organizations) == ["acme"]
    assert len(simulator.world.workspaces) == 3
    assert [(one.action, one.kind) for one in simulator.effects] == [
        ("create", "organization"),
        ("update", "organization"),
        ("delete", "organization"),
    ]


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"email": "a@b.example"}, "/data/attributes/name"),
        ({"name": "new"}, "/data/attributes/email"),
        ({"name": "ACME", "email": "a@b.example"}, "/data/attributes/name"),
        ({"name": "with space", "email": "a@b.example"}, "/data/attributes/name"),
    ],
)
def test_create_refuses_a_malformed_organization(
    simulator: Simulator, ask: Ask, attributes: dict[str, object], pointer: str
) -> None:
    """A missing name or email, and a taken or malformed name, are a 422."""
    answer = ask(simulator, "POST", "/organizations", _organization(**attributes))
    assert answer.status == 422
    assert msgspec.json.decode(answer.body)["errors"][0]["source"]["pointer"] == pointer


def test_only_who_sees_all_may_create_an_organization(fleet: Simulator, ask: Ask) -> None:
    """A token that is limited to some organizations can't create another; a reader changes none."""
    body = _organization(name="new", email="a@b.example")
    assert ask(fleet, "POST", "/organizations", body, token="mixed").status == 404
    assert ask(fleet, "POST", "/organizations", body, token="owner").status == 201
    path = "/organizations/acme-2"
    for now, method in enumerate(("PATCH", "DELETE"), 1):
        assert ask(fleet, method, path, _organization(), token="mixed", now=now).status == 404


def test_names_in_paths_may_have_any_case(fleet: Simulator, ask: Ask) -> None:
    """ACME-1 is acme-1, also for the permissions; the documents show the real name."""
    answer = ask(fleet, "GET", "/organizations/ACME-1", token="mixed")
    assert _data(answer)["id"] == "acme-1"
    assert ask(fleet, "GET", "/organizations/Acme-3", token="mixed").status == 404


def test_a_subscription_switches_the_entitlements(simulator: Simulator, ask: Ask) -> None:
    """The free plan has one run task and no global ones, until it is Business again."""
    shown = []
    path = "/admin/organizations/acme/subscription"
    for plan in ("Free", "Business"):
        (feature_set,) = _data(ask(simulator, "GET", "/admin/feature-sets", query={"q": plan}))
        body = {
            "type": "subscription",
            "relationships": {"feature-set": {"data": {k: feature_set[k] for k in ("id", "type")}}},
        }
        assert ask(simulator, "POST", path, {"data": body}).status == 200
        entitled = _data(ask(simulator, "GET", "/organizations/acme/entitlement-set"))["attributes"]
        shown.append((entitled["global-run-tasks"], entitled["run-task-limit"]))
    assert shown == [(False, 1), (True, None)]
    assert len(_data(ask(simulator, "GET", "/admin/feature-sets"))) == 3
    unknown = {"relationships": {"feature-set": {"data": {"id": "fs-none"}}}}
    assert ask(simulator, "POST", path, {"data": unknown}).status == 404


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (owner, name)
        for owner, names in (
            ("/organizations/acme", empty.OF_ORGANIZATION),
            ("/projects/{project}", empty.OF_PROJECT),
            ("/workspaces/{workspace}", empty.OF_WORKSPACE),
            ("/agent-pools/apool-1", empty.OF_AGENT_POOL),
            ("", empty.OF_EVERYTHING),
        )
        for name in names
    ],
)
def test_what_no_simulated_organization_has_is_an_empty_list(
    simulator: Simulator, ask: Ask, owner: str, name: str
) -> None:
    """A client that only looks for it finds an empty page; a missing owner is a 404."""
    organization = simulator.world.organizations["acme"]
    workspace, project = organization.workspaces["prod-1"].id, organization.default_project.id
    simulator.add_agent_pool("apool-1")
    path = owner.format(workspace=workspace, project=project)
    answer = ask(simulator, "GET", f"{path}/{name}")
    document = msgspec.json.decode(answer.body)
    assert (document["data"], document["meta"]["pagination"]["total-count"]) == ([], 0)
    if owner:
        assert ask(simulator, "GET", f"{path}-none/{name}").status == 404


def test_nothing_runs(simulator: Simulator, ask: Ask) -> None:
    """An organization's capacity shows no runs."""
    shown = _data(ask(simulator, "GET", "/organizations/acme/capacity"))["attributes"]
    assert shown == {"pending": 0, "running": 0}


def test_agent_pools_are_created_listed_renamed_and_deleted(simulator: Simulator, ask: Ask) -> None:
    """A pool has a name, by which it is found, and can be deleted; a reader can only look."""
    path = "/organizations/acme/agent-pools"
    body = {"data": {"type": "agent-pools", "attributes": {"name": "mine"}}}
    created = _data(ask(simulator, "POST", path, body))
    assert created["attributes"]["name"] == "mine"
    assert _data(ask(simulator, "GET", path)) == [created]
    own = f"/agent-pools/{created['id']}"
    assert _data(ask(simulator, "GET", own)) == created
    simulator.tokens = {"reader": User.read_only("rita")}
    assert ask(simulator, "POST", path, body, token="reader").status == 404
    assert ask(simulator, "DELETE", own, token="reader").status == 404
    assert ask(simulator, "PATCH", own, body, token="reader").status == 404
    simulator.tokens = None
    renamed = {"data": {"type": "agent-pools", "attributes": {"name": "ours"}}}
    assert _data(ask(simulator, "PATCH", own, renamed))["attributes"]["name"] == "ours"
    assert len(_data(ask(simulator, "GET", path, query={"q": "OUR"}))) == 1
    assert _data(ask(simulator, "GET", path, query={"q": "mine"})) == []
    assert ask(simulator, "DELETE", own).status == 204
    assert ask(simulator, "GET", own).status == 404
    assert ask(simulator, "POST", path, {"data": {"type": "agent-pools"}}).status == 422
