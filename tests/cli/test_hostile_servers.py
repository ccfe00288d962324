"""Hostile answers cause a clear error, soon and in little memory, in every command.

Each command is the real one, in its own process.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from bulkops.api.messages import Request
from tests.cli.attacks import GARBAGE, LISTS, LOST, MB, REFUSALS, TOO_MUCH, ok
from tests.cli.forked import Forked, Order
from tests.cli.hostile import Attack, Hostile, listening, says
from tests.cli.support import (
    JOB,
    TASK,
    TOKEN,
    Done,
    StagedSimulator,
    ended,
    organization,
    workspaces,
)
from tests.client.raw_server import http

MOST_MEMORY = 256 * MB
"""45 MB of it are Python and its imports; the rest is the size of 13 bodies."""


class Place:
    """A hostile server, a folder with a job file, and the command in it."""

    def __init__(self, hostile: Hostile, address: str, folder: Path) -> None:
        self.hostile = hostile
        self.folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TFE_ADDRESS": address,
            "TFE_TOKEN": TOKEN,
            "TFE_ORGANIZATION": "acme",
        }
        job = JOB.replace("[pace]", "[pace]\nmax_at_once = 1")
        (folder / "job.toml").write_text(job, encoding="utf-8")

    def run(self, *arguments: str) -> Done:
        """Run a command within the bounds; nothing that it prints moves a terminal's cursor.

        One that doesn't end soon is killed, which fails the test.
        """
        order = Order(arguments, str(self.folder), self._environment, answer_seconds=0.25)
        done = ended(process := Forked(order), debug="--debug" in arguments)
        assert process.memory < MOST_MEMORY
        output = done.out + done.err
        assert len(output) < 20_000
        assert all(line.isprintable() for line in output.split("\n"))
        return done

    def attacked(self, attack: Attack, picked: Callable[[Request], bool], *words: str) -> Done:
        """Run a command while the picked requests get that answer."""
        self.hostile.attack, self.hostile.picked = attack, picked
        done = self.run(*words)
        assert self.hostile.struck
        self.hostile.picked = nothing
        return done


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Three workspaces at a server that is not hostile yet."""
    simulator = StagedSimulator(rate=0, duplicate_attach="accept")
    organization(simulator, 3)
    hostile = Hostile(simulator)
    with listening(hostile) as address:
        yield Place(hostile, address, tmp_path)


def nothing(_request: Request) -> bool:
    """Pick no request."""
    return False


def reads(request: Request) -> bool:
    """Pick every read but the ping, whose unusable answers are replaced by defaults."""
    return not request.writes and not request.path.endswith("/ping")


def writes(request: Request) -> bool:
    """Pick every write."""
    return request.writes


def failed(done: Done) -> None:
    """Check that a command ended with an error message and nothing else."""
    assert done.code == 1
    assert done.out == ""
    assert "Error: " in done.err


ATTACKS = {**LOST, **LISTS, **REFUSALS}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_read_ends_in_an_error(place: Place, attack: Attack) -> None:
    """Any other answer than a list is exit 1 with a message, soon and in little memory."""
    failed(place.attacked(attack, reads, "plan", "job.toml"))


@pytest.mark.parametrize("attack", LOST.values(), ids=LOST)
def test_a_write_is_read_back_and_adopted(place: Place, attack: Attack) -> None:
    """After any other answer to a write, its effect is read back, adopted, and made once."""
    words = ("apply", "job.toml", "--journal", "scan.jsonl", "--yes", "--json")
    done = place.attacked(attack, writes, *words)
    assert done.code == 0
    assert [one["outcome"] for one in done.objects if one["type"] == "result"] == ["succeeded"] * 3
    assert done_to(place) == workspaces(3)


def done_to(place: Place) -> list[str]:
    """Return the workspaces that were really changed, in order."""
    return [effect.names["workspace"] for effect in place.hostile.simulator.effects]


SOME_LOST = {
    "other types": GARBAGE["other types"],
    "nested deeply": GARBAGE["nested deeply"],
    "chunks that are none": GARBAGE["chunks that are none"],
    "a body without end": TOO_MUCH["a body without end"],
}
SOME = (
    *SOME_LOST.values(),
    REFUSALS["errors in errors"],
    REFUSALS["errors for the terminal"],
)
BY_ID = "task-aaaaaaaaaaaaaaaa"
APPLYING = ("apply", "job.toml", "--journal", "scan.jsonl", "--yes")
READING = {
    "apply": APPLYING,
    "verify": ("verify", "scan.jsonl"),
    "undo": ("undo", "scan.jsonl", "--yes"),
    "resume": ("resume", "scan.jsonl", "--yes"),
    "task list": ("task", "list", "--include", "workspace_tasks.workspace"),
    "task show": ("task", "show", BY_ID),
    "task update": ("task", "update", BY_ID, "--disabled", "--yes"),
    "task delete": ("task", "delete", TASK, "--yes"),
    "workspace-task list": ("workspace-task", "list", "prod-001"),
    "workspace-task show": ("workspace-task", "show", "prod-001", TASK),
    "workspace-task detach": ("workspace-task", "detach", "prod-001", TASK, "--yes"),
}


@pytest.mark.parametrize("words", READING.values(), ids=READING)
def test_no_command_is_harmed_by_what_it_reads(place: Place, words: tuple[str, ...]) -> None:
    """Every command that reads the server ends with an error, and has changed nothing."""
    if words[1] == "scan.jsonl":
        place.run(*APPLYING)
    before = done_to(place)
    for attack in SOME:
        assert place.attacked(attack, reads, *words).code == 1
    assert done_to(place) == before


@pytest.mark.parametrize("attack", SOME_LOST.values(), ids=SOME_LOST)
def test_a_resumed_or_undone_job_is_adopted(place: Place, attack: Attack) -> None:
    """A job stopped by a 401 to its first write is resumed and undone: each change is made once."""
    assert place.attacked(says(http(401)), writes, *APPLYING).code == 1
    assert done_to(place) == workspaces(1)
    assert place.attacked(attack, writes, "resume", "scan.jsonl", "--yes").code == 0
    assert done_to(place) == workspaces(3)
    assert place.attacked(attack, writes, "undo", "scan.jsonl", "--yes").code == 0
    assert done_to(place) == workspaces(3) * 2


WRITING = {
    "task create": ("task", "create", "new", "--url", "https://scan.example.com"),
    "task update": ("task", "update", TASK, "--disabled", "--yes"),
    "task delete": ("task", "delete", "spare", "--yes"),
    "workspace-task attach": (
        *("workspace-task", "attach", "prod-002", TASK),
        *("--enforcement-level", "advisory"),
    ),
    "workspace-task update": (
        *("workspace-task", "update", "prod-001", TASK),
        *("--enforcement-level", "mandatory", "--yes"),
    ),
    "workspace-task detach": ("workspace-task", "detach", "prod-001", TASK, "--yes"),
}


@pytest.mark.parametrize("words", WRITING.values(), ids=WRITING)
def test_a_lost_single_write_is_reported_as_in_doubt(place: Place, words: tuple[str, ...]) -> None:
    """Without a journal the user has to check: exit 1, and the message names the command."""
    simulator = place.hostile.simulator
    simulator.add_task("spare")
    simulator.attach("prod-001", TASK)
    failed(done := place.attacked(SOME_LOST["a body without end"], writes, *words))
    assert "may or may not have taken effect. Check before you try again: bulkops " in done.err
    assert len(simulator.effects) == 1


def test_no_other_host_is_asked(place: Place) -> None:
    """A link to another host is not followed; an empty page that promises more is an error."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/more"
        body = f'{{"data":[],"links":{{"next":"{url}"}}}}'.encode()
        assert place.attacked(ok(body), reads, "task", "list").code == 1
        redirect = says(http(307, Location=url))
        assert place.attacked(redirect, writes, *WRITING["task create"]).code == 1
        elsewhere.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_an_unusable_ping_is_replaced_by_defaults(place: Place) -> None:
    """Malformed limits and versions are neither used nor printed unescaped."""
    headers = {"X_RateLimit_Limit": "nan", "X_RateLimit_Remaining": "-inf"}
    answer = http(200, b"{", **headers, X_RateLimit_Reset="0.1", X_TFE_Version="\x9bv1\u202e")
    done = place.attacked(says(answer), lambda r: r.path.endswith("/ping"), "plan", "job.toml")
    assert done.code == 0


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["text", "json"])
def test_logs_are_safe_to_print_in_a_terminal(place: Place, json: tuple[str, ...]) -> None:
    """Request ids, reasons and errors in the log of ``--debug`` come from a server, too."""
    attack = REFUSALS["errors for the terminal"]
    done = place.attacked(attack, reads, "--debug", "task", "list", *json)
    assert done.code == 1
    logged = [line for line in done.err.splitlines() if "request_finished" in line]
    assert len(logged) == 1
    if json:
        assert msgspec.json.decode(logged[0])["request_id"] == "[31m"
