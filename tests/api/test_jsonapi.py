"""Documents are decoded from every known shape, and garbage is rejected."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulkops.api.failures import (
    LONGEST_QUOTED,
    LONGEST_WAIT,
    error_of,
    error_texts,
    request_id,
    retry_after,
)
from bulkops.api.jsonapi import Many, One, decode, encode_resource
from bulkops.api.messages import Request, Response
from bulkops.api.organizations import EntitlementsResource, ProjectResource
from bulkops.api.pages import page
from bulkops.api.resources import (
    WorkspaceResource,
    WorkspaceTaskResource,
    included_workspace_tasks,
)
from bulkops.api.run_task_resource import RunTaskResource
from bulkops.api.tolerant import MOST_SHOWN
from bulkops.client.rows import Whole
from bulkops.errors import (
    ApiError,
    NoResponse,
    NotFoundOrForbidden,
    RateLimited,
    RequestRejected,
    ServerBroken,
    Unauthorized,
)
from bulkops.text import printable

Sample: TypeAlias = Callable[..., Response]
MEMBERS = [
    *("data", "errors", "id", "type", "attributes", "relationships", "included", "meta"),
    *("pagination", "title", "detail", "source", "pointer", "total-pages", "stages"),
]
READ = Request("GET", "/api/v2/ping")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=5)
    ),
    max_leaves=20,
)
BODIES = st.binary(max_size=200) | JSON.map(msgspec.json.encode)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        (
            "errors_objects.json",
            (
                "not found: workspace not found (/data/relationships/task)",
                "Invalid attribute: url is blank",
            ),
        ),
        ("errors_strings.json", ("this organization has no run tasks",)),
        (
            "errors_number_as_status.json",
            ("Too many requests: You have exceeded the API's rate limit.",),
        ),
        ("errors_of_a_proxy.html", ("502 Bad Gateway",)),
    ],
)
def test_the_servers_messages_are_quoted(sample: Sample, name: str, texts: tuple[str, ...]) -> None:
    """The server's messages are quoted from an error body of any shape."""
    assert error_texts(sample(name, 400)) == texts


@pytest.mark.parametrize(
    ("title", "texts"),
    [
        ("502 Bad Gateway", ("Bad Gateway",)),
        ("502: bad gateway", ("bad gateway",)),
        ("502", ()),
        ("Error 502", ("Error 502",)),
        ("504 Gateway Time-out", ("504 Gateway Time-out",)),
    ],
)
def test_a_page_does_not_say_the_status_again(title: str, texts: tuple[str, ...]) -> None:
    """A page title's status is dropped, as the message already has it."""
    body = f"<html><head><title>{title}</title></head></html>".encode()
    assert error_texts(Response(502, {}, body)) == texts
    assert str(error_of(READ, Response(502, {}, body))).count("502 502") == 0


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b'{"errors":null}', b'{"errors":{}}', b"<html>", b"\xff"),
        b"[" * 99999,
        b'{"errors":[' + b"[" * 960 + b"]" * 960 + b"]}",
        b'{"errors":[{"title":[1],"detail":{},"source":{"pointer":[2]}},null]}',
        b'{"errors":["far away"' + b" " * LONGEST_QUOTED + b"]}",
    ],
    ids=lambda body: body[:20],
)
def test_an_unreadable_error_body_quotes_nothing(body: bytes) -> None:
    """An unreadable error body gives no messages, and raises no error."""
    assert error_texts(Response(500, {}, body)) == ()


@given(BODIES)
def test_any_error_body_gives_words_fit_for_a_terminal(body: bytes) -> None:
    """Messages from any body contain no control characters and no lone surrogates."""
    for text in error_texts(Response(500, {}, body)):
        assert text.isprintable()


@given(BODIES)
@example(b'{"data":{"id":"x"},"included":[1]}')
@example(b'{"data":{"id":"x"},"included":[{"id":"x","type":"workspaces","attributes":[]}]}')
@example(b"[" * 99999)
def test_any_body_is_a_document_or_a_broken_server(body: bytes) -> None:
    """A body that can't be decoded raises ServerBroken, not an error of the decoder."""
    answer = Response(200, {}, body)
    with suppress(ServerBroken):
        decode(answer, One[WorkspaceTaskResource]).data.value()
    with suppress(ServerBroken):
        decode(answer, One[EntitlementsResource])
    with suppress(ServerBroken):
        document = decode(answer, One[RunTaskResource])
        document.data.value(included_workspace_tasks([document.included]))


def test_a_text_that_would_fill_the_screen_is_not_read() -> None:
    """A text of thousands of characters is not one of the API's; an id of that size is rejected."""
    row = {"id": "a", "attributes": {"name": "x" * 5000}}
    workspace = decode(
        Response(200, {}, msgspec.json.encode({"data": row})), One[WorkspaceResource]
    ).data.value()
    assert workspace.name == ""
    assert len(workspace.unread["name"]) == MOST_SHOWN
    answer = Response(200, {}, msgspec.json.encode({"data": {"id": "x" * 5000}}))
    with pytest.raises(ServerBroken, match='data: id = "xxx'):
        decode(answer, One[WorkspaceResource])


@given(JSON)
def test_any_resource_of_a_list_is_a_value_or_a_broken_server(resource: object) -> None:
    """One bad resource fails its page, and is never read in part."""
    answer = Response(200, {}, msgspec.json.encode({"data": [resource]}))
    with suppress(ServerBroken):
        assert len([one.value() for one in decode(answer, Many[WorkspaceResource]).data]) == 1
    with suppress(ServerBroken):
        assert len([one.value() for one in decode(answer, Many[ProjectResource]).data]) == 1


@pytest.mark.parametrize(
    "text",
    ["a\x1b[31mb", "a\r\nb", "a\x00b", "a\u202eb", "a\u2066b", "a\u200bb", "a\ud800b", "a\x9bb"],
)
def test_control_and_direction_characters_do_not_reach_a_terminal(text: str) -> None:
    """Characters that move the cursor, hide or reorder text become blanks."""
    shown = printable(text)
    assert shown.startswith("a ")
    assert shown.endswith("b")
    assert shown.isprintable()


@given(st.text(max_size=400))
def test_shown_text_keeps_within_its_limit(text: str) -> None:
    """Server text is cut to the limit, and can be encoded as UTF-8."""
    shown = printable(text, 50)
    assert len(shown) <= 50
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (400, RequestRejected, "400"),
        (401, Unauthorized, "missing, expired or revoked"),
        (403, NotFoundOrForbidden, "does not exist, or this token can't"),
        (404, NotFoundOrForbidden, "does not exist, or this token can't"),
        (409, RequestRejected, "409"),
        (415, RequestRejected, "415"),
        (422, RequestRejected, "422"),
        (429, RateLimited, "rate limit"),
        (302, RequestRejected, "302"),
        (500, ServerBroken, "500"),
        (502, ServerBroken, "502"),
        (503, ServerBroken, "503"),
        (504, ServerBroken, "504"),
    ],
)
def test_each_status_has_its_exception(status: int, kind: type[ApiError], message: str) -> None:
    """The exception has the class for the status, the server's messages and the request id."""
    answer = Response(status, {"x-request-id": "req-1"}, b'{"errors":["the words"]}')
    error = error_of(READ, answer)
    assert type(error) is kind
    assert (error.status, error.errors, error.request_id) == (status, ("the words",), "req-1")
    assert message in str(error)


def test_a_lost_answer_is_its_own_error() -> None:
    """If there is no answer, the transport's error is returned."""
    lost = NoResponse("gone", sent=True)
    assert error_of(READ, lost) is lost


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"x-ratelimit-reset": "0.384"}, 0.384),
        ({"retry-after": "3"}, 3.0),
        ({"x-ratelimit-reset": "0.5", "retry-after": "3"}, 3.0),
        ({"x-ratelimit-reset": "3", "retry-after": "0"}, 3.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({"retry-after": "9" * 400}, LONGEST_WAIT),
        ({"x-ratelimit-reset": "soon", "retry-after": "3"}, 3.0),
        ({"x-ratelimit-reset": "-1", "retry-after": "3"}, 3.0),
        ({"x-ratelimit-reset": "nan"}, 0.0),
        ({"x-ratelimit-reset": "1795000000"}, LONGEST_WAIT),
        ({"x-ratelimit-reset": "inf"}, LONGEST_WAIT),
    ],
)
def test_the_wait_a_server_asks_for(headers: dict[str, str], seconds: float) -> None:
    """The longer of the two waits applies; unreadable headers are ignored."""
    assert retry_after(Response(429, headers)) == seconds


THEN = "Wed, 21 Oct 2026 07:28:00 GMT"
NOW = datetime(2026, 10, 21, 7, 27, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": THEN}, 10.0),
        ({"retry-after": THEN, "date": "Wed, 21 Oct 2026 07:27:57 GMT"}, 3.0),
        ({"retry-after": THEN, "date": "yesterday"}, 10.0),
        ({"retry-after": "Wednesday, 21-Oct-26 07:28:00 GMT"}, 10.0),
        ({"retry-after": "Wed Oct 21 07:28:00 2026"}, 10.0),
        ({"retry-after": "Wed, 21 Oct 2026 09:28:00 +0200"}, 10.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2036 07:28:00 GMT"}, LONGEST_WAIT),
        ({"retry-after": "Wed, 99 Oct 2026 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 +999999999999"}, 0.0),
        ({"retry-after": f"Wed, 21 Oct {'9' * 50} 07:28:00 GMT"}, 0.0),
    ],
)
@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_the_wait_a_server_asks_for_may_be_a_date(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    """All date formats of RFC 9110 are read, relative to the server's clock if it sends one."""
    assert retry_after(Response(status, headers), lambda: NOW) == seconds


def test_a_date_without_any_clock_asks_for_nothing() -> None:
    """Without the server's date and the local one, a date is ignored."""
    assert retry_after(Response(503, {"retry-after": THEN})) == 0.0


@pytest.mark.parametrize("status", [200, 201, 204, 301, 404, 422])
def test_an_answer_that_is_final_asks_for_no_wait(status: int) -> None:
    """A final answer has no wait, and the reset counts only on a 429."""
    assert retry_after(Response(status, {"retry-after": "3", "x-ratelimit-reset": "1"})) == 0.0
    assert retry_after(Response(503, {"x-ratelimit-reset": "1"})) == 0.0


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_breaks_the_wait(value: str, date: str) -> None:
    """The wait is within its bounds, whatever the headers contain."""
    answer = Response(503, {"retry-after": value, "date": date})
    assert 0 <= retry_after(answer, lambda: NOW) <= LONGEST_WAIT


def test_a_request_id_is_fit_for_a_terminal() -> None:
    """A request id is cleaned like other server text, even if it is not ASCII."""
    assert request_id(Response(200, {"x-request-id": "a\udcffb"})) == "a b"


def test_pages_are_requested_at_the_largest_size() -> None:
    """Paging adds two parameters to those of the list."""
    request = page(Request("GET", "/x", (("sort", "name"),)), 3)
    assert request.query == (("sort", "name"), ("page[number]", "3"), ("page[size]", "100"))


def test_rows_that_moved_between_pages_are_read_once() -> None:
    """A resource on two pages is one resource, at its first position."""
    rows = Whole[ProjectResource]()
    for one in ["a", "b", "b", "c"]:
        rows.add(ProjectResource(one))
    assert [one.id for one in rows.values()] == ["a", "b", "c"]


def test_a_resource_is_encoded_without_empty_members() -> None:
    """An empty id and empty relationships are omitted."""
    assert msgspec.json.decode(encode_resource("tasks", {"name": "a"})) == {
        "data": {"type": "tasks", "attributes": {"name": "a"}}
    }


def test_a_redirect_names_its_target() -> None:
    """A redirect is not followed, and its target is in the message."""
    answer = Response(302, {"location": "https://elsewhere.example/\x1b[31m"})
    error = error_of(Request("GET", "/api/v2/ping"), answer)
    assert type(error) is RequestRejected
    message = "the server redirects to https://elsewhere.example/ [31m: is the address right?"
    assert message in str(error)
