"""Tokens are found in Terraform's CLI configuration, in the order that Terraform documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulkops.client.access.address import Destination
from bulkops.client.access.cli_config import cli_config
from bulkops.client.access.credentials import bound_token, resolve_token
from bulkops.errors import BulkopsError
from tests.client.machine import GivenMachine

HOST = Destination("https://tfe.example.com")
HOME = {"HOME": "/home/ann"}
RC = Path("/home/ann/.terraformrc")
FOLDER = Path("/home/ann/.terraform.d")
LOGIN = FOLDER / "credentials.tfrc.json"
PROGRAM = FOLDER / "plugins/terraform-credentials-op"
HELPER = 'credentials_helper "op" { args = ["--vault", "a b"] }\n'


def block(token: str, host: str = "tfe.example.com") -> str:
    """Return a ``credentials`` block."""
    return f'credentials "{host}" {{\n  token = "{token}"\n}}\n'


def found(machine: GivenMachine, **env: str) -> tuple[str, str]:
    """Return the token for ``HOST``, and its origin."""
    token = resolve_token(HOST, HOME | env, machine)
    return token.text, token.origin


def missing(machine: GivenMachine, **env: str) -> str:
    """Return the message that there is no token for ``HOST``."""
    with pytest.raises(BulkopsError, match=r"^no token for tfe\.example\.com: ") as caught:
        resolve_token(HOST, HOME | env, machine)
    return str(caught.value)


@pytest.mark.parametrize("host", ["tfe.example.com", "TFE.Example.com", "tfe.example.com:443"])
def test_a_block_in_terraformrc_is_found(host: str) -> None:
    """A block of ~/.terraformrc is for its host, in any case, with or without the port 443."""
    assert found(GivenMachine({RC: block("x", host)})) == ("x", str(RC))


@pytest.mark.parametrize("host", ["münchen.example.com", "MÜNCHEN.example.com:443"])
def test_a_name_beyond_ascii_is_its_punycode(host: str) -> None:
    """Terraform compares both forms, in files and variables; an address has only punycode."""
    asked = Destination("https://xn--mnchen-3ya.example.com")
    machine = GivenMachine({RC: block("x", host)})
    assert resolve_token(asked, HOME, machine).text == "x"
    variable = {"TF_TOKEN_münchen_example_com": "y"}
    assert resolve_token(asked, HOME | variable, machine).text == "y"
    broken = GivenMachine({RC: block("x", "ü" * 99) + block("y")})
    assert found(broken) == ("y", str(RC))


def test_blocks_in_json_syntax_may_be_lists() -> None:
    """That is how JSON repeats a block."""
    text = (
        '{"credentials": [{"a.com": null}, {"tfe.example.com": [{"token": "x"}]}], '
        '"credentials_helper": [{"op": [{"args": ["-v"]}]}]}'
    )
    machine = GivenMachine({RC: text}, {PROGRAM: "{}"})
    assert found(machine) == ("x", str(RC))
    del machine.files[RC]
    machine.files[LOGIN] = text.replace("tfe.", "b.")
    assert "the credentials helper op" in missing(machine)
    assert machine.run == [("terraform-credentials-op", "-v", "get", "tfe.example.com")]


def test_later_files_replace_earlier_ones() -> None:
    """~/.terraformrc, then the files of ~/.terraform.d by name, as in Terraform."""
    files = {RC: block("rc"), LOGIN: '{"credentials": {"tfe.example.com": {"token": "login"}}}'}
    assert found(GivenMachine(files)) == ("login", str(LOGIN))
    files[FOLDER / "zone.tfrc"] = block("zone")
    files[FOLDER / "azure.tfrc"] = block("azure")
    files[FOLDER / "zzz.txt"] = block("not a configuration")
    assert found(GivenMachine(files)) == ("zone", str(FOLDER / "zone.tfrc"))


@pytest.mark.parametrize("variable", ["TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG"])
def test_a_variable_names_the_file(variable: str) -> None:
    """It is read in place of ~/.terraformrc, and before what ``terraform login`` wrote."""
    files = {RC: block("rc"), LOGIN: block("login"), FOLDER / "a.tfrc": block("a")}
    machine = GivenMachine(files | {Path("ci.tfrc"): block("ci")})
    assert found(machine, **{variable: "ci.tfrc"}) == ("ci", "ci.tfrc")
    assert found(machine, TF_CLI_CONFIG_FILE="ci.tfrc", TERRAFORM_CONFIG="x") == ("ci", "ci.tfrc")
    assert found(machine, **{variable: "none.tfrc"}) == ("login", str(LOGIN))
    assert {*machine.read} == {LOGIN, Path("ci.tfrc"), Path("none.tfrc")}
    del machine.files[LOGIN]
    assert missing(machine, **{variable: "none.tfrc"}) == (
        "no token for tfe.example.com: tried TFE_TOKEN, TF_TOKEN_tfe_example_com, "
        f"{LOGIN} and none.tfrc ({variable}); set one of them, or run: "
        "terraform login tfe.example.com"
    )


@pytest.mark.parametrize(
    "entries",
    [
        '"old.example.com": null',
        '"old.example.com": 1, "b.com": {"token": 5}, "c.com": {}',
        '"old.example.com": {"token": null}, "ö": []',
    ],
)
def test_entries_of_other_hosts_do_not_matter(entries: str) -> None:
    """Whatever another host has, the own token is found."""
    text = f'{{"credentials": {{{entries}, "tfe.example.com": {{"token": "x"}}}}}}'
    assert found(GivenMachine({LOGIN: text})) == ("x", str(LOGIN))


@pytest.mark.parametrize("entry", ["null", "{}", '{"token": null}', '{"token": ""}'])
def test_an_empty_entry_is_no_token(entry: str) -> None:
    """The message then lists every file that was read."""
    text = f'{{"credentials": {{"tfe.example.com": {entry}}}}}'
    machine = GivenMachine({LOGIN: text, FOLDER / "a.tfrc": ""})
    assert f"{RC}, {FOLDER / 'a.tfrc'} and {LOGIN}; set" in missing(machine)
    with pytest.raises(BulkopsError, match=r"and ~/\.terraform\.d/\S+ \(HOME is not set\)"):
        resolve_token(HOST, {}, machine)


@pytest.mark.parametrize("entry", ["5", '"s3cret"', '{"token": 5}', '{"token": ["s3cret"]}'])
def test_an_unreadable_entry_of_the_host_is_named(entry: str) -> None:
    """The message names file, host and the right form, but not what is there."""
    text = f'{{"credentials": {{"tfe.example.com": {entry}}}}}'
    with pytest.raises(BulkopsError, match=r"what it has for tfe\.example\.com is not") as caught:
        found(GivenMachine({LOGIN: text}))
    assert str(LOGIN) in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_helper_is_asked_for_what_no_block_has() -> None:
    """The program gets its arguments, ``get`` and the host; a block comes first, even empty."""
    machine = GivenMachine({RC: HELPER}, {PROGRAM: '{"token": "helped"}'})
    assert found(machine) == ("helped", "the credentials helper op")
    assert machine.run == [("terraform-credentials-op", "--vault", "a b", "get", "tfe.example.com")]
    machine.files[LOGIN] = block("login")
    assert found(machine) == ("login", str(LOGIN))
    machine.files[LOGIN] = block("")
    assert "helper" not in missing(machine)
    assert len(machine.run) == 1


def test_a_helper_in_the_folder_of_the_system_is_found() -> None:
    """As Terraform, bulkops also looks in ``plugins/linux_amd64``, and runs no other program."""
    there = FOLDER / "plugins/linux_amd64/terraform-credentials-op"
    machine = GivenMachine({RC: HELPER}, {there: '{"token": "helped"}'})
    assert found(machine)[0] == "helped"
    machine.programs = {Path("/usr/bin/terraform-credentials-op"): '{"token": "no"}'}
    assert f"and the credentials helper op (there is no {PROGRAM} or {there}); set" in missing(
        machine
    )
    machine.files = {Path("a.tfrc"): HELPER}
    with pytest.raises(BulkopsError, match=r"the credentials helper op \(HOME is not set\)"):
        resolve_token(HOST, {"TF_CLI_CONFIG_FILE": "a.tfrc"}, machine)


@pytest.mark.parametrize(
    ("names", "run"),
    [
        (["op_v1.9.0", "op_v1.10.0-rc1", "op_v1.10.0", "op"], "op_v1.10.0"),
        (["op_v2.0.0-beta_x4", "op_v1.9.0_x5", "op"], "op_v2.0.0-beta_x4"),
        (["op.exe", "op_vault", "op_v", "opa_v3.0.0", "op_v9.0.0.bak"], "op.exe"),
        (["op", "linux_amd64/terraform-credentials-op_v0.1.0"], "op_v0.1.0"),
    ],
)
def test_the_newest_version_of_a_helper_is_run(names: list[str], run: str) -> None:
    """The version is a part of the file's name, as in all of Terraform's plugins."""
    programs = {PROGRAM.parent / "terraform-credentials-x": "{}"}
    for name in names:
        path = name if "/" in name else f"terraform-credentials-{name}"
        programs[PROGRAM.parent / path] = '{"token": "helped"}'
    machine = GivenMachine({RC: HELPER}, programs)
    assert found(machine)[0] == "helped"
    assert [called[0] for called in machine.run] == [f"terraform-credentials-{run}"]


@pytest.mark.parametrize("answer", ["{}", '{"token": ""}', '{"token": null, "more": 1}'])
def test_a_helper_without_a_token_is_one_of_the_places(answer: str) -> None:
    """An object without a token means that the helper has none."""
    machine = GivenMachine({RC: HELPER}, {PROGRAM: answer})
    assert f"{LOGIN} and the credentials helper op; set" in missing(machine)


@pytest.mark.parametrize("answer", ["", "s3cret", '"s3cret"', '{"token": "s3c', "[" * 100_000])
def test_a_helper_that_prints_something_else_is_named(answer: str) -> None:
    """What it printed may be a token, and is not shown."""
    machine = GivenMachine({RC: HELPER}, {PROGRAM: answer})
    with pytest.raises(BulkopsError, match="it printed no JSON object") as caught:
        found(machine)
    assert str(PROGRAM) in str(caught.value)
    assert "s3c" not in str(caught.value)


def test_a_helper_is_not_asked_for_a_host_that_only_a_file_names() -> None:
    """It may have one token for every host, and a file's author must not get that."""
    machine = GivenMachine({RC: HELPER}, {PROGRAM: '{"token": "helped"}'})
    assert bound_token(HOST.address, HOME, machine, ask_helper=False) is None
    with pytest.raises(BulkopsError, match="no token for"):
        resolve_token(HOST._replace(bound=True), HOME, machine)
    assert machine.run == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('credentials_helper "../../x" {}', 'credentials_helper "../../x" is not like this'),
        ('credentials_helper "x" { args = "-v" }', 'credentials_helper "x" is not like this'),
        ('credentials_helper "x" { args = [1] }', 'credentials_helper "x" is not like this'),
        ("credentials_helper = 1", "credentials_helper has no name"),
        (HELPER + 'credentials_helper "x" {}', f"more than one credentials_helper: op in {RC} and"),
    ],
)
def test_a_malformed_helper_is_named(text: str, message: str) -> None:
    """The message says what is wrong; no program runs."""
    machine = GivenMachine({RC: text}, {PROGRAM: '{"token": "helped"}'})
    with pytest.raises(BulkopsError) as caught:
        found(machine)
    assert message in str(caught.value)
    assert machine.run == []


def test_on_windows_the_files_are_below_appdata() -> None:
    """``terraform.rc`` and ``terraform.d``, as Terraform names them there."""
    machine = GivenMachine({Path("C:/ann/terraform.rc"): block("x")})
    config = cli_config({"APPDATA": "C:/ann", "HOME": "/c"}, machine, windows=True)
    assert config.entries["tfe.example.com"].file == Path("C:/ann/terraform.rc")
    assert machine.read[-1] == Path("C:/ann/terraform.d/credentials.tfrc.json")
