"""Workspaces by id and by name, the filters and pages of their list, and their tags."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import User

Ask = Callable[..., Response]
WORKSPACES = "/organizations/acme/workspaces"


def _data(response: Response) -> Any:
    return msgspec.json.decode(response.body)["data"]


def _names(response: Response) -> list[str]:
    assert response.status == 200
    return [one["attributes"]["name"] for one in _data(response)]


def _id(simulator: Simulator, name: str) -> str:
    return simulator.world.organizations["acme"].workspaces[name].id


def _workspace(relationships: object = None, **attributes: object) -> dict[str, object]:
    named = {key.replace("_", "-"): value for key, value in attributes.items()}
    resource: dict[str, object] = {"type": "workspaces", "attributes": named}
    return {"data": resource | ({"relationships": relationships} if relationships else {})}


def test_create_read_update_delete(simulator: Simulator, ask: Ask) -> None:
    """POST, GET, PATCH and DELETE work, by id and by name."""
    project = simulator.world.organizations["acme"].projects["platform"]
    response = ask(
        simulator,
        "POST",
        WORKSPACES,
        _workspace(
            {
                "project": {"data": {"id": project.id, "type": "projects"}},
                "tag-bindings": {
                    "data": [{"type": "tag-bindings", "attributes": {"key": "a", "value": "b"}}]
                },
            },
            name="new",
            auto_apply=True,
            description="d",
        ),
    )
    assert response.status == 201
    created = _data(response)
    assert created["relationships"]["project"]["data"]["id"] == project.id
    assert created["attributes"]["auto-apply"] is True
    by_id, by_name = f"/workspaces/{created['id']}", f"{WORKSPACES}/new"
    assert _data(ask(simulator, "GET", by_id)) == _data(ask(simulator, "GET", by_name)) == created
    assert _data(ask(simulator, "GET", f"{by_id}/tag-bindings"))[0]["attributes"]["key"] == "a"
    assert ask(simulator, "PATCH", by_name, _workspace(name="newer")).status == 200
    assert ask(simulator, "GET", by_name).status == 404
    default = simulator.world.organizations["acme"].default_project.id
    moved = ask(
        simulator, "PATCH", by_id, _workspace({"project": {"data": {"id": default}}}, name="newer")
    )
    assert _data(moved)["relationships"]["project"]["data"]["id"] == default
    assert ask(simulator, "DELETE", f"{WORKSPACES}/newer").status == 204
    assert ask(simulator, "DELETE", by_id).status == 404


@pytest.mark.parametrize("name", ["", "prod-1", "PROD-1", "with space", "a" * 91, None])
def test_create_refuses_a_wrong_name(simulator: Simulator, ask: Ask, name: str | None) -> None:
    """A missing, taken or malformed name is a 422, for create and rename."""
    body = _workspace(name=name) if name is not None else _workspace()
    assert ask(simulator, "POST", WORKSPACES, body).status == 422
    if name is not None:
        assert ask(simulator, "PATCH", f"{WORKSPACES}/dev-1", body).status == 422


def test_unknown_project_is_404(simulator: Simulator, ask: Ask) -> None:
    """A workspace can't be put into a project of another organization."""
    simulator.add_organization("other")
    foreign = simulator.add_project("foreign", organization="other")
    body = _workspace({"project": {"data": {"id": foreign.id}}}, name="new")
    assert ask(simulator, "POST", WORKSPACES, body).status == 404
    assert simulator.effects == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["dev-1", "prod-1", "prod-2"]),
        ({"search[name]": "ROD"}, ["prod-1", "prod-2"]),
        ({"search[wildcard-name]": "prod-*"}, ["prod-1", "prod-2"]),
        ({"search[wildcard-name]": "*-1"}, ["dev-1", "prod-1"]),
        ({"search[wildcard-name]": "prod"}, []),
        ({"search[wildcard-name]": "prod.1"}, []),
        ({"search[tags]": "prod"}, ["prod-1", "prod-2"]),
        ({"search[tags]": "prod,canary"}, ["prod-2"]),
        ({"search[exclude-tags]": "dev,canary"}, ["prod-1"]),
        ({"search[tags]": "prod", "search[exclude-tags]": "canary"}, ["prod-1"]),
        ({"filter[project][id]": "platform"}, ["prod-1"]),
        ({"filter[tagged][0][key]": "tier"}, ["prod-2"]),
        ({"filter[tagged][0][key]": "tier", "filter[tagged][0][value]": "2"}, []),
        ({"filter[tagged][0][key]": "team", "filter[tagged][0][value]": "core"}, ["prod-1"]),
        ({"filter[tagged][0][key]": "team", "filter[tagged][1][key]": "tier"}, []),
        ({"filter[tagged][0][key]": "tier", "filter[tagged][0][value]": ""}, ["prod-2"]),
        (
            {
                "filter[tagged][0][key]": "team",
                "filter[tagged][1][key]": "tier",
                "filter[tag-union]": "true",
            },
            ["prod-1", "prod-2"],
        ),
        ({"filter[tag-union]": "true", "search[name]": "dev"}, ["dev-1"]),
        ({"filter[current-run][status]": "applied"}, []),
        ({"search[name]": ""}, ["dev-1", "prod-1", "prod-2"]),
    ],
)
def test_list_filters(
    simulator: Simulator, ask: Ask, query: dict[str, str], names: list[str]
) -> None:
    """Each filter selects its workspaces, and several select their intersection."""
    if "filter[project][id]" in query:
        project = simulator.world.organizations["acme"].projects[query["filter[project][id]"]]
        query = {"filter[project][id]": project.id}
    assert _names(ask(simulator, "GET", WORKSPACES, query=query | {"sort": "name"})) == names


def test_sort(simulator: Simulator, ask: Ask) -> None:
    """The list is sorted by name or latest change, descending with a minus."""
    assert _names(ask(simulator, "GET", WORKSPACES, query={"sort": "-name"})) == [
        "prod-2",
        "prod-1",
        "dev-1",
    ]
    ask(simulator, "PATCH", f"{WORKSPACES}/prod-1", _workspace(name="zebra"), now=9.0)
    assert _names(ask(simulator, "GET", WORKSPACES, query={"sort": "-name"}))[0] == "zebra"
    assert _names(ask(simulator, "GET", WORKSPACES, query={"sort": "-latest-change-at"}))[0] == (
        "zebra"
    )
    unsorted = _names(ask(simulator, "GET", WORKSPACES))
    assert _names(ask(simulator, "GET", WORKSPACES, query={"sort": "nonsense"})) == unsorted


def test_default_order_is_arbitrary_but_stable(ask: Ask) -> None:
    """Without ``sort`` the order is the same on every page and every time, but not by name."""
    simulator = Simulator(rate=0)
    simulator.add_organization("acme")
    for number in range(50):
        simulator.add_workspace(f"w-{number:02}")

    def walk() -> list[str]:
        pages = [
            _names(ask(simulator, "GET", WORKSPACES, query={"page[number]": str(number)}))
            for number in (1, 2, 3)
        ]
        assert [len(page) for page in pages] == [20, 20, 10]
        return [name for page in pages for name in page]

    first = walk()
    assert walk() == first
    assert sorted(first) != first
    assert len(set(first)) == 50


@pytest.mark.parametrize(
    ("query", "shown", "pagination"),
    [
        ({}, 20, (1, 20, None, 2, 8, 150)),
        ({"page[size]": "100"}, 100, (1, 100, None, 2, 2, 150)),
        ({"page[size]": "1000"}, 100, (1, 100, None, 2, 2, 150)),
        ({"page[size]": "100", "page[number]": "2"}, 50, (2, 100, 1, None, 2, 150)),
        ({"page[number]": "x"}, 20, (1, 20, None, 2, 8, 150)),
        ({"page[number]": "0", "page[size]": "-1"}, 20, (1, 20, None, 2, 8, 150)),
        ({"page[number]": "9"}, 0, (9, 20, None, None, 8, 150)),
        ({"search[name]": "none"}, 0, (1, 20, None, None, 0, 0)),
    ],
)
def test_pages(
    ask: Ask, query: dict[str, str], shown: int, pagination: tuple[int | None, ...]
) -> None:
    """A page has 20 rows by default, at most 100, and shows its position."""
    simulator = Simulator(rate=0)
    simulator.add_organization("acme")
    for number in range(150):
        simulator.add_workspace(f"w-{number}")
    document = msgspec.json.decode(ask(simulator, "GET", WORKSPACES, query=query).body)
    assert len(document["data"]) == shown
    paging = document["meta"]["pagination"]
    assert tuple(paging.values()) == pagination
    assert list(paging) == [
        "current-page",
        "page-size",
        "prev-page",
        "next-page",
        "total-pages",
        "total-count",
    ]
    assert (document["links"]["next"] is None) == (paging["next-page"] is None)


def test_links_are_absolute_where_the_host_is_known(simulator: Simulator) -> None:
    """Page links repeat the query, with the client's host and scheme."""
    request = Request(
        "GET",
        f"/api/v2{WORKSPACES}",
        (("search[tags]", "prod"), ("page[size]", "1")),
        headers={
            "authorization": "Bearer x",
            "content-type": MEDIA_TYPE,
            "host": "tfe.example",
            "x-forwarded-proto": "https",
        },
    )
    links = msgspec.json.decode(simulator.handle(request, 0.0).body)["links"]
    start = f"https://tfe.example/api/v2{WORKSPACES}?search%5Btags%5D=prod&page%5B"
    assert links == {
        "self": f"{start}number%5D=1&page%5Bsize%5D=1",
        "first": f"{start}number%5D=1&page%5Bsize%5D=1",
        "prev": None,
        "next": f"{start}number%5D=2&page%5Bsize%5D=1",
        "last": f"{start}number%5D=2&page%5Bsize%5D=1",
    }


def test_include_brings_projects_and_bindings(simulator: Simulator, ask: Ask) -> None:
    """``include`` adds each project once, and all effective tag bindings on the page."""
    query = {"include": "project,effective_tag_bindings"}
    document = msgspec.json.decode(ask(simulator, "GET", WORKSPACES, query=query).body)
    kinds = sorted(one["type"] for one in document["included"])
    assert kinds == ["effective-tag-bindings"] * 2 + ["projects"] * 2
    linked = {
        one["attributes"]["name"]: len(one["relationships"]["effective-tag-bindings"]["data"])
        for one in document["data"]
    }
    assert linked == {"prod-2": 1, "dev-1": 0, "prod-1": 1}
    shown = _data(ask(simulator, "GET", f"{WORKSPACES}/prod-1", query=query))
    assert shown["relationships"]["effective-tag-bindings"]["data"]
    (inherited,) = _data(ask(simulator, "GET", f"/workspaces/{shown['id']}/effective-tag-bindings"))
    project = shown["relationships"]["project"]["data"]
    assert inherited["relationships"]["inherited-from"]["data"] == project
    assert inherited["links"]["inherited-from"] == f"/api/v2/projects/{project['id']}"
    document = msgspec.json.decode(ask(simulator, "GET", WORKSPACES).body)
    assert "included" not in document


def test_include_brings_the_organization(simulator: Simulator, ask: Ask) -> None:
    """``include=organization`` adds it once, to a list and to a single workspace."""
    for path in (WORKSPACES, f"{WORKSPACES}/prod-1"):
        answer = ask(simulator, "GET", path, query={"include": "organization"})
        included = msgspec.json.decode(answer.body)["included"]
        assert [one["id"] for one in included] == ["acme"]


def test_ids_look_like_the_servers(simulator: Simulator) -> None:
    """Ids have a prefix and 16 characters, are unique, and are the same for the same seed."""
    workspaces = list(simulator.world.workspaces)
    assert len(set(workspaces)) == 3
    assert all(re.fullmatch(r"ws-[1-9A-HJ-NP-Za-km-z]{16}", one) for one in workspaces)

    def ids(seed: int) -> list[str]:
        created = Simulator(seed=seed)
        created.add_organization("acme")
        return [created.add_workspace(name).id for name in "abc"]

    assert ids(1) == ids(1)
    assert not set(ids(1)) & set(ids(2))


@pytest.mark.parametrize(
    ("attributes", "status", "shown"),
    [
        ({"execution_mode": "agent", "agent_pool_id": "apool-1"}, 200, ("agent", "apool-1")),
        ({"execution_mode": "agent"}, 422, ("remote", None)),
        ({"agent_pool_id": "apool-1"}, 422, ("remote", None)),
        ({"execution_mode": "local", "agent_pool_id": "apool-1"}, 422, ("remote", None)),
        ({"execution_mode": "local", "agent_pool_id": None}, 200, ("local", None)),
    ],
    ids=str,
)
def test_an_agent_pool_goes_with_the_mode_agent(
    simulator: Simulator,
    ask: Ask,
    attributes: dict[str, object],
    status: int,
    shown: tuple[str, str | None],
) -> None:
    """The mode agent and an agent pool require each other, for create and update."""
    simulator.add_agent_pool("apool-1")
    path = f"/workspaces/{_id(simulator, 'prod-1')}"
    assert ask(simulator, "PATCH", path, _workspace(**attributes)).status == status
    data = _data(ask(simulator, "GET", path))
    pool = data["relationships"]["agent-pool"]["data"]
    assert (data["attributes"]["execution-mode"], pool and pool["id"]) == shown
    created = ask(simulator, "POST", WORKSPACES, _workspace(name="new", **attributes))
    assert created.status == (201 if status == 200 else 422)


def test_the_pool_goes_with_the_mode(simulator: Simulator, ask: Ask) -> None:
    """Another mode removes the pool, another pool replaces it, a description keeps it."""
    for pool_id in ("apool-1", "apool-2"):
        simulator.add_agent_pool(pool_id)
    path = f"/workspaces/{_id(simulator, 'prod-1')}"
    agents = {"execution_mode": "agent", "agent_pool_id": "apool-1"}
    record = simulator.world.organizations["acme"].workspaces["prod-1"]
    for change, pool in (
        (agents, "apool-1"),
        ({"description": "x", "assessments_enabled": True}, "apool-1"),
        ({"agent_pool_id": "apool-2"}, "apool-2"),
        ({"execution_mode": "agent"}, "apool-2"),
        ({"execution_mode": "remote"}, None),
    ):
        assert ask(simulator, "PATCH", path, _workspace(**change)).status == 200
        assert record.agent_pool == pool
    assert (record.description, record.assessments_enabled) == ("x", True)


SETTINGS = {
    "allow-destroy-plan": False,
    "auto-apply-run-trigger": True,
    "auto-destroy-activity-duration": "14d",
    "auto-destroy-at": "2027-01-01T00:00:00Z",
    "file-triggers-enabled": False,
    "global-remote-state": True,
    "inherits-project-auto-destroy": False,
    "project-remote-state": True,
    "queue-all-runs": True,
    "source-name": "my-app",
    "source-url": "https://my-app.example",
    "speculative-enabled": False,
    "structured-run-output-enabled": False,
    "trigger-patterns": ["/module-1/**/*"],
    "trigger-prefixes": ["/modules"],
    "vcs-repo": {"identifier": "acme/app", "branch": "main"},
}


def test_written_settings_are_kept(simulator: Simulator, ask: Ask) -> None:
    """Each setting that is created or changed is shown from then on, and in the effects."""
    created = ask(simulator, "POST", WORKSPACES, _workspace(name="new", **SETTINGS))
    assert created.status == 201
    changed = ask(simulator, "PATCH", f"{WORKSPACES}/dev-1", _workspace(**SETTINGS))
    assert changed.status == 200
    for name in ("new", "dev-1"):
        shown = _data(ask(simulator, "GET", f"{WORKSPACES}/{name}"))["attributes"]
        assert {key: shown[key] for key in SETTINGS} == SETTINGS
        assert shown["vcs-repo-identifier"] == "acme/app"
    assert simulator.effects[-1].after is not None
    assert (
        SETTINGS.items()
        <= {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in simulator.effects[-1].after.items()
        }.items()
    )
    kept = _data(ask(simulator, "GET", f"{WORKSPACES}/prod-1"))["attributes"]
    assert kept["queue-all-runs"] is False


@pytest.mark.parametrize(("operations", "mode"), [(True, "remote"), (False, "local")])
def test_operations_is_the_old_name_of_the_mode(
    simulator: Simulator, ask: Ask, *, operations: bool, mode: str
) -> None:
    """``operations`` sets the execution mode, and shows it."""
    ask(simulator, "PATCH", f"{WORKSPACES}/dev-1", _workspace(operations=operations))
    shown = _data(ask(simulator, "GET", f"{WORKSPACES}/dev-1"))["attributes"]
    assert (shown["operations"], shown["execution-mode"]) == (operations, mode)


def test_a_new_workspace_has_the_organizations_mode(simulator: Simulator, ask: Ask) -> None:
    """Without a mode of its own, it gets the default of the organization."""
    body = {"type": "organizations", "attributes": {"default-execution-mode": "local"}}
    ask(simulator, "PATCH", "/organizations/acme", {"data": body})
    created = _data(ask(simulator, "POST", WORKSPACES, _workspace(name="new")))
    assert created["attributes"]["execution-mode"] == "local"


@pytest.mark.parametrize(
    "version", ["1.13.5", "1.5.0", "0.11.0", "1.16.2", "1.14.0-rc1", "latest", "~> 1.3", ">=1.0,<2"]
)
def test_a_version_that_may_exist_is_accepted(simulator: Simulator, ask: Ask, version: str) -> None:
    """Old and newer versions of Terraform, ``latest`` and constraints are accepted."""
    body = _workspace(terraform_version=version)
    assert ask(simulator, "PATCH", f"{WORKSPACES}/dev-1", body).status == 200


@pytest.mark.parametrize(
    "version", ["nonexisting", "1.5", "1.5.99", "0.3.1", "1.99.0", "9.9.9", "", "v1.5.0", "~> x"]
)
def test_a_version_that_does_not_exist_is_refused(
    simulator: Simulator, ask: Ask, version: str
) -> None:
    """Create and update answer 422 for it, without an effect."""
    for method, path, body in (
        ("PATCH", f"{WORKSPACES}/dev-1", _workspace(terraform_version=version)),
        ("POST", WORKSPACES, _workspace(name="new", terraform_version=version)),
    ):
        answer = ask(simulator, method, path, body)
        assert answer.status == 422
        error = msgspec.json.decode(answer.body)["errors"][0]
        assert error["source"]["pointer"] == "/data/attributes/terraform-version"
    assert simulator.effects == []


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("auto-destroy-activity-duration", "20m"),
        ("auto-destroy-activity-duration", "12345d"),
        ("auto-destroy-activity-duration", "d"),
        ("auto-destroy-at", "tomorrow"),
    ],
)
def test_a_malformed_time_to_destroy_is_refused(
    simulator: Simulator, ask: Ask, attribute: str, value: str
) -> None:
    """A duration is a number of days or hours, a moment a timestamp; projects agree."""
    requests = [
        ("PATCH", f"{WORKSPACES}/dev-1", _workspace(**{attribute: value})),
        ("POST", WORKSPACES, _workspace(name="new", **{attribute: value})),
    ]
    if attribute.endswith("duration"):
        new = {"type": "projects", "attributes": {"name": "new", attribute: value}}
        requests.append(("POST", "/organizations/acme/projects", {"data": new}))
    for method, path, body in requests:
        answer = ask(simulator, method, path, body)
        assert answer.status == 422
        error = msgspec.json.decode(answer.body)["errors"][0]
        assert error["source"]["pointer"] == f"/data/attributes/{attribute}"
    assert simulator.effects == []


def test_the_time_to_destroy_is_inherited(simulator: Simulator, ask: Ask) -> None:
    """A workspace shows its project's duration, unless it has one, or says it doesn't inherit."""
    name = "auto-destroy-activity-duration"
    project = simulator.world.organizations["acme"].projects["platform"]
    body = {"data": {"type": "projects", "attributes": {name: "3d"}}}
    assert ask(simulator, "PATCH", f"/projects/{project.id}", body).status == 200
    for change, inherits, shown in (
        ({}, True, "3d"),
        ({name: "9h"}, False, "9h"),
        ({"auto-destroy-at": None}, False, None),
        ({"inherits-project-auto-destroy": True}, True, "3d"),
        ({"inherits-project-auto-destroy": False, name: None}, False, None),
    ):
        answer = ask(simulator, "PATCH", f"{WORKSPACES}/prod-1", _workspace(**change))
        attributes = _data(answer)["attributes"]
        assert (attributes["inherits-project-auto-destroy"], attributes[name]) == (inherits, shown)


def test_an_unknown_agent_pool_is_refused(simulator: Simulator, ask: Ask) -> None:
    """A workspace can only use a pool of its organization."""
    body = _workspace(execution_mode="agent", agent_pool_id="apool-none")
    assert ask(simulator, "PATCH", f"{WORKSPACES}/dev-1", body).status == 422


def test_a_workspace_is_found_in_any_case(simulator: Simulator, ask: Ask) -> None:
    """A path may name workspace and organization in another case; the answer has the real name."""
    path = "/organizations/ACME/workspaces/DEV-1"
    assert _data(ask(simulator, "GET", path))["attributes"]["name"] == "dev-1"
    assert ask(simulator, "PATCH", path, _workspace(description="x")).status == 200
    assert ask(simulator, "DELETE", path).status == 204
    assert ask(simulator, "GET", "/organizations/acme/workspaces/dev-1").status == 404


def test_a_renamed_workspace_may_change_its_case(simulator: Simulator, ask: Ask) -> None:
    """Names are unique without case, but a workspace's own name is not in its way."""
    assert ask(simulator, "PATCH", f"{WORKSPACES}/dev-1", _workspace(name="DEV-1")).status == 200
    assert ask(simulator, "PATCH", f"{WORKSPACES}/DEV-1", _workspace(name="Prod-1")).status == 422


def test_a_new_workspace_may_have_tags(simulator: Simulator, ask: Ask) -> None:
    """Plain tags can be given as a relationship, as go-tfe sends them."""
    tags = [{"type": "tags", "attributes": {"name": name}} for name in ("one", "two")]
    created = ask(simulator, "POST", WORKSPACES, _workspace({"tags": {"data": tags}}, name="new"))
    assert _data(created)["attributes"]["tag-names"] == ["one", "two"]


def test_remote_state_consumers_are_added_replaced_and_removed(
    simulator: Simulator, ask: Ask
) -> None:
    """All named workspaces or none; a reader can only look, and a deleted one is not shown."""
    path = f"/workspaces/{_id(simulator, 'prod-1')}/relationships/remote-state-consumers"

    def body(*names: str) -> dict[str, object]:
        return {"data": [{"type": "workspaces", "id": _id(simulator, name)} for name in names]}

    def shown() -> list[str]:
        return [one["attributes"]["name"] for one in _data(ask(simulator, "GET", path))]

    for method, names, expected in (
        ("POST", ["dev-1"], ["dev-1"]),
        ("POST", ["prod-2", "dev-1"], ["dev-1", "prod-2"]),
        ("DELETE", ["dev-1"], ["prod-2"]),
        ("PATCH", ["dev-1", "prod-2"], ["dev-1", "prod-2"]),
    ):
        assert ask(simulator, method, path, body(*names)).status == 204
        assert shown() == expected
    unknown = {"data": [{"type": "workspaces", "id": "ws-none"}]}
    simulator.tokens = {"any": User(name="olga"), "reader": User.read_only("rita")}
    assert ask(simulator, "PATCH", path, unknown).status == 404
    assert ask(simulator, "PATCH", path, body(), token="reader").status == 404
    simulator.remove_workspace("dev-1")
    assert shown() == ["prod-2"]
    assert len(simulator.effects) == 4


def test_a_locked_workspace_is_not_safely_deleted(simulator: Simulator, ask: Ask) -> None:
    """POST …/actions/safe-delete is a 409 while it is locked, then a 204, by id and by name."""
    by_id = f"/workspaces/{_id(simulator, 'prod-1')}/actions/safe-delete"
    by_name = f"{WORKSPACES}/prod-2/actions/safe-delete"
    for name, path in (("prod-1", by_id), ("prod-2", by_name)):
        simulator.lock(name)
        assert ask(simulator, "POST", path).status == 409
        simulator.unlock(name)
        assert ask(simulator, "POST", path).status == 204
    assert list(simulator.world.organizations["acme"].workspaces) == ["dev-1"]
