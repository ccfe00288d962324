"""The core gives an API's answer to any request."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.api.messages import MEDIA_TYPE, Request
from bulkops.simulator.core import Simulator
from bulkops.simulator.routes.table import ROUTES

HEADERS = {"authorization": "Bearer x", "content-type": MEDIA_TYPE}
# Keys that mean something, so that the documents come close to those the routes know.
KEYS = st.sampled_from(
    [
        "data",
        "type",
        "id",
        "attributes",
        "relationships",
        "name",
        "url",
        "category",
        "stage",
        "stages",
        "task",
        "project",
        "enforcement-level",
        "tag-bindings",
        "key",
        "value",
        "description",
        "global-configuration",
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["tasks", "workspaces", "workspace-tasks", "tags", "advisory", "task", "w"])
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner), max_leaves=12
)
BODIES = st.binary(max_size=20) | DOCUMENTS.map(msgspec.json.encode)
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "page[number]",
                "page[size]",
                "sort",
                "include",
                "search[name]",
                "search[wildcard-name]",
                "search[tags]",
                "filter[tagged][0][key]",
                "filter[tagged][0][value]",
                "filter[project][id]",
            ]
        ),
        st.text(max_size=8) | st.sampled_from(["-1", "1e9", "²", "workspace_tasks", "project"]),
    ),
    max_size=4,
).map(tuple)


@settings(max_examples=300, deadline=None)  # a busy machine must not fail it
@given(route=st.sampled_from(ROUTES), body=BODIES, query=QUERIES, known=st.booleans())
def test_any_request_gets_an_answer_and_a_refused_one_changes_nothing(
    route: object, body: bytes, query: tuple[tuple[str, str], ...], known: object
) -> None:
    """Any body and query get a documented status, and only a success has an effect."""
    assert isinstance(route, type(ROUTES[0]))
    simulator = Simulator()
    simulator.add_organization("acme")
    workspace = simulator.add_workspace("w", tags=["a"])
    task = simulator.add_task("t")
    link = simulator.attach("w", "t")
    names = {
        ":organization": "acme",
        ":workspace-task": link.id,
        ":workspace": workspace.id,
        ":task": task.id,
        ":name": "w",
    }
    path = route.path
    for name, value in names.items():
        path = path.replace(name, value if known else "none")
    request = Request(route.method, f"/api/v2{path}", query, body, HEADERS)
    response = simulator.handle(request, 0.0)
    assert response.status in {200, 201, 204, 400, 404, 409, 422}
    assert (response.body == b"") is (response.status == 204)
    if response.body:
        msgspec.json.decode(response.body)
    if response.status >= 400:
        assert simulator.effects == []


TASKS = "/api/v2/organizations/acme/tasks"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"data":{"type":"tasks","attributes":{"name":"\xff"}}}', 400),
        (b'{"data":{"type":"tasks","attributes":{"other":' + b"[" * 100_000, 400),
        (b'{"data":{"type":"tasks","attributes":{"url":"\xff"}}}', 400),
    ],
    ids=["no text", "nested deeply", "a URL that is no text"],
)
def test_a_body_that_can_not_be_read_is_a_400(body: bytes, status: int) -> None:
    """Bytes that aren't text, and endless nesting, are invalid JSON, not a server error."""
    simulator = Simulator()
    simulator.add_organization("acme")
    request = Request("POST", TASKS, (), body, HEADERS)
    assert simulator.url_to_verify(request) is None
    assert simulator.handle(request, 0.0).status == status


def test_a_page_number_of_thousands_of_digits_is_taken_for_the_default() -> None:
    """Python can't convert it to a number; the API takes an invalid page for 1."""
    simulator = Simulator()
    simulator.add_organization("acme")
    request = Request("GET", TASKS, (("page[number]", "9" * 5000),), b"", HEADERS)
    assert simulator.handle(request, 0.0).status == 200
