"""The transport over real sockets: requests are sent once, and failures are classified."""

from __future__ import annotations

import gzip
import socket
import ssl
import tracemalloc
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import anyio
import pytest
import trustme

import bulkops.client.transport
from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.client.transport import HttpTransport, WebhookTransport
from bulkops.errors import NoResponse
from tests.client.raw_server import Answer, RawServer, http, raw_server

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unblocked")]

GET = Request("GET", "/api/v2/things")
METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT"]
OK = Answer(http(200, b"{}"))


async def send(address: str, *requests: Request, answer_seconds: float = 5.0) -> list[Response]:
    """Return the answers to the requests, sent one after the other on one transport."""
    async with HttpTransport(address, "sekret-token", answer_seconds=answer_seconds) as transport:
        return [await transport.send(request) for request in requests]


async def lose(address: str, *requests: Request, answer_seconds: float = 5.0) -> NoResponse:
    """Return the error of the last request."""
    async with HttpTransport(address, "sekret-token", answer_seconds=answer_seconds) as transport:
        for request in requests[:-1]:
            await transport.send(request)
        with pytest.raises(NoResponse) as caught:
            await transport.send(requests[-1])
    return caught.value


def head(server: RawServer, number: int = 0) -> list[str]:
    """Return the lines of a request's head."""
    return server.requests[number].partition(b"\r\n\r\n")[0].decode().split("\r\n")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", [b"", b'{"data":{}}'])
async def test_each_request_names_the_media_type_and_the_token(method: str, body: bytes) -> None:
    """Even a request without a body has the content type, without which DELETE gets a 415."""
    async with raw_server(OK) as server:
        await send(server.address, Request(method, "/api/v2/things", body=body))
    lines = head(server)
    assert lines[0] == f"{method} /api/v2/things HTTP/1.1"
    assert f"Content-Type: {MEDIA_TYPE}" in lines
    assert f"Accept: {MEDIA_TYPE}" in lines
    assert "Authorization: Bearer sekret-token" in lines
    assert server.requests[0].partition(b"\r\n\r\n")[2] == body


async def test_path_and_query_arrive_unchanged() -> None:
    """An encoded path isn't encoded again, and query values arrive unchanged."""
    query = (("search[name]", "a&b=c d"), ("page[number]", "2"))
    async with raw_server(OK) as server:
        await send(server.address, Request("GET", "/api/v2/organizations/a%2Fb/tasks", query))
    target = head(server)[0].split(" ")[1]
    path, _, sent = target.partition("?")
    assert path == "/api/v2/organizations/a%2Fb/tasks"
    pairs = (pair.partition("=") for pair in sent.replace("+", "%20").split("&"))
    assert [(unquote(name), unquote(value)) for name, _, value in pairs] == list(query)


async def test_an_answer_is_returned_completely() -> None:
    """Status, headers (in lower case) and body are returned, whatever the status."""
    async with raw_server(Answer(http(422, b'{"errors":[]}', X_Request_Id="r-1"))) as server:
        (answer,) = await send(server.address, GET)
    assert (answer.status, answer.body) == (422, b'{"errors":[]}')
    assert answer.headers["x-request-id"] == "r-1"


async def test_a_kept_connection_is_used_again() -> None:
    """Consecutive requests share a connection."""
    async with raw_server(OK) as server:
        await send(server.address, GET, GET, GET)
    assert server.connections == 1


@pytest.mark.parametrize("method", METHODS)
async def test_a_request_on_a_dropped_connection_is_not_sent_again(method: str) -> None:
    """Exactly one request arrives, although aiohttp would send some methods again."""
    async with raw_server(OK, Answer(then="close"), OK) as server:
        lost = await lose(server.address, GET, Request(method, "/second"))
    assert lost.sent
    assert [one.split(b" ")[1] for one in server.requests] == [b"/api/v2/things", b"/second"]
    assert server.connections == 1


async def test_aiohttp_would_send_again_by_itself() -> None:
    """The aiohttp setting that the transport disables still exists and still has its effect."""
    async with (
        raw_server(OK, Answer(then="close"), OK) as server,
        aiohttp.ClientSession() as session,
    ):
        for path in ("/first", "/second"):
            async with session.get(server.address + path) as answer:
                await answer.read()
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """A token is never sent to another address, and a POST never becomes a GET."""
    async with raw_server(OK) as other:
        redirect = Answer(http(status, Location=f"{other.address}/elsewhere"))
        async with raw_server(redirect) as server:
            (answer,) = await send(server.address, GET)
    assert answer.status == status
    assert not other.requests


async def test_a_cookie_is_not_kept() -> None:
    """A session cookie, which would override the token, is never sent back."""
    async with raw_server(Answer(http(200, b"{}", Set_Cookie="session=1; Path=/"))) as server:
        await send(server.address, GET, GET)
    assert not [line for line in head(server, 1) if line.lower().startswith("cookie")]


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer(http(200, b"no gzip", Content_Encoding="gzip")), ""),
        (Answer(then="close"), "closed the connection without an answer"),
        (Answer(then="reset"), "reset by peer"),
        (Answer(then="hang"), "no answer in time"),
        (Answer(http(200, b"x" * 100)[:-50], then="close"), "not completed"),
        (Answer(http(200, b"x" * 100)[:-50], then="hang"), "no answer in time"),
        (Answer(http(200, b"x" * 100)[:-50], then="reset"), ""),
        (Answer(b"HTTP/1.1 200 X\r\nContent-Le", then="close"), ""),
        (
            Answer(b"SSH-2.0-OpenSSH_9.6\r\n", then="close"),
            "the answer is not valid http: bad status",
        ),
        (
            Answer(b"HTTP/1.1 200 X\r\nX: " + b"x" * 99999 + b"\r\n\r\n", then="close"),
            "the answer is not valid http: got more than",
        ),
    ],
    ids=[
        "bad gzip",
        "closed",
        "reset",
        "hang",
        "cut",
        "stuck",
        "torn",
        "half a head",
        "ssh",
        "long header",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_lost_answer_may_be_of_a_request_that_arrived(
    method: str, answer: Answer, cause: str
) -> None:
    """The error tells if a byte may have been sent, and has the address and the cause."""
    async with raw_server(answer) as server:
        request = Request(method, "/api/v2/things")
        patience = 0.3 if answer.then == "hang" else 60.0
        lost = await lose(server.address, request, answer_seconds=patience)
    assert lost.sent
    assert not lost.lasting
    assert server.address in str(lost)
    assert cause in str(lost).lower()
    assert str(lost).isprintable()
    assert len(server.requests) == 1


def free_port() -> int:
    """Return a port on which no server listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("known", [True, False])
async def test_a_connection_that_never_came_about_sent_nothing(*, known: bool) -> None:
    """After a refused connection or a failed name look-up, even a write may be sent again."""
    address = f"http://127.0.0.1:{free_port()}" if known else "http://nowhere.invalid"
    lost = await lose(address, Request("POST", "/api/v2/things", body=b"{}"))
    assert not lost.sent
    assert not lost.lasting
    assert address in str(lost)


async def test_a_connection_that_takes_too_long_sent_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A host that doesn't accept the connection (full backlog, firewall) got nothing."""
    monkeypatch.setattr(bulkops.client.transport, "CONNECT_SECONDS", 0.2)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        place = deaf.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            one.connect_ex(place)
        lost = await lose(f"http://127.0.0.1:{place[1]}", Request("POST", "/x"))
        for one in waiting:
            one.close()
    assert not lost.sent
    assert "no answer in time" in str(lost)


@pytest.mark.parametrize("announced", [True, False])
async def test_an_endless_body_is_refused(
    monkeypatch: pytest.MonkeyPatch, *, announced: bool
) -> None:
    """A body over the limit is an error, whether its length is announced or not."""
    monkeypatch.setattr(bulkops.client.transport, "LARGEST_BODY", 1_000_000)
    body = b"x" * 2_000_000
    length = f"Content-Length: {len(body)}" if announced else "Connection: close"
    answer = Answer(f"HTTP/1.1 200 X\r\n{length}\r\n\r\n".encode() + body, then="close")
    async with raw_server(answer) as server:
        lost = await lose(server.address, GET)
    assert "a body of more than 1000000 bytes" in str(lost)


async def test_a_compressed_body_can_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decompressed size counts, and memory never has the whole body."""
    monkeypatch.setattr(bulkops.client.transport, "LARGEST_BODY", 1_000_000)
    bomb = gzip.compress(bytes(64_000_000))
    async with raw_server(Answer(http(200, bomb, Content_Encoding="gzip"))) as server:
        tracemalloc.start()
        lost = await lose(server.address, GET)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert "a body of more than 1000000 bytes" in str(lost)
    assert peak < 8_000_000


async def test_bodies_that_arrive_together_are_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sum of concurrent bodies is limited; a body that exceeds it is an error."""
    monkeypatch.setattr(bulkops.client.transport, "LARGEST_TOGETHER", 2_500_000)
    ended: list[str] = []

    async def ask(transport: HttpTransport) -> None:
        try:
            await transport.send(GET)
        except NoResponse as lost:
            ended.append(str(lost).partition(": ")[2])

    stuck = Answer(http(200, bytes(1_100_000))[:-100_000], then="hang")
    async with (
        raw_server(stuck) as server,
        HttpTransport(server.address, "t", answer_seconds=1.0) as transport,
    ):
        for _ in range(2):
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(ask, transport)
    together, slow = "concurrent answers of more than 2500000 bytes", "no answer in time"
    # The second request shows that the first one's share was released.
    assert ended == [together, slow, slow] * 2


async def test_an_error_keeps_nothing_of_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a lost answer doesn't keep the body in memory."""
    monkeypatch.setattr(bulkops.client.transport, "LARGEST_BODY", 8_000_000)
    async with raw_server(Answer(http(200, bytes(9_000_000)))) as server:
        tracemalloc.start()
        lost = await lose(server.address, GET)
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert lost.sent
    assert kept < 2_000_000


async def test_requests_do_not_wait_for_a_connection_pool() -> None:
    """Waiting for a pool's connection would count against a request's timeout."""

    async def give_up(transport: HttpTransport) -> None:
        with suppress(NoResponse):
            await transport.send(GET)

    async with (
        raw_server(Answer(then="hang")) as server,
        HttpTransport(server.address, "t", answer_seconds=60.0) as transport,
        anyio.create_task_group() as group,
    ):
        for _ in range(120):
            group.start_soon(give_up, transport)
        while len(server.requests) < 120:  # noqa: ASYNC110 - a server of bytes has no events
            await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    assert server.most_open == len(server.requests) == 120


async def post(
    address: str, answer_seconds: float = 5.0, ca_file: Path | None = None
) -> Response | NoResponse:
    """Send to a webhook whose path is a secret."""
    hook = WebhookTransport(address, ca_file=ca_file, answer_seconds=answer_seconds)
    async with hook as transport:
        try:
            return await transport.send(Request("POST", "/s3cret", body=b"{}"))
        except NoResponse as error:
            return error


async def test_a_webhook_gets_no_token() -> None:
    """Nor an empty one."""
    async with raw_server(OK) as server:
        assert await post(server.address) == Response(200, {"content-length": "2"}, b"")
    names = {line.partition(":")[0] for line in head(server)[1:]}
    of_aiohttp = {"Host", "Accept-Encoding", "Content-Length", "Content-Type"}
    assert names == {"User-Agent", "Accept", *of_aiohttp}
    assert not [line for line in head(server) if "json" in line]


async def test_a_webhooks_endless_answer_is_not_read() -> None:
    """Its status is all that counts, whatever follows it."""
    endless = Answer(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000_000, then="hang")
    async with raw_server(endless) as server:
        answer = await post(server.address)
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"/s3cret is no HTTP\r\n\r\n", then="close"), "the answer is not valid HTTP"),
        (Answer(then="close"), "the server closed the connection without an answer"),
        (Answer(then="reset"), "the connection was lost"),
        (Answer(then="hang"), "no answer in time"),
    ],
    ids=["echo", "closed", "reset", "hang"],
)
async def test_a_webhooks_error_has_nothing_of_its_url(answer: Answer, reason: str) -> None:
    """Neither the path nor the host, even if the receiver echoes it."""
    async with raw_server(answer) as server:
        lost = await post(server.address, 0.2 if answer.then == "hang" else 5.0)
    assert isinstance(lost, NoResponse)
    assert str(lost) == reason
    assert lost.sent


@pytest.mark.parametrize("known", [True, False])
async def test_a_webhook_that_is_not_there_is_not_named(*, known: bool) -> None:
    """A refused connection, or a failed name look-up."""
    address = f"http://127.0.0.1:{free_port()}" if known else "http://nowhere.invalid"
    lost = await post(address)
    assert isinstance(lost, NoResponse)
    assert str(lost).startswith("can't connect: ")
    assert not lost.sent
    assert "nowhere" not in str(lost)
    assert "127.0.0.1" not in str(lost)


@pytest.mark.parametrize(
    ("name", "known", "reason"),
    [
        ("127.0.0.1", True, ""),
        ("127.0.0.1", False, "the server's certificate is not trusted: "),
        ("hooks.example", True, "the server's certificate is for another name: "),
    ],
    ids=["trusted", "another authority", "another name"],
)
async def test_a_webhooks_certificate_is_checked(
    tmp_path: Path, name: str, reason: str, *, known: bool
) -> None:
    """With the authorities of the API; what is wrong with it stays so."""
    authority, ca_file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    async with raw_server(OK, tls=context) as server:
        answer = await post(server.address, ca_file=ca_file if known else None)
    if not reason:
        assert isinstance(answer, Response)
        return
    assert isinstance(answer, NoResponse)
    assert str(answer).startswith(reason)
    assert (answer.sent, answer.lasting, server.requests) == (False, True, [])
    assert "127.0.0.1" not in str(answer)


@pytest.mark.parametrize("proxied", [True, False])
async def test_a_webhook_behind_a_proxy_is_not_named(
    monkeypatch: pytest.MonkeyPatch, *, proxied: bool
) -> None:
    """The proxy is that of the API; it may refuse, or not be there."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with raw_server(Answer(http(403, b"no hooks.example here"))) as proxy:
        place = proxy.address if proxied else f"http://127.0.0.1:{free_port()}"
        monkeypatch.setenv("HTTPS_PROXY", place)
        lost = await post("https://hooks.example")
    assert isinstance(lost, NoResponse)
    refused, away = "the proxy refused to connect to it: 403", "can't connect to the proxy: "
    assert str(lost).startswith(refused if proxied else away)
    assert "hooks" not in str(lost)
    assert not lost.sent
