"""TLS with a private certificate authority, as on most Terraform Enterprise servers."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

import bulkops.client.transport
from bulkops.api.messages import Request
from bulkops.client.api import Client
from bulkops.client.transport import HttpTransport
from bulkops.errors import BulkopsError, JobError, NoResponse
from tests.client.access.certificates import home_made, served_once
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
    """Even with a trusted authority, the certificate must be for the host; no file can help."""
    async with (
        raw_server(OK, tls=tls(authority, "tfe.example.com")) as server,
        HttpTransport(server.address, "t", ca_file=ca_file) as transport,
    ):
        with pytest.raises(NoResponse, match=r"is for another name: .*'127\.0\.0\.1'") as caught:
            await transport.send(POST)
    assert (caught.value.sent, caught.value.lasting) == (False, True)
    assert "--ca-file" not in str(caught.value)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [(-9, -1, "is no longer valid: certificate has expired"), (1, 9, "is not valid yet: ")],
)
async def test_a_certificate_out_of_date_is_named_as_that(
    authority: trustme.CA, ca_file: str, first: int, last: int, words: str
) -> None:
    """The message doesn't advise to trust an authority that is trusted already."""
    now, context = datetime.now(UTC), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    first_day, last_day = now + timedelta(first), now + timedelta(last)
    leaf = authority.issue_cert("127.0.0.1", not_before=first_day, not_after=last_day)
    leaf.configure_cert(context)
    async with (
        raw_server(OK, tls=context) as server,
        HttpTransport(server.address, "t", ca_file=ca_file) as transport,
    ):
        with pytest.raises(NoResponse, match=words) as caught:
            await transport.send(POST)
    assert (caught.value.sent, caught.value.lasting) == (False, True)
    assert "clock" in str(caught.value)
    assert "--ca-file" not in str(caught.value)


async def test_another_authority_than_the_one_in_the_file(ca_file: str) -> None:
    """If a file was named, the message says that its authorities didn't sign the certificate."""
    async with (
        raw_server(OK, tls=tls(trustme.CA())) as server,
        HttpTransport(server.address, "t", ca_file=ca_file) as transport,
    ):
        with pytest.raises(NoResponse, match=rf"no authority in {ca_file} \(--ca-file\)") as caught:
            await transport.send(POST)
    assert "SSL_CERT_FILE" not in str(caught.value)


async def test_a_home_made_authority_is_as_good_as_for_curl_and_go(tmp_path: Path) -> None:
    """Python 3.13 refuses it by default: key identifiers are missing, constraints not critical."""
    home, context = home_made(tmp_path)
    async with (
        raw_server(OK, tls=context) as server,
        HttpTransport(server.address, "t", ca_file=home) as transport,
    ):
        assert (await transport.send(POST)).status == 200


async def test_an_intermediate_authority_may_be_trusted_by_itself(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """A file may have the intermediate authority alone, as for curl and Go."""
    below = authority.create_child_ca()
    below.cert_pem.write_to_path(str(tmp_path / "below.pem"))
    async with (
        raw_server(OK, tls=tls(below)) as server,
        HttpTransport(server.address, "t", ca_file=tmp_path / "below.pem") as transport,
    ):
        assert (await transport.send(POST)).status == 200


def wanting(authority: trustme.CA, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Return the context of a server that wants certificates of this authority from clients."""
    context = tls(authority)
    context.minimum_version = context.maximum_version = version
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def client_pem(authority: trustme.CA, tmp_path: Path) -> Path:
    """Return a file with a client's certificate and key."""
    path = tmp_path / "client.pem"
    authority.issue_cert("ann").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_wants_a_certificate_gets_it(
    authority: trustme.CA, ca_file: str, client_pem: Path, version: ssl.TLSVersion
) -> None:
    """The key may be in the same file, or in one of its own."""
    leaf, key = authority.issue_cert("bob"), client_pem.with_name("key.pem")
    cert = client_pem.with_name("cert.pem")
    leaf.private_key_pem.write_to_path(str(key))
    leaf.cert_chain_pems[0].write_to_path(str(cert))
    async with raw_server(OK, tls=wanting(authority, version)) as server:
        for shown, its_key in ((client_pem, None), (cert, key)):
            async with HttpTransport(
                server.address, "t", ca_file=ca_file, client_cert=shown, client_key=its_key
            ) as transport:
                assert (await transport.send(POST)).status == 200


@pytest.mark.parametrize(
    ("version", "sent"), [(ssl.TLSVersion.TLSv1_2, False), (ssl.TLSVersion.TLSv1_3, True)]
)
async def test_a_server_that_wants_another_certificate_is_named(
    authority: trustme.CA, ca_file: str, tmp_path: Path, version: ssl.TLSVersion, *, sent: bool
) -> None:
    """The message names the option; with TLS 1.3, the request may have left before the refusal."""
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("eve").private_key_and_cert_chain_pem.write_to_path(str(other))
    for cert, words in (
        (None, "it may want a client's certificate (--client-cert)"),
        (other, f"it may not accept the certificate in {other} (--client-cert)"),
    ):
        with served_once(wanting(authority, version)) as address:
            async with HttpTransport(address, "t", ca_file=ca_file, client_cert=cert) as transport:
                with pytest.raises(NoResponse) as caught:
                    await transport.send(POST)
        assert words in str(caught.value)
        assert (caught.value.sent, caught.value.lasting) == (sent, True)


def test_an_unusable_client_certificate_is_named(
    authority: trustme.CA, client_pem: Path, tmp_path: Path
) -> None:
    """Missing, without a key, of another key, or encrypted: an error before anything is sent."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued = authority.issue_cert("bob")
    issued.cert_chain_pems[0].write_to_path(str(cert))
    for files, words in (
        ({"client_cert": tmp_path / "none"}, "No such file or directory"),
        ({"client_cert": "/dev/zero"}, "it is not a regular file"),
        ({"client_cert": cert}, "have the key, too, unless --client-key names the key's file"),
        ({"client_cert": cert, "client_key": client_pem}, f"with --client-key {client_pem}: "),
        ({"client_cert": cert, "client_key": client_pem}, "and the key that of the certificate"),
    ):
        with pytest.raises(BulkopsError, match="can't be used as --client-cert") as caught:
            Client("https://tfe.example.com", "t", **files)
        assert words in str(caught.value)
    private = load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"s3cret")
    )
    key.write_bytes(locked)
    with pytest.raises(BulkopsError, match="the key is encrypted: decrypt it"):
        Client("https://tfe.example.com", "t", client_cert=cert, client_key=key)
    with pytest.raises(JobError, match=r"--client-key \S+ needs --client-cert"):
        Client("https://tfe.example.com", "t", client_key=key)


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
