"""Where a shard's requests go, and with which token: each row of the table, and no other way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bulkops.client.access.address import HCP_TERRAFORM
from bulkops.client.access.credentials import Token
from bulkops.errors import BulkopsError, JobError
from bulkops.fleet import access
from bulkops.fleet.access import Access, access_of, check_distinct
from bulkops.fleet.fleet import Shard
from tests.client.machine import GivenMachine

EU, OTHER = "https://tfe.eu.example", "https://tfe.us.example"
OWN, TFE, HOST = "own-canary", "tfe-canary", "host-canary"
FILE = Path("/srv/eu.token")
HOME = Path("/home/ann/.terraform.d/credentials.tfrc.json")
SHARDS = {
    "an address, a token": {"address": EU, "token_env": "EU_TOKEN"},
    "an address": {"address": EU},
    "the default address": {"address": HCP_TERRAFORM},
    "a token": {"token_env": "EU_TOKEN"},
    "neither": {},
}
USERS = {
    "anything": (None, EU, OTHER),
    "the same": (EU,),
    "another": (OTHER,),
    "none": (None,),
    "an address": (OTHER,),
}


def shard(**fields: str | None) -> Shard:
    """Return a shard with these fields."""
    file = fields.pop("token_file", None)
    return Shard(
        name="eu",
        where="fleet.toml: shard[1] (eu)",
        address=fields.get("address"),
        token_env=fields.get("token_env"),
        token_file=Path(file) if file else None,
    )


def environment(address: str | None, *tokens: str) -> dict[str, str]:
    """Return an environment with this address, and some of the tokens."""
    every = {
        OWN: {"EU_TOKEN": OWN},
        TFE: {"TFE_TOKEN": TFE},
        HOST: {
            "TF_TOKEN_tfe_eu_example": HOST,
            "TF_TOKEN_tfe_us_example": HOST,
            "TF_TOKEN_app_terraform_io": HOST,
        },
    }
    found = {"TFE_ADDRESS": address or ""}
    for token in tokens:
        found.update(every[token])
    return found


def outcome(of: Shard, env: Mapping[str, str]) -> tuple[str, str] | str:
    """Return the address and the token's text, or why nothing is sent."""
    try:
        found = access_of(of, env, GivenMachine())
    except BulkopsError as error:
        return str(error)
    assert "canary" not in repr(found)
    return found.address, found.token.text


def _table() -> list[list[str]]:
    lines = (access.__doc__ or "").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "| " in line]


ROWS = _table()[1:]
ORDER = {
    "the shard's": (OWN,),
    "``TFE_TOKEN``, or the host's": (TFE, HOST),
    "the host's, or ``JobError``": (HOST,),
}
"""How the table names a token → those that are sent, the first that exists."""


@pytest.mark.parametrize(("names", "user", "to", "token"), ROWS, ids=" - ".join)
def test_every_row_of_the_table(names: str, user: str, to: str, token: str) -> None:
    """Whichever tokens exist, exactly the table's is sent, or none."""
    for address in USERS[user]:
        goes_to = {"that address": EU, "the user's": address, "the default": HCP_TERRAFORM}[to]
        for there in ((OWN, TFE, HOST), (TFE, HOST), (OWN, TFE), (OWN, HOST), (TFE,), ()):
            sent = next((one for one in ORDER[token] if one in there), None)
            found = outcome(shard(**SHARDS[names]), environment(address, *there))
            if sent:
                assert found == (goes_to, sent)
            else:
                assert isinstance(found, str)
                assert found.startswith("fleet.toml: shard[1] (eu): ")
                assert "canary" not in found


def test_the_table_has_nine_rows() -> None:
    """What a shard and the user may name, in every combination that makes a difference."""
    assert len(ROWS) == 9
    assert {row[0] for row in ROWS} == set(SHARDS)


def test_an_address_alone_with_a_bound_token_only() -> None:
    """``TFE_TOKEN`` is not sent there, and the message says what to do."""
    with pytest.raises(JobError) as caught:
        access_of(shard(address=EU), environment(OTHER, TFE), GivenMachine())
    assert str(caught.value) == (
        "fleet.toml: shard[1] (eu): address = https://tfe.eu.example: no token is bound to that "
        "host, and TFE_TOKEN is only sent to the address in TFE_ADDRESS: give the shard token_env "
        "or token_file, set TF_TOKEN_tfe_eu_example, or run: terraform login tfe.eu.example"
    )


def test_the_hosts_token_may_be_in_terraforms_file() -> None:
    """As for every other command."""
    text = json.dumps({"credentials": {"tfe.eu.example": {"token": HOST}}})
    env = {"HOME": "/home/ann", "TFE_TOKEN": TFE}
    found = access_of(shard(address=EU), env, GivenMachine({HOME: text}))
    assert found == Access(EU, Token(HOST, str(HOME)))


def test_a_token_in_a_file_ends_at_its_line_break() -> None:
    """The token's origin is the file."""
    for text in (OWN, f"{OWN}\n", f"{OWN}\r\n"):
        found = access_of(shard(address=EU, token_file=str(FILE)), {}, GivenMachine({FILE: text}))
        assert found == Access(EU, Token(OWN, str(FILE)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"token_env": "EU_TOKEN"}, "token_env = EU_TOKEN: this environment variable is not set"),
        ({"token_file": "/srv/none"}, "token_file = /srv/none: there is no such file, or it is "),
        ({"token_file": "/srv/empty"}, "token_file = /srv/empty: there is no such file, or it is"),
        ({}, "no token for app.terraform.io: tried TFE_TOKEN, TF_TOKEN_app_terraform_io, ~/."),
    ],
)
def test_a_missing_token_is_an_error_with_its_place(fields: dict[str, str], words: str) -> None:
    """A shard's own token is not replaced by another one."""
    env = {"EU_TOKEN": "", "TFE_TOKEN": TFE if fields else ""}
    files = {Path("/srv/empty"): "\n"}
    with pytest.raises(BulkopsError) as caught:
        access_of(shard(**fields), env, GivenMachine(files))
    assert str(caught.value).startswith(f"fleet.toml: shard[1] (eu): {words}")


@pytest.mark.parametrize("fields", [{"token_env": "EU_TOKEN"}, {"token_file": str(FILE)}])
def test_a_malformed_token_is_not_repeated(fields: dict[str, str]) -> None:
    """The message names its variable or file."""
    with pytest.raises(BulkopsError, match=r"the token in (EU_TOKEN|/srv/eu.token)") as caught:
        access_of(shard(**fields), {"EU_TOKEN": "can ary"}, GivenMachine({FILE: "can\nary\n"}))
    assert "ary" not in str(caught.value)


PLAIN = "http://tfe.eu.example"


@pytest.mark.parametrize(
    ("fields", "user", "allowed"),
    [
        ({"address": PLAIN, "token_env": "EU_TOKEN"}, OTHER, True),
        ({"address": PLAIN}, PLAIN, True),
        ({"token_env": "EU_TOKEN"}, PLAIN, True),
        ({"address": PLAIN}, OTHER, False),
        ({"address": PLAIN}, None, False),
    ],
)
def test_plain_http_must_be_allowed(
    fields: dict[str, str], user: str | None, *, allowed: bool
) -> None:
    """``--insecure-http`` allows it, but not for an address that only the file names."""
    env = environment(user, OWN, TFE, HOST)
    with pytest.raises(JobError, match="plain http would expose the token"):
        access_of(shard(**fields), env, GivenMachine())
    if allowed:
        found = access_of(shard(**fields), env, GivenMachine(), insecure_http=True)
        assert found.address == PLAIN
        return
    with pytest.raises(JobError, match="no token is bound to that host"):
        access_of(shard(**fields), env, GivenMachine(), insecure_http=True)


def test_plain_http_to_this_machine_is_allowed() -> None:
    """Nobody else can read the token there."""
    local = shard(address="http://127.0.0.1:8080", token_env="EU_TOKEN")
    assert access_of(local, {"EU_TOKEN": OWN}, GivenMachine()).token.text == OWN


def test_an_environment_that_is_not_needed_is_not_judged() -> None:
    """Two variables that differ matter only if the shard leaves something out."""
    env = {"TFE_ADDRESS": EU, "TFE_HOSTNAME": "tfe.us.example", "EU_TOKEN": OWN}
    assert access_of(shard(address=EU, token_env="EU_TOKEN"), env, GivenMachine())
    for fields in ({"address": EU}, {"token_env": "EU_TOKEN"}):
        with pytest.raises(JobError, match="name different servers"):
            access_of(shard(**fields), env, GivenMachine())


def test_two_shards_for_one_organization_are_refused() -> None:
    """At one address, in any case; at two addresses they are two organizations."""
    one, two = (Shard(name=name, where=f"fleet.toml: shard ({name})") for name in ("a", "b"))
    check_distinct([(one, EU, "acme"), (two, OTHER, "acme")])
    with pytest.raises(JobError) as caught:
        check_distinct([(one, EU, "acme"), (two, EU, "Acme")])
    assert str(caught.value) == (
        "fleet.toml: shard (b): shards a and b are both for Acme at https://tfe.eu.example: "
        "remove one of them"
    )
