"""Over real sockets, a request is withheld if its permit ends while its connection is made."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from bulkops.api.messages import Request
from bulkops.client.permit import Withheld
from bulkops.client.transport import HttpTransport
from tests.client.raw_server import Answer, RawServer, http, raw_server

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unblocked")]

METHODS = ["POST", "PATCH", "DELETE"]
OK = Answer(http(200, b"{}"))


class Switch:
    """A permit that holds until it is switched off."""

    def __init__(self) -> None:
        self.on = True

    def off(self) -> None:
        """Let it hold no longer."""
        self.on = False

    def holds(self) -> bool:
        return self.on

    async def wait(self) -> None:
        raise AssertionError("a transport doesn't wait")


def write(method: str) -> Request:
    """Return a request that changes something."""
    return Request(method, "/api/v2/things", body=b"" if method == "DELETE" else b'{"data":{}}')


@asynccontextmanager
async def late_server(
    context: ssl.SSLContext, accepted: Callable[[], None]
) -> AsyncIterator[RawServer]:
    """Serve with TLS, whose handshake begins after ``accepted`` was called."""
    raw = RawServer([OK])

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted()
        await writer.start_tls(context)
        await raw.connected(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        raw.address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield raw


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a private authority."""
    return trustme.CA()


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("method", METHODS)
async def test_what_ends_during_the_handshake_lets_nothing_out(
    authority: trustme.CA, tmp_path: Path, method: str, *, lost: bool
) -> None:
    """Not a byte of the request arrives; with a permit that still holds, all of it does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    permit = Switch()
    accepted = permit.off if lost else lambda: None
    async with (
        late_server(context, accepted) as server,
        HttpTransport(server.address, "t", ca_file=str(ca_file)) as transport,
    ):
        if lost:
            with pytest.raises(Withheld) as caught:
                await transport.send(write(method), permit)
            assert not caught.value.sent
            # The next request has a connection of its own, and is the first that arrives.
            assert (await transport.send(Request("GET", "/after"))).status == 200
        else:
            assert (await transport.send(write(method), permit)).status == 200
    first = b"GET /after" if lost else method.encode()
    assert [one.startswith(first) for one in server.requests] == [True]


@pytest.mark.parametrize("method", METHODS)
async def test_a_kept_connection_is_asked_about_too(method: str) -> None:
    """A permit that has ended lets nothing out on a connection that is there already."""
    permit = Switch()
    async with raw_server(OK) as server, HttpTransport(server.address, "t") as transport:
        await transport.send(write(method), permit)
        permit.off()
        with pytest.raises(Withheld):
            await transport.send(write(method), permit)
    assert len(server.requests) == 1


async def test_each_request_asks_its_own_permit() -> None:
    """Requests that share a transport and leave together don't share a permit."""
    off, answers = Switch(), list[int]()
    off.off()
    async with raw_server(OK) as server, HttpTransport(server.address, "t") as transport:

        async def send(permit: Switch) -> None:
            answers.append((await transport.send(write("POST"), permit)).status)

        permits = (Switch(), off, Switch())
        sent = await asyncio.gather(*map(send, permits), return_exceptions=True)
    assert [type(one) for one in sent] == [type(None), Withheld, type(None)]
    assert answers == [200, 200]
    assert len(server.requests) == 2
