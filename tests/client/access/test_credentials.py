"""Where address and token come from, and that no message ever holds a token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.client.access.credentials import resolve_address, resolve_token
from bulkops.errors import BulkopsError, JobError

HCP = "https://app.terraform.io"
FILE = Path("/home/ann/.terraform.d/credentials.tfrc.json")
HOME = {"HOME": "/home/ann"}


class Files:
    """Reads from a mapping of paths, and notes what was read."""

    def __init__(self, files: dict[Path, str] | None = None) -> None:
        self.files = files or {}
        self.read: list[Path] = []

    def __call__(self, path: Path) -> str | None:
        self.read.append(path)
        return self.files.get(path)


def credentials(**tokens: str) -> Files:
    """Return a reader of a credentials file with these hosts' tokens, ``_`` for ``.``."""
    hosts = {host.replace("_", "."): {"token": token} for host, token in tokens.items()}
    return Files({FILE: json.dumps({"credentials": hosts})})


ADDRESSES = [
    (None, {}, HCP),
    (None, {"TF_CLOUD_HOSTNAME": "tfe.b.com"}, "https://tfe.b.com"),
    (None, {"TF_CLOUD_HOSTNAME": "tfe.b.com", "TFE_ADDRESS": "https://a.com/"}, "https://a.com"),
    ("c.com", {"TFE_ADDRESS": "https://a.com"}, "https://c.com"),
    (None, {"TFE_ADDRESS": ""}, HCP),
    ("HTTPS://TFE.Example.COM:443/", {}, "https://tfe.example.com"),
    ("tfe.example.com:8443", {}, "https://tfe.example.com:8443"),
    ("10.0.0.1", {}, "https://10.0.0.1"),
    ("[2001:db8::1]:8443", {}, "https://[2001:db8::1]:8443"),
    ("http://localhost:8080", {}, "http://localhost:8080"),
    ("http://127.0.0.9:80", {}, "http://127.0.0.9"),
    ("http://[::1]:80", {}, "http://[::1]"),
]


@pytest.mark.parametrize(("given_address", "env", "address"), ADDRESSES)
def test_the_first_place_that_says_an_address_wins(
    given_address: str | None, env: dict[str, str], address: str
) -> None:
    """The option comes before the variables, and every spelling of an address becomes one."""
    assert resolve_address(given_address, env) == address
    assert resolve_address(address, {}) == address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://ann:hunter2@tfe.example.com", "has a user or password in it"),
        ("https://tfe.example.com/api/v2", "has a path or query in it"),
        ("https://tfe.example.com?x=1", "has a path or query in it"),
        ("https://tfe.example.com#x", "has a path or query in it"),
        ("https://tfe.example.com\n", "has spaces or control characters in it"),
        ("tfe example.com", "has spaces or control characters in it"),
        ("ftp://tfe.example.com", "not an address such as"),
        ("https://", "not an address such as"),
        ("https://[::1", "not an address such as"),
        ("https://tfe.example.com:port", "not an address such as"),
        ("https://tfe_1.example.com", "not an address such as"),
        ("https://täfe.example.com", "not an address such as"),
        ("http://tfe.example.com", "plain http would show the token to the network"),
        ("http://10.0.0.1", "plain http would show the token to the network"),
    ],
)
def test_a_wrong_address_is_refused(text: str, words: str) -> None:
    """The message says where the address came from and what is wrong, and never a password."""
    with pytest.raises(JobError, match=words) as caught:
        resolve_address(None, {"TFE_ADDRESS": text})
    assert str(caught.value).startswith("TFE_ADDRESS ")
    assert "hunter2" not in str(caught.value)


def test_plain_http_to_another_host_must_be_said() -> None:
    """--insecure-http is what allows it."""
    assert resolve_address("http://tfe.lan", {}, insecure_http=True) == "http://tfe.lan"


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """What is accepted is its own canonical form; anything else is a JobError."""
    try:
        address = resolve_address(text, {}, insecure_http=True)
    except JobError:
        return
    assert resolve_address(address, {}, insecure_http=True) == address


def test_the_order_of_places() -> None:
    """TFE_TOKEN, then the host's own variable, then Terraform's file; empty counts as not set."""
    file = credentials(app_terraform_io="from-file")
    own = {"TF_TOKEN_app_terraform_io": "from-own"}
    assert resolve_token(HCP, HOME | own | {"TFE_TOKEN": "from-tfe"}, file) == "from-tfe"
    assert resolve_token(HCP, HOME | own | {"TFE_TOKEN": ""}, file) == "from-own"
    assert file.read == []
    assert resolve_token(HCP, HOME | {"TF_TOKEN_app_terraform_io": ""}, file) == "from-file"
    assert file.read == [FILE]


@pytest.mark.parametrize(
    ("address", "variable"),
    [
        ("https://my-tfe.example.com", "TF_TOKEN_my__tfe_example_com"),
        ("https://my-tfe.example.com", "TF_TOKEN_my-tfe_example_com"),
        ("https://my-tfe.example.com", "TF_TOKEN_my-tfe.example.com"),
        ("https://xn--caf-dma.fr", "TF_TOKEN_xn____caf__dma_fr"),
        ("https://a.com", "TF_TOKEN_A_COM"),
        ("https://a.com", "TF_TOKEN_a_com:443"),
        ("https://a.com:8443", "TF_TOKEN_a_com:8443"),
    ],
)
def test_variables_are_read_as_terraform_reads_them(address: str, variable: str) -> None:
    """Dots are underscores, hyphens two of them or themselves, a port but 443 is of the host."""
    assert resolve_token(address, {variable: "t"}, Files()) == "t"


@pytest.mark.parametrize("variable", ["TF_TOKEN_b_com", "TF_TOKEN_a_com", "TF_TOKEN_", "TFE_TOKE"])
def test_another_hosts_token_is_not_sent(variable: str) -> None:
    """A token goes only to the host and port it was kept for."""
    with pytest.raises(BulkopsError, match="no token for"):
        resolve_token("https://a.com:8443", HOME | {variable: "t"}, Files())


def test_hosts_in_the_file_are_compared_as_terraform_does() -> None:
    """Case doesn't count, and neither does port 443."""
    text = json.dumps({"credentials": {"TFE.A.com:443": {"token": "t"}, "b.com": {}}, "more": 1})
    assert resolve_token("https://tfe.a.com", HOME, Files({FILE: text})) == "t"


def test_no_token_names_every_place() -> None:
    """The message lists the three places and the command that fills one."""
    with pytest.raises(BulkopsError) as caught:
        resolve_token("https://my-tfe.a.com", HOME, credentials(b_com="other"))
    assert str(caught.value) == (
        "no token for my-tfe.a.com: looked at TFE_TOKEN, TF_TOKEN_my__tfe_a_com and "
        f"{FILE}; set one of them, or run: terraform login my-tfe.a.com"
    )
    assert caught.value.exit_code == 1


def test_without_a_home_there_is_no_file() -> None:
    """Where HOME isn't set no file is read, and the message says so."""
    files = Files()
    with pytest.raises(BulkopsError, match="HOME is not set"):
        resolve_token(HCP, {}, files)
    assert files.read == []


@pytest.mark.parametrize("token", ["hunter2\n", "hunter 2", "hunt\x00er2", "hünter2"])
def test_a_token_that_cannot_be_one_is_refused_unseen(token: str) -> None:
    """The message names the place and never shows the token."""
    for env, files, place in (
        ({"TFE_TOKEN": token}, Files(), "TFE_TOKEN"),
        ({"TF_TOKEN_app_terraform_io": token}, Files(), "TF_TOKEN_app_terraform_io"),
        (HOME, credentials(app_terraform_io=token), str(FILE)),
    ):
        with pytest.raises(BulkopsError, match="the token in") as caught:
            resolve_token(HCP, env, files)
        assert place in str(caught.value)
        assert token.strip() not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"credentials": 1}', '{"credentials": {"a": {"token": 5}}}', '{"cred']
)
def test_a_malformed_file_is_named(text: str) -> None:
    """A credentials file that is none stops the search with its name."""
    with pytest.raises(BulkopsError, match="is not a Terraform credentials file") as caught:
        resolve_token(HCP, HOME, Files({FILE: text}))
    assert str(FILE) in str(caught.value)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "not UTF-8 text"),
    ],
)
def test_an_unreadable_file_is_named(failure: Exception, reason: str) -> None:
    """A file that is there but can't be read is an error, not a missing token."""

    def read_text(_path: Path) -> str | None:
        raise failure

    with pytest.raises(BulkopsError, match=reason) as caught:
        resolve_token(HCP, HOME, read_text)
    assert str(FILE) in str(caught.value)
