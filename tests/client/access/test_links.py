"""An answer can't decide where the next request, and the token, is sent."""

from __future__ import annotations

import json

import pytest

from bulkops.api.messages import Request
from bulkops.client.api import Client
from bulkops.client.transport import HttpTransport
from tests.client.raw_server import Answer, http, raw_server

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unblocked")]


async def test_a_link_to_another_server_is_not_followed() -> None:
    """A list whose links point elsewhere is read further from its own server."""
    async with raw_server(Answer(http(404, b"{}"))) as other:

        def page(number: int) -> Answer:
            following = number + 1 if number < 3 else None
            name = {"name": f"p{number}"}
            text = {
                "data": [{"id": f"prj-{number}", "type": "projects", "attributes": name}],
                "links": dict.fromkeys(
                    ("self", "next", "last") if following else ("self", "last"),
                    f"{other.address}/api/v2/x?page=2",
                ),
                "meta": {"pagination": {"current-page": number, "next-page": following}},
            }
            return Answer(http(200, json.dumps(text).encode(), Location=other.address))

        async with (
            raw_server(page(1), page(2), page(3)) as server,
            Client(server.address, "sekret-token") as client,
        ):
            assert len(await client.projects("acme")) == 3
    assert not other.requests
    heads = [request.split(b"\r\n")[0] for request in server.requests]
    assert all(head.startswith(b"GET /api/v2/organizations/acme/projects?") for head in heads)


@pytest.mark.parametrize("path", ["@other.example/x", ".other.example/x", ":8443/x", "x", ""])
async def test_a_path_never_becomes_part_of_the_host(path: str) -> None:
    """A path that doesn't start with a slash is not sent."""
    async with HttpTransport("https://tfe.invalid", "sekret-token") as transport:
        with pytest.raises(ValueError, match="is not a path"):
            await transport.send(Request("GET", path))
