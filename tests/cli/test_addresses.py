"""Requests and the token go only to the user's server, whatever a journal or plan names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from hashlib import sha256
from itertools import product
from pathlib import Path
from zlib import crc32

import pytest

from bulkops.api.messages import Request
from bulkops.client.access.address import VARIABLES
from tests.cli.support import NOBODY, TOKEN, StagedSimulator, World, organization, serving
from tests.cli.test_bad_connections import threaded, tunnel
from tests.conftest import Here

COMMANDS = {
    "resume": ("resume", "scan.jsonl", "--yes"),
    "resume all": ("resume", "scan.jsonl", "--retry-failed", "--continue", "--yes"),
    "verify": ("verify", "scan.jsonl"),
    "undo": ("undo", "scan.jsonl", "--journal", "new.jsonl", "--yes"),
    "undo, going on": ("undo", "scan.jsonl", "--journal", "back.jsonl", "--yes"),
    "apply JOB, going on": ("apply", "job.toml", "--journal", "scan.jsonl", "--yes"),
    "apply PLAN": ("apply", "scan.plan", "--journal", "new.jsonl"),
    "apply PLAN, going on": ("apply", "scan.plan", "--journal", "planned.jsonl"),
    "apply PLAN, in the default folder": ("apply", "scan.plan"),
}
UNNAMED = dict.fromkeys(VARIABLES, "")
BOUND = "bound-token-51ab"


@pytest.fixture
def files(world: World, here: Here) -> World:
    """A saved plan, a journal, those of its undo and of the plan, with the world's address."""
    assert here("plan", "job.toml", "--out", "scan.plan").code == 0
    assert here(*world.applying).code == 0
    assert here("undo", "scan.jsonl", "--journal", "back.jsonl", "--yes").code == 0
    assert here("apply", "scan.plan", "--journal", "planned.jsonl").code == 0
    return world


@pytest.fixture
def elsewhere() -> Iterator[tuple[StagedSimulator, str]]:
    """Another server with the same organization, and its address."""
    other = StagedSimulator(rate=0)
    organization(other)
    with serving(other) as address:
        yield other, address


def _forged(path: Path, old: str, new: str) -> None:
    """Replace some text of a file's first line; all checksums and digests are correct."""
    first, *rest = path.read_bytes().splitlines(keepends=True)
    assert old.encode() in first
    lines = [first.replace(old.encode(), new.encode()), *rest]
    if path.suffix == ".plan":
        seal = sha256(b"".join(lines[:-1])).hexdigest()
        lines[-1] = b'{"type":"digest","sha256":"%b"}\n' % seal.encode()
    else:
        crc, trailer = 0, len(b'"crc":"00000000"}\n')
        for number, line in enumerate(lines):
            crc = crc32(line[:-trailer], crc)
            lines[number] = line[:-trailer] + b'"crc":"%08x"}\n' % crc
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("named_by", ["--address", *VARIABLES])
def test_a_file_for_another_server_is_refused(
    files: World, here: Here, elsewhere: tuple[StagedSimulator, str], named_by: str
) -> None:
    """Exit 13 before any request to either server; both addresses and where each is from."""
    other, address = elsewhere
    # A host's name alone means https.
    named = address if named_by in ("--address", "TFE_ADDRESS") else "https://tfe.example"
    words = ("--address", named) if named_by == "--address" else ()
    environment = UNNAMED | ({} if words else {named_by: named.removeprefix("https://")})
    requests = files.requests
    for command in COMMANDS.values():
        done = here(*command, *words, **environment)
        assert (done.code, done.out) == (13, ""), command
        assert f"is for {files.address}, but {named_by} names {named}" in done.err
        assert f"pass --address {files.address}" in done.err
        assert (files.requests, other.stats.requests) == (requests, 0), command


def test_a_forged_address_gets_no_token(
    files: World, here: Here, elsewhere: tuple[StagedSimulator, str]
) -> None:
    """An intact file that names another server is refused, whether or not the user named one."""
    other, address = elsewhere
    for path in files.folder.iterdir():
        if path.suffix in (".jsonl", ".plan"):
            _forged(path, files.address, address)
    requests = files.requests
    for command, environment in product(COMMANDS.values(), ({}, UNNAMED)):
        done = here(*command, **environment)
        assert (done.code, done.out) == (13, ""), command
        assert f"is for {address}" in done.err
        assert f"pass --address {address}" in done.err
        assert (files.requests, other.stats.requests) == (requests, 0), command


def test_a_files_address_alone_gets_only_a_token_bound_to_it(files: World, here: Here) -> None:
    """If the user names none, exit 13 names the variable to set, unless a token is bound to it."""
    tokens: set[str] = set()
    files.simulator.before = lambda request: tokens.add(request.headers["authorization"])
    host = files.address.removeprefix("http://").replace(".", "_")
    token = f"TF_TOKEN_{host}"
    for name, command in COMMANDS.items():
        done = here(*command, **UNNAMED, **{token: ""})
        assert (done.code, done.out) == (13, ""), name
        assert f"set TFE_ADDRESS={files.address} or pass --address {files.address}" in done.err
        assert not tokens, name
        assert here(*command, **UNNAMED, **{token: BOUND}).code in (0, 3), name
        assert tokens == {f"Bearer {BOUND}"}, name
        tokens.clear()


@pytest.mark.parametrize("number", [0, 1])
def test_a_plan_and_its_journal_must_agree(files: World, here: Here, number: int) -> None:
    """One of two files that names another server stops both, and an undo as well."""
    _forged(files.folder / ("scan.plan", "planned.jsonl")[number], files.address, NOBODY)
    _forged(files.folder / ("scan.jsonl", "back.jsonl")[number], files.address, NOBODY)
    requests = files.requests
    for command in (COMMANDS["apply PLAN, going on"], COMMANDS["undo, going on"]):
        assert here(*command).code == 13
        assert here(*command, "--address", NOBODY).code == 13
    assert files.requests == requests


ODD = {
    "https://ann:hunter2@tfe.example": "contains a user or password",
    "http://127.0.0.1@tfe.example": "contains a user or password",
    "https://tfe.example/x/..": "contains a path or query",
    "https://tfe.example#": "is for https://tfe.example",
    "https://t\\u00e4fe.example": "not an address such as",
    "https://tfe.\\u001b]0;example": "contains spaces or control characters",
    "https://tfe.example\\n": "contains spaces or control characters",
    "https://2130706433:9": "not an address such as",
    "": "not an address such as",
}
"""Address in JSON → a part of the message."""


def test_an_odd_address_in_a_file_is_never_used(files: World, here: Here) -> None:
    """An odd address is refused with a message, whatever token there is, and never printed."""
    paths = [files.folder / name for name in ("scan.jsonl", "scan.plan")]
    sound = [path.read_bytes() for path in paths]
    commands = (COMMANDS["resume"], COMMANDS["verify"], COMMANDS["apply PLAN"])
    environments: tuple[dict[str, str], ...] = ({}, UNNAMED, UNNAMED | {"TF_TOKEN_tfe_example": ""})
    for text, words in ODD.items():
        for path, data in zip(paths, sound, strict=True):
            path.write_bytes(data)
            _forged(path, files.address, text)
        for command, environment in product(commands, environments):
            done = here(*command, **environment)
            assert done.code == 13, (text, command)
            assert words in done.err
            assert "hunter2" not in done.err
            assert "\x1b" not in done.err


def test_an_address_in_another_spelling_is_the_same(files: World, here: Here) -> None:
    """Capitals and a final slash, in a journal that the library wrote, a variable, an option."""
    spelled = files.address.replace("http", "HTTP") + "/"
    for name in ("scan.jsonl", "scan.plan"):
        _forged(files.folder / name, files.address, spelled)
    assert here(*COMMANDS["verify"], TFE_ADDRESS=files.address + "/").code == 0
    assert here(*COMMANDS["verify"], "--address", spelled, TFE_ADDRESS=NOBODY).code == 0
    assert here(*COMMANDS["apply PLAN"]).code == 0


def test_two_variables_that_differ_are_exit_2(files: World, here: Here) -> None:
    """Every command that sends requests names both and sends nothing; ``--address`` decides."""
    for command in (
        *COMMANDS.values(),
        ("plan", "job.toml"),
        ("workspaces", "job.toml"),
        ("coverage", "job.toml"),
        ("apply", "job.toml", "--yes"),
        ("task", "list", "--organization", "acme"),
        ("workspace-task", "list", "prod-001", "--organization", "acme"),
    ):
        requests, environment = files.requests, {"TFE_HOSTNAME": "tfe.example"}
        done = here(*command, **environment)
        assert (done.code, done.out, files.requests) == (2, "", requests), command
        assert f"TFE_ADDRESS = {files.address} and TFE_HOSTNAME = https://tfe.example" in done.err
        assert here(*command, "--address", files.address, **environment).code in (0, 3), command
        assert files.requests > requests, command


def test_tfe_hostname_names_the_server(here: Here) -> None:
    """With the provider's variable set, the token is not sent to HashiCorp."""
    done = here("plan", "job.toml", **UNNAMED | {"TFE_HOSTNAME": "tfe.invalid"})
    assert done.code == 1
    assert "https://tfe.invalid" in done.err
    assert "app.terraform.io" not in done.err


def test_the_default_in_a_file_needs_no_naming(files: World, here: Here) -> None:
    """A journal of HCP Terraform is resumed as before; the proxy does not get the token."""
    _forged(files.folder / "scan.jsonl", files.address, "https://app.terraform.io")
    heads: list[str] = []
    with threaded(tunnel(heads)) as proxy:
        assert here(*COMMANDS["verify"], **UNNAMED, HTTPS_PROXY=proxy).code == 1
    assert heads
    assert all(head.startswith("CONNECT app.terraform.io:443") for head in heads)
    assert not any(TOKEN in head for head in heads)


def test_another_servers_journal_in_the_default_folder_is_unchanged(
    world: World, here: Here, elsewhere: tuple[StagedSimulator, str]
) -> None:
    """The same job at another server starts its own journal there."""
    other, address = elsewhere

    def refuse(_request: Request) -> None:
        if world.writes >= 4:
            world.simulator.tokens = {}

    world.simulator.before = refuse
    assert here("apply", "job.toml", "--yes").code == 1
    (journal,) = (world.folder / ".bulkops" / "scan").glob("*.jsonl")
    before, requests = journal.read_bytes(), world.requests
    assert here("apply", "job.toml", "--yes", "--address", address).code == 0
    assert len(other.effects) == 12
    assert (world.requests, journal.read_bytes()) == (requests, before)


def test_a_default_journal_may_spell_the_address_differently(world: World, here: Here) -> None:
    """A journal of the same server is resumed, however it spells the address."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.simulator.before = lambda _: setattr(
        world.simulator, "tokens", {} if world.writes >= 4 else None
    )
    assert here("apply", "job.toml", "--yes").code == 1
    world.simulator.before, world.simulator.tokens = None, None
    (journal,) = (world.folder / ".bulkops" / "scan").glob("*.jsonl")
    _forged(journal, world.address, world.address.upper())
    assert here("apply", "job.toml", "--yes").code == 0
    assert set(world.changed().values()) == {1}


def test_the_next_commands_name_the_server_as_this_one_did(world: World, here: Here) -> None:
    """Suggested commands repeat ``--address``, but not an address from a variable."""
    server = f"--address {world.address}"
    planned = here("plan", "job.toml", "--out", "scan.plan", *server.split(), **UNNAMED)
    assert f"`bulkops apply scan.plan {server}` carries out exactly this plan." in planned.out
    done = here(*COMMANDS["apply PLAN"], *server.split(), **UNNAMED)
    assert f"`bulkops verify new.jsonl {server}`" in done.err
    assert f"`bulkops undo new.jsonl {server}`" in done.err
    assert "`bulkops report new.jsonl`" in done.err
    shutil.copy(world.folder / "new.jsonl", world.folder / "scan.jsonl")
    assert "--address" not in here(*COMMANDS["resume"]).err
    assert "--address" not in here("status", "new.jsonl").err
