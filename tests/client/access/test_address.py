"""Which address is used, and how it is normalized."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.client.access.address import (
    HCP_TERRAFORM,
    VARIABLES,
    Destination,
    Stated,
    canonical,
    check_stated,
    destination,
    is_at,
    is_loopback,
)
from bulkops.errors import JobError, PlanStale

A, B, LOCAL = "https://a.com", "https://b.com", "http://127.0.0.1:8080"
JOURNAL, PLAN = Path("scan.jsonl"), Path("scan.plan")
SPELLINGS = [
    ("HTTPS://TFE.Example.COM:443/", "https://tfe.example.com"),
    ("tfe.example.com:8443", "https://tfe.example.com:8443"),
    ("tfe.example.com.", "https://tfe.example.com"),
    ("tfe.example.com:", "https://tfe.example.com"),
    ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ("10.0.0.1", "https://10.0.0.1"),
    ("[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
    ("http://localhost:8080", "http://localhost:8080"),
    ("http://LOCALHOST.:80", "http://localhost"),
    ("http://127.0.0.9:80", "http://127.0.0.9"),
    ("http://[::1]:80", "http://[::1]"),
    ("http://[::ffff:127.0.0.1]:8080", LOCAL),
    ("http://[::FFFF:7F00:1]:8080", LOCAL),
]
WRONG = [
    ("https://ann:hunter2@tfe.example.com", "contains a user or password"),
    ("https://tfe.example.com@evil.example", "contains a user or password"),
    ("https://tfe.example.com/api/v2", "contains a path or query"),
    ("https://tfe.example.com?x=1", "contains a path or query"),
    ("https://tfe.example.com#x", "contains a path or query"),
    ("https://tfe.example.com\n", "contains spaces or control characters"),
    ("https://tfe.exam\tple.com", "contains spaces or control characters"),
    ("https://tfe.\x1b[2Jexample.com", "contains spaces or control characters"),
    ("https://tfe.example\u202e.com", "contains spaces or control characters"),
    ("tfe example.com", "contains spaces or control characters"),
    ("ftp://tfe.example.com", "not an address such as"),
    ("file:///etc/passwd", "not an address such as"),
    ("https://", "not an address such as"),
    ("//tfe.example.com", "contains a path or query"),
    ("https:\\\\tfe.example.com", "not an address such as"),
    ("https://[::1", "not an address such as"),
    ("https://[tfe.example.com]", "not an address such as"),
    ("https://tfe.example.com:port", "not an address such as"),
    ("https://tfe.example.com:99999", "not an address such as"),
    ("https://tfe_1.example.com", "not an address such as"),
    ("https://tfe.example.com%2eevil.example", "not an address such as"),
    ("https://täfe.example.com", "not an address such as"),
    ("https://app.terraform.io\N{FULLWIDTH FULL STOP}evil.example", "not an address such as"),
    ("https://toK.example.com".replace("K", "\N{KELVIN SIGN}"), "not an address such as"),
    ("https://127.1", "not an address such as"),
    ("https://2130706433", "not an address such as"),
    ("https://0x7f.1", "not an address such as"),
    ("https://0177.0.0.1", "not an address such as"),
]


@pytest.mark.parametrize(("text", "address"), SPELLINGS)
def test_every_spelling_of_an_address_becomes_one(text: str, address: str) -> None:
    """Case, default port, final slash or dot, and the notation of IP addresses don't matter."""
    assert canonical(text) == canonical(address) == address
    assert destination(text, {}) == Destination(address)
    assert is_at(text, address)
    check_stated(Stated(JOURNAL, text), address)


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_wrong_address_is_refused(text: str, words: str) -> None:
    """The message names the source of the address and the error, and never a password."""
    with pytest.raises(JobError, match=words) as caught:
        destination(None, {"TFE_ADDRESS": text})
    assert str(caught.value).startswith("TFE_ADDRESS ")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("text", "words"), WRONG)
@pytest.mark.parametrize("given_address", [None, A])
def test_a_wrong_address_in_a_file_is_refused(
    given_address: str | None, text: str, words: str
) -> None:
    """It is refused, whatever address the user named and whatever tokens exist."""
    with pytest.raises(PlanStale, match=rf"scan\.jsonl: its address .*{words}") as caught:
        destination(given_address, {}, [Stated(JOURNAL, text)], is_bound=lambda _: True)
    assert "hunter2" not in str(caught.value)
    assert not is_at(text, A)
    with pytest.raises(PlanStale):
        check_stated(Stated(JOURNAL, text), A)


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """An accepted text's canonical form is stable; anything else is a JobError."""
    try:
        address = canonical(text)
    except JobError:
        return
    assert canonical(address) == address
    assert address.isascii()


@pytest.mark.parametrize("text", ["http://tfe.example.com", "http://10.0.0.1", "http://0.0.0.0:80"])
def test_plain_http_to_another_host_needs_its_option(text: str) -> None:
    """--insecure-http allows plain http for an address that the user named."""
    with pytest.raises(JobError, match="plain http would expose the token to the network"):
        destination(text, {})
    assert destination(text, {}, insecure_http=True).address == canonical(text)
    with pytest.raises(PlanStale, match="pass --address http://"):
        destination(None, {}, [Stated(PLAN, text)], is_bound=lambda _: True, insecure_http=True)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("128.0.0.1", False),
        ("::2", False),
        ("::ffff:10.0.0.1", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
    ],
)
def test_this_machine_is_known_by_name_and_number(host: str, *, ours: bool) -> None:
    """``localhost``, ``127.0.0.0/8`` and ``::1`` are local, and IPv4-mapped IPv6 addresses."""
    assert is_loopback(host) is ours


@pytest.mark.parametrize(
    ("given_address", "env", "address"),
    [
        (None, {}, HCP_TERRAFORM),
        *((None, {name: "tfe.b.com"}, "https://tfe.b.com") for name in VARIABLES),
        *((None, {name: ""}, HCP_TERRAFORM) for name in VARIABLES),
        (None, {"TFE_ADDRESS": "", "TFE_HOSTNAME": "b.com"}, B),
        (None, dict.fromkeys(VARIABLES, "a.com"), A),
        (None, {"TFE_ADDRESS": "HTTPS://A.com:443/", "TFE_HOSTNAME": "a.COM"}, A),
        ("b.com", {"TFE_ADDRESS": A}, B),
        ("b.com", {"TFE_ADDRESS": A, "TFE_HOSTNAME": "c.com"}, B),
        ("b.com", {"TFE_ADDRESS": "no address"}, B),
    ],
)
def test_the_user_names_an_address(
    given_address: str | None, env: dict[str, str], address: str
) -> None:
    """The option takes precedence over the variables; an empty variable is ignored."""
    assert destination(given_address, env) == Destination(address)


@pytest.mark.parametrize(
    "env",
    [
        {"TFE_ADDRESS": A, "TFE_HOSTNAME": "b.com"},
        {"TFE_ADDRESS": A, "TF_CLOUD_HOSTNAME": "b.com"},
        {"TF_CLOUD_HOSTNAME": "a.com", "TFE_HOSTNAME": "b.com"},
        {"TFE_ADDRESS": A, "TFE_HOSTNAME": "a.com:8443"},
        {"TFE_ADDRESS": "http://a.com", "TFE_HOSTNAME": "a.com"},
    ],
)
def test_two_variables_that_differ_are_refused(env: dict[str, str]) -> None:
    """The message names both variables with their addresses, even if a file agrees with one."""
    for files in ([], [Stated(JOURNAL, A)]):
        with pytest.raises(JobError, match="name different servers") as caught:
            destination(None, env, files, is_bound=lambda _: True)
        for name, value in env.items():
            assert f"{name} = {canonical(value)}" in str(caught.value)


def test_an_empty_option_names_nothing_and_is_refused() -> None:
    """``--address "$TYPO"`` does not select the default."""
    with pytest.raises(JobError, match="--address"):
        destination("", {})


@pytest.mark.parametrize(
    ("given_address", "env", "origin"),
    [(B, {}, "--address"), (B, {"TFE_ADDRESS": A}, "--address")]
    + [(None, {name: "b.com"}, name) for name in VARIABLES],
)
def test_a_file_that_names_another_address_is_refused(
    given_address: str | None, env: dict[str, str], origin: str
) -> None:
    """The message has the file's address, and the user's with its source."""
    for stated in (A, HCP_TERRAFORM, "https://b.com:8443", "http://b.com", LOCAL):
        with pytest.raises(PlanStale) as caught:
            destination(given_address, env, [Stated(JOURNAL, stated)], is_bound=lambda _: True)
        assert f"scan.jsonl: is for {stated}, but {origin} names {B}" in str(caught.value)
        assert f"pass --address {stated}" in str(caught.value)
    same = Stated(JOURNAL, "HTTPS://B.com/")
    assert destination(given_address, env, [same]) == Destination(B)


@pytest.mark.parametrize("stated", [A, LOCAL, "http://localhost:8080", "https://app.terraform.com"])
def test_a_files_address_alone_needs_a_token_bound_to_it(stated: str) -> None:
    """Without such a token the message names a variable to set, even for this machine.

    Another user's process may listen on this machine.
    """
    checked: list[str] = []

    def is_bound(address: str) -> bool:
        checked.append(address)
        return len(checked) > 1

    with pytest.raises(PlanStale) as caught:
        destination(None, {}, [Stated(JOURNAL, stated)], is_bound=is_bound)
    assert f"set TFE_ADDRESS={stated} or pass --address {stated}" in str(caught.value)
    bound = destination(None, {}, [Stated(JOURNAL, stated)], is_bound=is_bound)
    assert bound == Destination(stated, bound=True)
    assert checked == [stated, stated]


def test_a_files_default_address_needs_no_naming() -> None:
    """The default address in a file is used with any token."""
    stated = Stated(JOURNAL, "https://APP.terraform.io/")
    assert destination(None, {}, [stated]) == Destination(HCP_TERRAFORM)


def test_two_files_must_name_one_address() -> None:
    """If a saved plan and its journal name different addresses, both are refused."""
    files = [Stated(PLAN, HCP_TERRAFORM), Stated(JOURNAL, A)]
    with pytest.raises(PlanStale, match=r"scan\.jsonl: is for https://a\.com"):
        destination(None, {}, files, is_bound=lambda _: True)
    with pytest.raises(PlanStale, match=r"scan\.plan: is for https://app"):
        destination(A, {}, files)


def test_a_client_of_another_address_is_refused() -> None:
    """In the library, the client's address counts as the user's."""
    with pytest.raises(PlanStale, match=r"is for https://a\.com, but the client is for https://b"):
        check_stated(Stated(JOURNAL, A), B)
