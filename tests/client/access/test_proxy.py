"""Requests go through a real HTTP proxy that the environment names."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from bulkops.api.messages import Request, Response
from bulkops.client.access.address import canonical
from bulkops.client.transport import HttpTransport
from bulkops.errors import NoResponse
from tests.client.raw_server import Answer, http, raw_server
from tests.client.real_proxy import elsewhere, real_proxy

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unblocked", "no_proxies")]

POST = Request("POST", "/api/v2/things", body=b"{}")
OK = Answer(http(200, b"{}"))
NOBODY = "http://127.0.0.1:9"
"""The discard port, which refuses connections."""


@pytest.fixture(scope="module")
def proxy_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run proxy.py, which requires ``user:word``."""
    folder = tmp_path_factory.mktemp("proxy")
    with real_proxy(folder, "--basic-auth", "user:word") as port:
        yield port


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the machine's own proxy settings."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def post(address: str, ca_file: str | None = None) -> Response:
    """Return the answer to one request."""
    async with HttpTransport(canonical(address), "sekret-token", ca_file=ca_file) as transport:
        return await transport.send(POST)


async def test_plain_http_goes_through_the_proxy(
    proxy_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY is used with its user and password, and the request arrives unchanged."""
    async with raw_server(OK) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:word@127.0.0.1:{proxy_port}")
        assert (await post(elsewhere(server.address))).status == 200
        monkeypatch.setenv("HTTP_PROXY", f"http://user:wrong@127.0.0.1:{proxy_port}")
        assert (await post(elsewhere(server.address))).status == 407
    (request,) = server.requests
    assert request.startswith(b"POST /api/v2/things HTTP/1.1")
    assert b"Bearer sekret-token" in request
    assert b"user:word" not in request


async def test_https_goes_through_the_proxys_tunnel(
    proxy_port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """HTTPS_PROXY is used with a tunnel; if it is refused, nothing was sent."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(elsewhere("127.0.0.1")).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ca_file = str(tmp_path / "ca.pem")
    async with raw_server(OK, tls=context) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:word@127.0.0.1:{proxy_port}")
        assert (await post(elsewhere(server.address), ca_file)).status == 200
        with pytest.raises(NoResponse, match="--ca-file"):
            await post(elsewhere(server.address))
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:wrong@127.0.0.1:{proxy_port}")
        with pytest.raises(NoResponse, match="the proxy refused to connect to") as caught:
            await post(elsewhere(server.address), ca_file)
    assert not caught.value.sent
    assert len(server.requests) == 1
    assert b"Bearer sekret-token" in server.requests[0]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
async def test_a_proxy_that_is_not_there_sent_nothing(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the proxy doesn't answer, nothing was sent."""
    monkeypatch.setenv(variable, NOBODY)
    async with raw_server(OK) as server:
        with pytest.raises(NoResponse, match=r"connect to the proxy 127\.0\.0\.1:9: ") as caught:
            await post(elsewhere(server.address))
    assert not caught.value.sent
    assert not server.requests


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            http(302, location="https://login.example.com/sso?code=s3cret"),
            ": 302 X; the server redirects to https://login.example.com/sso?…",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n", "tfe.example.com:443: the connection was closed"),
    ],
)
async def test_a_proxy_that_opens_no_tunnel_is_reported_with_its_reason(
    answer: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It redirects to a login page, or closes the connection before TLS begins."""
    async with raw_server(Answer(answer, "close")) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.address)
        with pytest.raises(NoResponse) as caught:
            await post("https://tfe.example.com")
    assert str(caught.value).endswith(reason)
    assert "s3cret" not in str(caught.value)
    assert not caught.value.sent


@pytest.mark.parametrize("spelled", ["127.0.0.1", "localhost", "localhost.", "[::ffff:127.0.0.1]"])
@pytest.mark.parametrize("no_proxy", ["", "tfe.example.com"])
async def test_this_machine_is_never_reached_through_a_proxy(
    spelled: str, no_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token for this machine never leaves it, whatever the variables are."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, NOBODY)
        monkeypatch.setenv(name.lower(), NOBODY)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    async with raw_server(OK) as server:
        assert (await post(server.address.replace("127.0.0.1", spelled))).status == 200


@pytest.mark.parametrize("hosts", [elsewhere("127.0.0.1"), "example.com, 0.0.0.0/8", "*"])
async def test_no_proxy_bypasses_the_proxy(hosts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY bypasses the proxy for a host, a network, or all hosts."""
    monkeypatch.setenv("HTTP_PROXY", NOBODY)
    monkeypatch.setenv("NO_PROXY", hosts)
    async with raw_server(OK) as server:
        assert (await post(elsewhere(server.address))).status == 200


async def test_a_proxy_may_be_named_without_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    """``host:port`` is accepted, and plain http doesn't use HTTPS_PROXY."""
    monkeypatch.setenv("HTTPS_PROXY", "127.0.0.1:9")
    with pytest.raises(NoResponse, match=r"127\.0\.0\.1:9"):
        await post(elsewhere("https://127.0.0.1:1"))
    async with raw_server(OK) as server:
        assert (await post(elsewhere(server.address))).status == 200
