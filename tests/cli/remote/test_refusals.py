"""What keeps a command from using a journal in a store: an exit code and one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.remote.machines import NOTHING, Machine, Site, site
from tests.cli.support import Done
from tests.journal.remote.servers import Environment, Server
from tests.journal.remote.tiny_s3 import tiny_s3

pytestmark = pytest.mark.long

READING = (("status",), ("report",), ("watch",), ("verify",), ("journal", "check"))
"""The commands that need no right to write."""
ELSEWHERE = {"AWS_ENDPOINT_URL": "http://192.0.2.1:80"}
"""A server on another machine that nobody has (RFC 5737)."""


class Refused(NamedTuple):
    """How a command ends that can't use the store."""

    code: int
    reason: str


WRONG_KEY = "the secret key is wrong"
NO_RIGHT = "the credentials don't have the right to put objects"
PLAIN = "plain http would show the journal to the network"


def refused(machine: Machine, expected: Refused, *words: str, more: Environment = NOTHING) -> None:
    """Run a command; it ends with a code and one sentence, on its last line."""
    log = machine.place.parent / f"{machine.place.name}.log"
    done = machine.run("--log-file", str(log), *words, more=more)
    assert done.code == expected.code, (words, done)
    assert done.out == ""
    assert expected.reason in _error(done), (words, done)
    for secret in machine.secrets:
        assert secret not in log.read_text()
    assert machine.written() == []


def _error(done: Done) -> str:
    (line,) = (line for line in done.err.splitlines() if line.startswith("Error: "))
    assert done.err.rstrip().endswith(line)
    return line


def applying(at: Site, journal: str) -> tuple[str, ...]:
    """Return the words of ``apply`` with another journal."""
    return (*unnamed(at), "--journal", journal)


def unnamed(at: Site) -> tuple[str, ...]:
    """Return the words of ``apply`` with a journal in the default place."""
    return ("apply", str(at.world.folder / "job.toml"), "--yes")


@pytest.fixture
def finished(here_and_there: Site) -> Site:
    """A store with the journal of a finished job."""
    done = here_and_there.machine("owner").run(*here_and_there.applying)
    assert done.code == 0, done
    here_and_there.world.simulator.effects.clear()
    return here_and_there


def test_a_wrong_key_is_named(finished: Site) -> None:
    """Reading ends with 1, writing with 14; nothing is sent to the workspaces."""
    stranger = finished.machine("stranger", finished.store.stranger)
    for words in (*READING, ("resume",), ("undo",)):
        more = ("--yes",) if words in (("resume",), ("undo",)) else ()
        refused(stranger, Refused(1, WRONG_KEY), *words, finished.journal, *more)
    new = applying(finished, f"{finished.journal}-new")
    refused(stranger, Refused(14, WRONG_KEY), *new)
    debugged = stranger.run("--debug", *new, debug=True)
    assert "Traceback" in debugged.err
    assert finished.world.writes == 0


def test_a_key_that_may_only_read_reads(finished: Site) -> None:
    """It shows, reports, watches, verifies and checks a journal; what writes ends with 14."""
    reader = finished.machine("reader", finished.store.reader)
    for words in READING:
        done = reader.run(*words, finished.journal)
        assert done.code == 0, (words, done)
    for words in (("resume",), ("undo",), ("journal", "repair")):
        more = "--accept-loss" if "repair" in words else "--yes"
        refused(reader, Refused(14, NO_RIGHT), *words, finished.journal, more)
    refused(reader, Refused(14, NO_RIGHT), *applying(finished, f"{finished.journal}-new"))
    default = {"BULKOPS_JOURNALS": f"{finished.at.parent}/default"}
    refused(reader, Refused(14, NO_RIGHT), *unnamed(finished), more=default)
    assert finished.world.writes == 0


def test_a_missing_bucket_is_named(moto_server: Server, tmp_path: Path) -> None:
    """It is no empty one: reading ends with 1, writing with 14."""
    with site(moto_server, tmp_path) as at:
        machine, nowhere = at.machine("one"), str(at.store.address("scan", bucket="nowhere"))
        for words in READING:
            refused(machine, Refused(1, "there is no bucket nowhere"), *words, nowhere)
        refused(machine, Refused(14, "there is no bucket nowhere"), *applying(at, nowhere))
        assert at.world.requests == 0


def test_an_absent_journal_is_named(here_and_there: Site) -> None:
    """A name at which nothing was written ends with 2."""
    machine = here_and_there.machine("one")
    for words in (*READING, ("resume",)):
        refused(machine, Refused(2, "there is no such journal"), *words, here_and_there.journal)
    assert here_and_there.world.writes == 0


@pytest.mark.parametrize("condition", ["if-none-match", "if-match"])
@pytest.mark.parametrize("default", [False, True])
def test_a_store_that_ignores_conditions_is_refused(
    tmp_path: Path, condition: str, *, default: bool
) -> None:
    """It ends with 2 before anything is sent, in the default place, too."""
    with tiny_s3(condition) as (server, _), site(server, tmp_path) as at:
        words, more = at.applying, NOTHING
        if default:
            words, more = unnamed(at), {"BULKOPS_JOURNALS": str(at.at.parent)}
        reason = Refused(2, "this store ignores conditional writes")
        refused(at.machine("one"), reason, *words, more=more)
        assert at.world.writes == 0


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Site]:
    """A store that isn't reached."""
    with tiny_s3() as (server, _), site(server, tmp_path) as at:
        yield at


def test_plain_http_to_another_machine_is_refused(alone: Site) -> None:
    """It ends with 2, whatever the command, before anything is sent to that machine."""
    machine = alone.machine("one", {**alone.store.env, **ELSEWHERE})
    for words in (("status",), ("resume",)):
        refused(machine, Refused(2, PLAIN), *words, alone.journal)
    refused(machine, Refused(2, PLAIN), *alone.applying)
    default = {"BULKOPS_JOURNALS": str(alone.at.parent)}
    refused(machine, Refused(2, PLAIN), *unnamed(alone), more=default)


def test_without_the_extra_it_says_what_to_install(alone: Site, tmp_path: Path) -> None:
    """It ends with 2; a journal in a file needs no extra."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    text = 'raise ModuleNotFoundError("No module named \'obstore\'", name="obstore")\n'
    (hidden / "obstore.py").write_text(text)
    machine = alone.machine("one", {**alone.store.env, "PYTHONPATH": str(hidden)})
    missing = Refused(2, 'needs the extra `remote`: pip install "bulkops[remote]"')
    for words in (("watch",), ("resume",)):
        refused(machine, missing, *words, alone.journal)
    refused(machine, missing, *alone.applying)
    default = {"BULKOPS_JOURNALS": str(alone.at.parent)}
    refused(machine, missing, *unnamed(alone), more=default)
    local = machine.run(*applying(alone, str(tmp_path / "scan.jsonl")))
    assert local.code == 0, local


GARBAGE = (b"", b"\xff\xfe", b"[]", b'{"holder":null,"nonce":"","n":0,"ttl":-1}', b"[" * 100_000)


def test_a_garbled_lease_counts_as_held(finished: Site) -> None:
    """By an unknown process, until it has been unchanged for 30 s; reading works."""
    machine, lease = finished.machine("one"), f"{finished.at.key}/lease"
    for garbage in GARBAGE:
        finished.bucket.put(lease, garbage)
        held = Refused(11, "is held by an unknown process (its lease can't be read)")
        refused(machine, held, "resume", finished.journal, "--yes")
        seen = machine.run("status", finished.journal)
        assert seen.code == 0, seen
        assert "in use" not in seen.out


@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\xfe", b"[]", b'{"journals":{"x":"../../other"}}', b"[" * 100_000]
)
def test_a_garbled_pointer_is_named(alone: Site, garbage: bytes) -> None:
    """A pointer that bulkops didn't write ends with 2; a named journal works."""
    alone.bucket.put(f"{alone.at.key}/current", garbage)
    machine = alone.machine("one")
    default = {"BULKOPS_JOURNALS": str(alone.at.parent)}
    unknown = Refused(2, f"{alone.at / 'current'}: is not written by bulkops")
    refused(machine, unknown, *unnamed(alone), more=default)
    assert alone.world.writes == 0
    done = machine.run(*applying(alone, f"{alone.at.parent}/named"), more=default)
    assert done.code == 0, done


def test_a_signature_is_not_repeated(azurite_server: Server, tmp_path: Path) -> None:
    """A shared access signature is part of each request's URL, and of no message."""
    with site(azurite_server, tmp_path) as at:
        owner = at.machine("owner").run(*at.applying)
        assert owner.code == 0, owner
        reader = at.machine("reader", azurite_server.reader)
        done = reader.run("status", at.journal)
        assert done.code == 0, done
        refused(reader, Refused(14, "right"), "resume", at.journal, "--yes")
        debugged = reader.run("--debug", "resume", at.journal, "--yes", debug=True)
        assert "Traceback" in debugged.err
        at.no_secret_stored()
