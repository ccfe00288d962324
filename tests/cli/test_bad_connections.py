"""No way to the server, or the wrong one: exit 1 and what to look at."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import trustme

from tests.cli.support import NOBODY, TOKEN, StagedSimulator, World, organization, serving
from tests.client.real_proxy import elsewhere, real_proxy
from tests.conftest import Here

ADVICE = (
    "Is the address right (TFE_ADDRESS, TF_CLOUD_HOSTNAME, TFE_HOSTNAME, --address or the fleet "
    "file)?"
)


def test_nothing_listens(here: Here) -> None:
    """If nothing listens at the address, exit 1 names address, reason and what to check."""
    done = here("plan", "job.toml", "--address", NOBODY)
    assert done.code == 1
    assert "can't connect to 127.0.0.1:9: Connection refused" in done.err
    assert ADVICE in done.err


def test_unknown_host(here: Here) -> None:
    """A host without an address: exit 1 with its name and what to check."""
    done = here("apply", "job.toml", "--yes", "--address", "https://tfe.invalid")
    assert done.code == 1
    assert "tfe.invalid" in done.err
    assert ADVICE in done.err


def test_plain_http_elsewhere_is_refused(world: World, here: Here) -> None:
    """Plain http to another host would expose the token: exit 2 unless --insecure-http is given."""
    done = here("plan", "job.toml", "--address", "http://tfe.invalid")
    assert done.code == 2
    assert "pass --insecure-http" in done.err
    allowed = here("plan", "job.toml", "--address", "http://tfe.invalid", "--insecure-http")
    assert allowed.code == 1
    assert "tfe.invalid" in allowed.err
    assert world.requests == 0


def test_https_to_a_plain_port(world: World, here: Here) -> None:
    """https where plain http is spoken: exit 1 and a reason."""
    done = here("plan", "job.toml", "--address", world.address.replace("http:", "https:"))
    assert done.code == 1
    assert ADVICE in done.err


class _Website(BaseHTTPRequestHandler):
    """Answers everything as a website that is no API would."""

    def do_GET(self) -> None:
        page = b"<html><head><title>Welcome to nginx!</title></head><body>hello</body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's
        """Say nothing."""


@contextmanager
def threaded(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve from a thread; yields the address."""
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_website_is_not_the_api(here: Here) -> None:
    """HTML instead of the API's JSON: exit 1, and the message asks if the address is the API's."""
    with threaded(_Website) as website:
        done = here("apply", "job.toml", "--yes", "--address", website)
    assert done.code == 1
    assert "can't be read" in done.err
    assert "Is this the API's address (TFE_ADDRESS, " in done.err


@pytest.fixture
def secure(world: World) -> Iterator[str]:
    """The address of a server whose certificate a private authority signed, in ca.pem."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", elsewhere("127.0.0.1")).configure_cert(context)
    authority.cert_pem.write_to_path(str(world.folder / "ca.pem"))
    simulator = StagedSimulator(rate=0)
    organization(simulator)
    with serving(simulator, ssl_context=context) as address:
        yield address


def test_an_untrusted_certificate(secure: str, here: Here) -> None:
    """Exit 1, and the message says how to name its authority."""
    done = here("plan", "job.toml", "--address", secure)
    assert done.code == 1
    assert "certificate is not trusted" in done.err
    assert "--ca-file or SSL_CERT_FILE" in done.err
    assert "trying again" not in done.err
    assert ADVICE not in done.err


def test_a_private_authority_is_named(secure: str, here: Here) -> None:
    """``--ca-file`` and SSL_CERT_FILE both make a private authority trusted."""
    assert here("plan", "job.toml", "--address", secure, "--ca-file", "ca.pem").code == 0
    assert here("plan", "job.toml", "--address", secure, SSL_CERT_FILE="ca.pem").code == 0


def test_a_server_that_wants_a_clients_certificate(world: World, here: Here) -> None:
    """``--client-cert`` and ``--client-key`` name it, for a job as for a fleet."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    client = authority.issue_cert("ann")
    authority.cert_pem.write_to_path(str(world.folder / "ca.pem"))
    client.private_key_pem.write_to_path(str(world.folder / "key.pem"))
    client.cert_chain_pems[0].write_to_path(str(world.folder / "cert.pem"))
    simulator = StagedSimulator(rate=0)
    organization(simulator)
    files = ("--ca-file", "ca.pem", "--client-cert", "cert.pem", "--client-key", "key.pem")
    with serving(simulator, ssl_context=context) as address:
        world.folder.joinpath("fleet.toml").write_text(
            f'name = "all"\njob = "job.toml"\n[[shard]]\norganization = "acme"\n'
            f'address = "{address}"\ntoken_env = "TFE_TOKEN"\n'
        )
        assert here("plan", "job.toml", "--address", address, *files).code == 0
        assert here("fleet", "plan", "fleet.toml", *files).code == 0
    done = here("plan", "job.toml", "--client-key", "key.pem")
    assert done.code == 2
    assert "--client-key key.pem needs --client-cert" in done.err


@pytest.mark.parametrize("ca_file", ["nothing.pem", "job.toml"])
def test_an_unusable_ca_file(world: World, here: Here, ca_file: str) -> None:
    """A missing or malformed CA file: exit 1, with its name and what it must be."""
    address = world.address.replace("http:", "https:")
    done = here("plan", "job.toml", "--address", address, "--ca-file", ca_file)
    assert done.code == 1
    assert f"{ca_file}: can't be used as --ca-file" in done.err


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real proxy, proxy.py."""
    with real_proxy(tmp_path_factory.mktemp("proxy")) as port:
        yield f"http://127.0.0.1:{port}"


def test_through_a_proxy(proxy: str, world: World, here: Here, secure: str) -> None:
    """HTTP_PROXY and HTTPS_PROXY are used, the latter with TLS to the server itself."""
    observed: list[Mapping[str, str]] = []
    world.simulator.before = lambda request: observed.append(request.headers)
    plain = ("plan", "job.toml", "--address", elsewhere(world.address), "--insecure-http")
    assert here(*plain, HTTP_PROXY=proxy).code == 0
    assert "proxy.py" in observed[0]["via"]
    assert not any("proxy-authorization" in headers for headers in observed)
    secured = ("plan", "job.toml", "--address", elsewhere(secure), "--ca-file", "ca.pem")
    assert here(*secured, HTTPS_PROXY=proxy).code == 0
    assert here(*secured, HTTPS_PROXY=NOBODY).code == 1


def tunnel(heads: list[str]) -> type[BaseHTTPRequestHandler]:
    """Return a proxy that refuses every tunnel and records each request."""

    class Tunnel(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            heads.append(f"{self.requestline}\n{self.headers}")
            self.send_error(403, "No tunnels today")

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's
            """Say nothing."""

    return Tunnel


def test_a_proxy_never_gets_the_token(here: Here) -> None:
    """The tunnel request, which goes to the proxy in plain text, does not contain the token."""
    heads: list[str] = []
    with threaded(tunnel(heads)) as proxy:
        done = here("plan", "job.toml", "--address", "https://tfe.invalid", HTTPS_PROXY=proxy)
    assert done.code == 1
    assert "the proxy refused to connect to https://tfe.invalid" in done.err
    assert "403 No tunnels today" in done.err
    assert heads
    for head in heads:
        assert head.startswith("CONNECT tfe.invalid:443")
        assert TOKEN not in head


def test_no_proxy(world: World, here: Here) -> None:
    """NO_PROXY bypasses the proxy for a host; without it, an unavailable proxy is exit 1."""
    planning = ("plan", "job.toml", "--address", elsewhere(world.address), "--insecure-http")
    done = here(*planning, HTTP_PROXY=NOBODY)
    assert done.code == 1
    assert "can't connect to the proxy 127.0.0.1:9" in done.err
    assert "(HTTPS_PROXY)" in done.err
    assert here(*planning, HTTP_PROXY=NOBODY, NO_PROXY="0.0.0.0/8").code == 0


def test_a_rehearsal_never_meets_a_proxy(world: World, here: Here) -> None:
    """The simulator on this machine is reached directly, whatever variables name a proxy."""
    everywhere = dict.fromkeys(("http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOBODY)
    assert here("plan", "job.toml", **everywhere).code == 0
    named = world.address.replace("127.0.0.1", "LOCALHOST.")
    assert here("plan", "job.toml", "--address", named, **everywhere).code == 0


def test_a_malformed_proxy_is_exit_2(here: Here) -> None:
    """The variable is named, not the password in it, and nothing is sent."""
    done = here(
        *("plan", "job.toml", "--address", "https://tfe.invalid"),
        HTTPS_PROXY=f"socks5://ann:{TOKEN}@proxy.invalid",
    )
    assert done.code == 2
    assert "HTTPS_PROXY is not the URL of a proxy" in done.err


def test_missing_token(world: World, here: Here) -> None:
    """Without a token: exit 1, and the message names every place searched and how to get one."""
    done = here("plan", "job.toml", TFE_TOKEN="")
    assert done.code == 1
    for part in ("TFE_TOKEN", "TF_TOKEN_127_0_0_1", "credentials.tfrc.json", "terraform login"):
        assert part in done.err
    assert world.requests == 0


def test_token_of_terraform_login(world: World, here: Here) -> None:
    """The token that ``terraform login`` wrote is used."""
    path = world.folder / ".terraform.d" / "credentials.tfrc.json"
    path.parent.mkdir()
    host = world.address.removeprefix("http://")
    path.write_text(f'{{"credentials": {{"{host}": {{"token": "{TOKEN}"}}}}}}')
    assert here("plan", "job.toml", TFE_TOKEN="").code == 0
    path.unlink()
