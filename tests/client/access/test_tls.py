"""TLS with a private certificate authority, as on most Terraform Enterprise servers."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

import bulkops.client.transport
from bulkops.api.messages import Request
from bulkops.client.api import Client
from bulkops.client.transport import HttpTransport
from bulkops.errors import BulkopsError, NoResponse
from tests.client.raw_server import Answer, http, raw_server

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unblocked")]

POST = Request("POST", "/api/v2/things", body=b"{}")
OK = Answer(http(200, b"{}"))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a private authority."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    """Return a file with the private authority's certificate."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def tls(authority: trustme.CA, host: str = "127.0.0.1") -> ssl.SSLContext:
    """Return a server's TLS context, with a certificate for the host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


async def test_a_private_authority_is_not_trusted_by_itself(authority: trustme.CA) -> None:
    """The error says what to do, and that the request is not worth retrying."""
    async with (
        raw_server(OK, tls=tls(authority)) as server,
        HttpTransport(server.address, "t") as transport,
    ):
        with pytest.raises(NoResponse, match="--ca-file or SSL_CERT_FILE") as caught:
            await transport.send(POST)
    assert server.address in str(caught.value)
    assert (caught.value.sent, caught.value.lasting) == (False, True)
    assert not server.requests


async def test_an_authority_is_trusted_by_file(authority: trustme.CA, ca_file: str) -> None:
    """--ca-file makes a private authority trusted."""
    async with (
        raw_server(OK, tls=tls(authority)) as server,
        HttpTransport(server.address, "t", ca_file=ca_file) as transport,
    ):
        assert (await transport.send(POST)).status == 200


async def test_an_authority_is_trusted_by_environment(
    authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE has the same effect as for other programs."""
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    async with (
        raw_server(OK, tls=tls(authority)) as server,
        HttpTransport(server.address, "t") as transport,
    ):
        assert (await transport.send(POST)).status == 200


async def test_a_certificate_for_another_host_is_refused(
    authority: trustme.CA, ca_file: str
) -> None:
    """Even with a trusted authority, the certificate must be for the host."""
    async with (
        raw_server(OK, tls=tls(authority, "tfe.example.com")) as server,
        HttpTransport(server.address, "t", ca_file=ca_file) as transport,
    ):
        with pytest.raises(NoResponse, match=r"127\.0\.0\.1") as caught:
            await transport.send(POST)
    assert (caught.value.sent, caught.value.lasting) == (False, True)


async def test_a_server_that_speaks_no_tls_was_sent_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a handshake no request is sent, and waiting for it has a timeout."""
    monkeypatch.setattr(bulkops.client.transport, "CONNECT_SECONDS", 0.2)
    async with raw_server(OK) as server:
        address = server.address.replace("http:", "https:")
        async with HttpTransport(address, "t") as transport:
            with pytest.raises(NoResponse) as caught:
                await transport.send(POST)
    assert not caught.value.sent
    assert not server.requests


@pytest.mark.parametrize("text", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nx\n"])
async def test_an_unusable_authority_file_is_named(tmp_path: Path, text: str | None) -> None:
    """A missing or malformed file is an immediate error, not a failed handshake later."""
    path = tmp_path / "authorities.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BulkopsError, match=r"authorities\.pem: can't be used as --ca-file"):
        HttpTransport("https://tfe.example.com", "t", ca_file=str(path))


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("/nothing", "No such file or directory"),
        ("/dev/zero", "it is not a regular file"),
        ("/", "Is a directory"),
    ],
)
def test_a_malformed_or_endless_authority_file_is_refused(place: str, reason: str) -> None:
    """The library gives the same message as the CLI; an endless device isn't read."""
    for scheme in ("https", "http"):
        with pytest.raises(BulkopsError, match=f"{place}: can't be used as --ca-file: {reason}"):
            Client(f"{scheme}://tfe.example.com", "t", ca_file=place)
