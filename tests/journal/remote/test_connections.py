"""Which servers obstore really asks: through no proxy on this machine, by TLS, for credentials."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path

import obstore
import pytest
import trustme
from obstore.store import S3Store

from bulkops.errors import JobError
from bulkops.journal.remote.bucket.address import parse
from bulkops.journal.remote.bucket.hidden import environment_hidden
from bulkops.journal.remote.bucket.opening import open_store
from bulkops.journal.remote.bucket.store import Denied, NoAnswer, Store
from tests.journal.remote.servers import Server
from tests.journal.remote.tiny_s3 import Reply, tiny_s3

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
PROXY_VARIABLES = [spelled for name in (*VARIABLES, "NO_PROXY") for spelled in (name, name.lower())]
KEYS = {"AccessKeyId": "TEMPORARY", "SecretAccessKey": "s", "Token": "session"}
KEYS |= {"Expiration": "2099-01-01T00:00:00Z", "Code": "Success"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine that runs the tests counts."""
    for name in (*PROXY_VARIABLES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def opened(env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Store:
    """Open a bucket with variables that are those of the process, too: obstore reads it."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return open_store(parse("s3://journals/a"), env, timeout=5.0)


def proxied(server: Server, host: str, proxy: Server, **more: str) -> dict[str, str]:
    """Return the variables of a server that has this name, with a proxy for everything."""
    address = f"http://127.0.0.1:{proxy.port}"
    env = {**server.env, **dict.fromkeys(VARIABLES, address), **more}
    return {**env, "AWS_ENDPOINT_URL": f"http://{host}:{server.port}", "AWS_ALLOW_HTTP": "true"}


@pytest.mark.parametrize("no_proxy", ["", "example.com"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machine_is_never_asked_through_a_proxy(
    host: str, no_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the variables are, in which obstore itself would find the proxy."""
    with tiny_s3() as (server, bucket), tiny_s3() as (proxy, seen):
        env = proxied(server, host, proxy, NO_PROXY=no_proxy)
        store = opened(env, monkeypatch)
        if host == "[::1]":
            # Nothing listens there, which is enough to see where the request goes.
            with pytest.raises(NoAnswer, match="no connection to"):
                store.put("a", b"1")
        else:
            store.put("a", b"1")
            assert len(bucket.asked) == 1
        assert not seen.asked
        by_itself = S3Store(
            "journals",
            endpoint=env["AWS_ENDPOINT_URL"],
            client_options={"allow_http": True},
        )
        obstore.put(by_itself, "b", b"1")
        assert len(seen.asked) == 1


@pytest.mark.parametrize(
    ("no_proxy", "through"),
    [
        ("", True),
        ("example.com", True),
        ("0.0.0.0", False),  # noqa: S104 - not listened at
        ("0.0.0.0/8", False),
        ("*", False),
    ],
)
def test_another_machine_is_asked_through_the_proxy_of_the_environment(
    no_proxy: str,
    through: bool,  # noqa: FBT001 - a table
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unless ``NO_PROXY`` has it. A connection to 0.0.0.0 reaches 127.0.0.1."""
    with tiny_s3() as (server, bucket), tiny_s3() as (proxy, seen):
        env = proxied(server, "0.0.0.0", proxy, NO_PROXY=no_proxy)  # noqa: S104 - not listened at
        opened(env, monkeypatch).put("a", b"1")
        assert [len(bucket.asked), len(seen.asked)] == ([0, 1] if through else [1, 0])


def test_a_server_for_credentials_on_this_machine_is_asked_directly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also if the store itself is behind a proxy, which would otherwise see the credentials."""
    with (
        tiny_s3() as (server, _),
        tiny_s3() as (proxy, seen),
        tiny_s3() as (metadata, served),
    ):
        served.replies = _metadata()
        env = proxied(server, "0.0.0.0", proxy, **_instance(metadata))  # noqa: S104 - not listened at
        opened(_without_keys(env), monkeypatch).put("a", b"1")
        assert [one.target.rpartition("/")[2] for one in served.asked] == ["token", "", "role"]
        (stored,) = seen.asked
        assert "Credential=TEMPORARY/" in stored.headers["authorization"]


def _without_keys(env: Mapping[str, str]) -> dict[str, str]:
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return {name: value for name, value in env.items() if name not in keys}


def _instance(metadata: Server) -> dict[str, str]:
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{metadata.port}"}


def _metadata() -> list[Reply]:
    return [Reply(200, b"token"), Reply(200, b"role"), Reply(200, json.dumps(KEYS).encode())]


def test_a_container_gets_its_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As EKS sets it: a URL, and a file with the token that is sent there."""
    (tmp_path / "token").write_text("of the pod")
    with tiny_s3() as (server, bucket), tiny_s3() as (agent, served):
        served.replies = [Reply(200, json.dumps(KEYS).encode())]
        env = {
            **_without_keys(server.env),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{agent.port}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
        }
        opened(env, monkeypatch).put("a", b"1")
        assert served.asked[0].headers["authorization"] == "of the pod"
        assert "Credential=TEMPORARY/" in bucket.asked[0].headers["authorization"]
        assert bucket.asked[0].headers["x-amz-security-token"] == "session"


def test_a_web_identity_gets_its_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token in the file is exchanged for credentials, by https."""
    (tmp_path / "token").write_text("of-the-service-account")
    names = {name: KEYS[name] for name in ("AccessKeyId", "SecretAccessKey", "Expiration")}
    credentials = "".join(f"<{name}>{value}</{name}>" for name, value in names.items())
    answer = (
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
        f"{credentials}<SessionToken>session</SessionToken></Credentials>"
        "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )
    authority, tls = _authority(tmp_path)
    with tiny_s3() as (server, bucket), tiny_s3(tls=tls) as (sts, served):
        served.replies = [Reply(200, answer.encode())]
        env = {
            **_without_keys(server.env),
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/bulkops",
            "AWS_ENDPOINT_URL_STS": sts.env["AWS_ENDPOINT_URL"],
            "AWS_CA_BUNDLE": str(authority),
        }
        opened(env, monkeypatch).put("a", b"1")
        assert "WebIdentityToken=of-the-service-account" in served.asked[0].target
        assert "Credential=TEMPORARY/" in bucket.asked[0].headers["authorization"]


@pytest.mark.parametrize("unset", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_an_empty_variable_is_an_unset_one(unset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline passes on what it has not got as an empty text."""
    with tiny_s3() as (server, bucket), tiny_s3() as (metadata, served):
        served.replies = _metadata()
        empty = {unset: "", "AWS_SESSION_TOKEN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": ""}
        env = {**_without_keys(server.env), **_instance(metadata), **empty}
        opened(env, monkeypatch).put("a", b"1")
        assert "Credential=TEMPORARY/" in bucket.asked[0].headers["authorization"]
        keyed = {**server.env, "AWS_SESSION_TOKEN": ""}
        opened(keyed, monkeypatch).put("a", b"1")
        assert "x-amz-security-token" not in bucket.asked[1].headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SKIP_SIGNATURE", "true"),
        ("AWS_UNSIGNED_PAYLOAD", "true"),
        ("AWS_S3_EXPRESS", "true"),
        ("AWS_CONDITIONAL_PUT", "none"),
        ("AWS_BUCKET", "another"),
        ("AWS_TOKEN", "session"),
    ],
)
def test_what_only_obstore_knows_changes_nothing(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a variable is neither documented nor known to Amazon's tools; it stays set."""
    with tiny_s3() as (server, bucket):
        monkeypatch.setenv(name, value)
        opened(server.env, monkeypatch).create("a", b"1")
        (asked,) = bucket.asked
        assert asked.target == "/journals/a"
        assert "Signature=" in asked.headers["authorization"]
        assert "x-amz-security-token" not in asked.headers
        assert asked.headers["x-amz-content-sha256"] != "UNSIGNED-PAYLOAD"
        assert os.environ[name] == value


def test_variables_are_hidden_from_obstore_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread that reads them meanwhile finds them, and so does a program afterwards."""
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")

    def inherited() -> bytes:
        shell = ["sh", "-c", "echo $AWS_SKIP_SIGNATURE"]
        return subprocess.run(shell, stdout=subprocess.PIPE, check=True).stdout

    with environment_hidden("s3"):
        assert os.environ["AWS_SKIP_SIGNATURE"] == "true"
        assert inherited() == b"\n"
    assert inherited() == b"true\n"


def test_a_token_that_no_request_can_have_is_denied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """obstore panics at a file that ends with a line break."""
    (tmp_path / "token").write_text("of the pod\n")
    with tiny_s3() as (server, bucket):
        env = {
            **_without_keys(server.env),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{server.port}/v1",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
        }
        with pytest.raises(Denied, match="a key or token has a line break"):
            opened(env, monkeypatch).get("a")
        assert not bucket.asked


@pytest.mark.parametrize(
    "env",
    [
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/absent", "AWS_ROLE_ARN": "arn:aws:iam::1:role/a"},
        {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/absent",
        },
    ],
)
def test_a_token_file_that_can_not_be_read_is_named(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is known which of the variables is wrong."""
    name = next(name for name in env if name.endswith("FILE"))
    with pytest.raises(JobError, match=f"^{name} = /absent: can't be read: No such file"):
        opened(env, monkeypatch)


def test_a_connection_by_a_proxy_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the proxy that refuses it, not the server that the message names."""
    with tiny_s3() as (server, _):
        env = {**server.env, "AWS_ENDPOINT_URL": "https://s3.example.com"}
    env["HTTPS_PROXY"] = f"http://127.0.0.1:{server.port}"
    with pytest.raises(NoAnswer) as caught:
        opened(env, monkeypatch).get("a")
    assert caught.value.strerror == (
        "no connection to https://s3.example.com (connection refused), by the environment's proxy"
    )


def test_azures_workload_identity_gets_its_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token in the file is exchanged at the authority, whose certificate is checked."""
    (tmp_path / "token").write_text("federated")
    authority, tls = _authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with tiny_s3() as (server, bucket), tiny_s3(tls=tls) as (login, served):
        served.replies = [Reply(200, b'{"access_token": "bearer", "expires_in": 3600}')]
        env = {
            "AZURE_STORAGE_ACCOUNT": "acme",
            "AZURE_STORAGE_SERVICE_ENDPOINT": f"http://127.0.0.1:{server.port}",
            "AZURE_CLIENT_ID": "client",
            "AZURE_TENANT_ID": "tenant",
            "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
            "AZURE_AUTHORITY_HOST": login.env["AWS_ENDPOINT_URL"] + "/",
        }
        open_store(parse("az://journals/a"), env).put("a", b"1")
        assert served.asked[0].target == "/tenant/oauth2/v2.0/token"
        assert bucket.asked[0].headers["authorization"] == "Bearer bearer"


def test_who_has_no_credentials_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """If there were some before, they can't be got for a moment, which passes."""
    with tiny_s3() as (server, _), tiny_s3() as (metadata, served):
        env = {**_without_keys(server.env), **_instance(metadata)}
        served.replies = [Reply(404)]
        with pytest.raises(Denied) as caught:
            opened(env, monkeypatch).get("a")
        assert (caught.value.strerror or "").startswith(
            "no credentials: the server for credentials answered 404; set AWS_ACCESS_KEY_ID "
        )
        store = opened(env, monkeypatch)
        # Outdated at once, so that the next call needs new ones.
        outdated = KEYS | {"Expiration": "2000-01-01T00:00:00Z"}
        served.replies = [*_metadata()[:2], Reply(200, json.dumps(outdated).encode()), Reply(404)]
        assert store.get("a") is None
        with pytest.raises(NoAnswer, match="no credentials"):
            store.get("a")


def _authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return a file with a certificate authority, and what it vouches for as ``localhost``."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return folder / "authority.pem", context


def test_a_private_authority_is_trusted_if_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``SSL_CERT_FILE`` names it for every store, ``AWS_CA_BUNDLE`` for S3."""
    authority, tls = _authority(tmp_path)
    with tiny_s3(tls=tls) as (server, bucket):
        with pytest.raises(Denied) as caught:
            opened(server.env, monkeypatch).get("a")
        reason = f"the certificate of https://localhost:{server.port} is not valid here"
        assert (caught.value.strerror or "").startswith(reason)
        assert not bucket.asked
        elsewhere = f"https://127.0.0.1:{server.port}"
        env = {**server.env, "AWS_CA_BUNDLE": str(authority), "AWS_ENDPOINT_URL": elsewhere}
        with pytest.raises(Denied, match="is not valid here"):
            opened(env, monkeypatch).get("a")
        assert not bucket.asked
        assert opened({**server.env, "AWS_CA_BUNDLE": str(authority)}, monkeypatch).get("a") is None
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert opened(server.env, monkeypatch).get("a") is None


def test_tls_can_not_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """obstore's own variables for that don't count."""
    _, tls = _authority(tmp_path)
    with tiny_s3(tls=tls) as (server, bucket):
        env = {**server.env, "AWS_ALLOW_INVALID_CERTIFICATES": "true"}
        with pytest.raises(Denied, match="certificate"):
            opened(env, monkeypatch).get("a")
        assert not bucket.asked


def test_https_to_a_server_of_plain_http_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the usual mistake with an endpoint."""
    with tiny_s3() as (server, _):
        address = f"https://localhost:{server.port}"
        with pytest.raises(Denied, match=f"{address} does not speak https"):
            opened({**server.env, "AWS_ENDPOINT_URL": address}, monkeypatch).get("a")


def test_a_bundle_that_can_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent."""
    with tiny_s3() as (server, bucket):
        with pytest.raises(JobError, match="AWS_CA_BUNDLE = /nowhere: can't be read"):
            opened({**server.env, "AWS_CA_BUNDLE": "/nowhere"}, monkeypatch)
        assert not bucket.asked
