"""The client works with another transport than sockets, as the simulation uses it."""

from __future__ import annotations

import pytest

from bulkops.api.messages import Response
from bulkops.api.server import ServerInfo
from bulkops.client.api import Client
from bulkops.errors import NoResponse, ServerBroken, Unauthorized
from tests.client.scripted import Scripted, one_by_one
from tests.virtual_time import run

REFUSED = NoResponse("connection refused", sent=False)


def client(transport: Scripted) -> Client:
    """Return a client without sockets."""
    return Client("https://tfe.example.com/", "t", transport=transport)


def test_a_client_uses_the_given_transport() -> None:
    """With a given transport, no connection pool is opened."""
    transport = one_by_one(Response(204, {"x-ratelimit-limit": "10"}))

    async def scenario() -> tuple[ServerInfo, float | None]:
        async with client(transport) as speaking:
            assert speaking.address == "https://tfe.example.com"
            return await speaking.ping(), speaking.pacer.rate

    info, rate = run(scenario)
    assert info == ServerInfo(limit=10.0)
    assert rate == pytest.approx(9.85)
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    ("answer", "error"), [(Response(401), Unauthorized), (REFUSED, NoResponse)]
)
def test_a_ping_fails_if_nothing_else_can_succeed(
    answer: Response | NoResponse, error: type[Exception]
) -> None:
    """An invalid token or no answer is an error, not a sign of an older server."""

    async def scenario() -> None:
        await client(one_by_one(answer)).ping()

    with pytest.raises(error):
        run(scenario)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_server_without_a_ping_counts_as_current(status: int) -> None:
    """Without /ping, the documented limit and all stages are assumed."""

    async def scenario() -> tuple[ServerInfo, float | None]:
        speaking = client(one_by_one(Response(status)))
        return await speaking.ping(), speaking.pacer.rate

    info, rate = run(scenario)
    assert info == ServerInfo()
    assert rate == pytest.approx(29.55)


def test_an_attachment_that_is_answered_but_not_listed_is_in_doubt() -> None:
    """A 204 without a body, and a list without the run task: its id is unknown."""
    transport = one_by_one(Response(204), Response(200, {}, b'{"data":[]}'))

    async def scenario() -> None:
        await client(transport).workspace_tasks.attach("ws-1", "task-1", "advisory")

    with pytest.raises(ServerBroken, match="does not list it"):
        run(scenario)
