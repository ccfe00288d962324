"""Where tokens are found, where each may be sent, and that no message contains one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bulkops.client.access.address import HCP_TERRAFORM, Destination
from bulkops.client.access.credentials import Token, bound_token, resolve_token
from bulkops.errors import BulkopsError
from tests.client.machine import GivenMachine

HCP = Destination(HCP_TERRAFORM)
FILE = Path("/home/ann/.terraform.d/credentials.tfrc.json")
RC = Path("/home/ann/.terraformrc")
HOME = {"HOME": "/home/ann"}


def credentials(**tokens: str) -> GivenMachine:
    """Return a reader of a credentials file with tokens for these hosts, ``_`` for ``.``."""
    hosts = {host.replace("_", "."): {"token": token} for host, token in tokens.items()}
    return GivenMachine({FILE: json.dumps({"credentials": hosts})})


def test_the_order_of_sources() -> None:
    """TFE_TOKEN, then the host's variable, then Terraform's file; empty ones are ignored."""
    file = credentials(app_terraform_io="from-file")
    own = {"TF_TOKEN_app_terraform_io": "from-own"}
    assert resolve_token(HCP, HOME | own | {"TFE_TOKEN": "from-tfe"}, file).text == "from-tfe"
    assert resolve_token(HCP, HOME | own | {"TFE_TOKEN": ""}, file).text == "from-own"
    assert file.read == []
    assert resolve_token(HCP, HOME | {"TF_TOKEN_app_terraform_io": ""}, file).text == "from-file"
    assert file.read == [RC, FILE]


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
    """``_`` is a dot, ``__`` a hyphen, and a port other than 443 belongs to the host."""
    assert resolve_token(Destination(address), {variable: "t"}, GivenMachine()).text == "t"


@pytest.mark.parametrize("variable", ["TF_TOKEN_b_com", "TF_TOKEN_a_com", "TF_TOKEN_", "TFE_TOKE"])
def test_another_hosts_token_is_not_sent(variable: str) -> None:
    """A token is only used for the host and port that it is for."""
    with pytest.raises(BulkopsError, match="no token for"):
        resolve_token(Destination("https://a.com:8443"), HOME | {variable: "t"}, GivenMachine())


def test_hosts_in_the_file_are_compared_as_terraform_does() -> None:
    """Case and port 443 don't matter."""
    text = json.dumps({"credentials": {"TFE.A.com:443": {"token": "t"}, "b.com": {}}, "more": 1})
    assert (
        resolve_token(Destination("https://tfe.a.com"), HOME, GivenMachine({FILE: text})).text
        == "t"
    )


def test_no_token_names_every_place() -> None:
    """The message lists every place, and the command that stores a token."""
    with pytest.raises(BulkopsError) as caught:
        resolve_token(Destination("https://my-tfe.a.com"), HOME, credentials(b_com="other"))
    assert str(caught.value) == (
        f"no token for my-tfe.a.com: tried TFE_TOKEN, TF_TOKEN_my__tfe_a_com, {RC} and "
        f"{FILE}; set one of them, or run: terraform login my-tfe.a.com"
    )
    assert caught.value.exit_code == 1


def test_without_a_home_there_is_no_file() -> None:
    """If HOME isn't set, no file is read, and the message reports it."""
    files = GivenMachine()
    with pytest.raises(BulkopsError, match="HOME is not set"):
        resolve_token(HCP, {}, files)
    assert files.read == []


@pytest.mark.parametrize("token", ["hunter2\n", "hunter 2", "hunt\x00er2", "hünter2"])
def test_a_malformed_token_is_refused_and_not_shown(token: str) -> None:
    """The message for a malformed token names its place but doesn't contain it."""
    for env, files, place in (
        ({"TFE_TOKEN": token}, GivenMachine(), "TFE_TOKEN"),
        ({"TF_TOKEN_app_terraform_io": token}, GivenMachine(), "TF_TOKEN_app_terraform_io"),
        (HOME, credentials(app_terraform_io=token), str(FILE)),
    ):
        with pytest.raises(BulkopsError, match="the token in") as caught:
            resolve_token(HCP, env, files)
        assert place in str(caught.value)
        assert token.strip() not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["[]", '{"credentials": 1}', "credentials = 1", '{"cred', "credentials a {", "a = b"]
)
def test_a_malformed_file_is_named(text: str) -> None:
    """A malformed credentials file is an error that names the file."""
    with pytest.raises(BulkopsError, match="is not a Terraform CLI configuration") as caught:
        resolve_token(HCP, HOME, GivenMachine({FILE: text}))
    assert str(FILE) in str(caught.value)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "not UTF-8 text"),
    ],
)
def test_an_unreadable_file_is_named(failure: Exception, reason: str) -> None:
    """A credentials file that can't be read is an error, not a missing token."""

    class Broken(GivenMachine):
        def read_text(self, path: Path) -> str | None:
            if path == FILE:
                raise failure
            return None

    with pytest.raises(BulkopsError, match=reason) as caught:
        resolve_token(HCP, HOME, Broken())
    assert str(FILE) in str(caught.value)


def test_a_bound_destination_gets_no_other_token() -> None:
    """If only a file named the address, TFE_TOKEN isn't sent."""
    there = Destination("https://a.com", bound=True)
    env = HOME | {"TFE_TOKEN": "any"}
    with pytest.raises(BulkopsError, match="no token for"):
        resolve_token(there, env | {"TF_TOKEN_b_com": "other"}, GivenMachine())
    assert resolve_token(there, env | {"TF_TOKEN_a_com": "own"}, GivenMachine()).text == "own"
    assert resolve_token(there, env, credentials(a_com="from-file")).text == "from-file"
    assert resolve_token(Destination("https://a.com"), env, credentials(a_com="no")).text == "any"


@pytest.mark.parametrize("env", [{"TFE_TOKEN": "any"}, {"TF_TOKEN_a_com": ""}, {}])
def test_empty_and_other_tokens_are_not_bound(env: dict[str, str]) -> None:
    """TFE_TOKEN, empty tokens and other hosts' tokens aren't bound to a host."""
    machine = credentials(b_com="other", a_com="")
    assert bound_token("https://a.com", HOME | env, machine, ask_helper=True) is None


def test_a_tokens_repr_does_not_show_it() -> None:
    """Neither its own nor that of what contains it: a traceback may print either."""
    token = Token("canary", "TFE_TOKEN")
    assert repr([token]) == "[Token(origin='TFE_TOKEN')]"
    assert f"{token}" == "Token(origin='TFE_TOKEN')"
