"""A command imports nothing that it doesn't need."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from bulkops.cli.command_table import OnDemand
from bulkops.simulator.faults import Faults
from tests.cli.command_tree import ON_DEMAND, Words, command_of
from tests.cli.support import World, ended
from tests.conftest import Here
from tests.sampling import first

RUN = """
import sys
from bulkops.cli import main
try:
    main()
finally:
    print(*sys.modules, sep="\\n", file=sys.stderr)
"""
"""Runs a command, and names every module that it imported."""

LATE = """
import sys
from bulkops.cli import main
from bulkops.client.transport import HttpTransport
send, before = HttpTransport.send, set()
async def sent(self, request, permit):
    before.update(() if before else sys.modules)
    return await send(self, request, permit)
HttpTransport.send = sent
try:
    main()
finally:
    print("late:", *sorted({*sys.modules} - before), file=sys.stderr)
"""
"""Runs a command, and names every module that it imported after its first request."""

FREEZING = """
import gc
from bulkops.cli.command_table import COMMANDS
before = gc.get_freeze_count()
next(command for command in COMMANDS if command.name == "apply").load()
print(before, gc.get_freeze_count(), len(gc.get_objects()))
"""
"""Loads a command, and prints how many objects are frozen before and after, and how many aren't."""

SENDING = {"aiohttp", "aiolimiter", "anyio", "asyncio", "prometheus_client", "ssl"}
HEAVY = {"pydantic", "structlog", "typer", "rich.console"}
OFFLINE: dict[tuple[str, ...], set[str]] = {
    ("check", "job.toml"): {"bulkops.events", "bulkops.journal", "bulkops.report"},
    ("check", "job.toml", "--json"): {"bulkops.cli.output.live"},
    ("status", "scan.jsonl"): {"bulkops.client.api", "jinja2"},
    ("status", "scan.jsonl", "--json"): {"bulkops.client.api", "jinja2"},
    ("report", "scan.jsonl"): {"jinja2", "bulkops.report.junit"},
    ("report", "scan.jsonl", "--format", "html"): {"bulkops.report.junit"},
    ("schema",): {"bulkops.client.api"},
    ("schema", "fleet"): {"bulkops.client.api"},
    ("schema", "events"): {"bulkops.client.api"},
    ("journal", "list"): {"bulkops.client.api", "jinja2"},
    ("journal", "check", "scan.jsonl"): {"bulkops.client.api"},
}
"""Command that sends no request → what it doesn't import besides ``SENDING`` and ``TOLD``."""


def imported(*arguments: str, folder: Path | None = None) -> set[str]:
    """Return the modules that a command imports in a fresh process."""
    command = [sys.executable, "-c", RUN, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return set(done.stderr.splitlines())


def test_commands_that_send_nothing_import_no_client(world: World, here: Here) -> None:
    """A command that sends nothing imports no HTTP client, event loop, pydantic or structlog."""
    assert here(*world.applying).code == 0
    for arguments, more in OFFLINE.items():
        needless = SENDING | HEAVY | more
        assert imported(*arguments, folder=world.folder) & needless == set(), arguments


def test_repair_imports_no_client(world: World, here: Here) -> None:
    """Writing a journal needs an event loop, but imports no client and no log."""
    assert here(*world.applying).code == 0
    found = imported("journal", "repair", "scan.jsonl", "--accept-loss", folder=world.folder)
    assert found & (HEAVY | {"aiohttp", "bulkops.client.api"}) == set()


@pytest.mark.parametrize(
    "arguments",
    first(
        2,
        [
            ("apply", "job.toml", "--journal", "scan.jsonl", "--yes"),
            ("status", "scan.jsonl"),
            ("plan", "job.toml"),
            ("apply", "--help"),
        ],
    ),
    ids=" ".join,
)
def test_a_journal_in_a_file_imports_no_object_storage(
    world: World, arguments: tuple[str, ...]
) -> None:
    """Only an address imports obstore, and the modules of journals in object storage."""
    if arguments[0] == "status":
        assert world.apply().code == 0
    done = ended(world.start_program([sys.executable, "-c", RUN, *arguments]))
    assert done.code == 0, done.err
    remote = ("obstore", "bulkops.journal.remote")
    assert [name for name in done.err.splitlines() if name.startswith(remote)] == []


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("task", "--help")])
def test_help_imports_no_command(arguments: tuple[str, ...]) -> None:
    """``--version`` and the help of groups import neither commands nor msgspec."""
    found = imported(*arguments)
    assert "click" in found
    assert found & {"msgspec", *SENDING, *HEAVY} == set()
    assert not [name for name in found if name.startswith("bulkops.cli.commands")]


def test_a_commands_modules_are_not_garbage() -> None:
    """No collection of garbage traverses the modules of a command while it runs."""
    done = subprocess.run([sys.executable, "-c", FREEZING], capture_output=True, check=True)
    before, frozen, others = map(int, done.stdout.split())
    assert before == 0
    assert frozen > 10 * others


def test_the_first_event_imports_structlog(world: World) -> None:
    """A command that sends nothing imports structlog only if an event is logged."""
    assert "structlog" in imported("--log-file", "log", "check", "job.toml", folder=world.folder)


@pytest.mark.parametrize("path", ON_DEMAND, ids=" ".join)
def test_the_table_has_the_first_sentence_of_each_command(path: Words) -> None:
    """The command loads, and its line in the group's help is its own first sentence."""
    listed = ON_DEMAND[path]
    loaded = command_of(path)
    assert loaded is not listed
    assert not isinstance(loaded, OnDemand)
    assert (loaded.help or "").split("\n\n")[0] == listed.short_help


def test_no_framework_is_installed_with_it() -> None:
    """Nothing that bulkops requires, not even indirectly, is pydantic or typer."""
    found, waiting = set[str](), ["bulkops"]
    while waiting:
        for requirement in requires(waiting.pop()) or ():
            needed, _, condition = requirement.partition(";")
            name = re.split(r"[^\w.-]", needed, maxsplit=1)[0].lower()
            # Conditions are on the Python or the system, or name an extra.
            if name not in found and not condition:
                found.add(name)
                waiting.append(name)
    assert "click" in found
    assert found & {"pydantic", "pydantic-core", "typer"} == set()


@pytest.mark.parametrize(
    "options", first(1, [("--json", "--metrics-file", "m.prom"), ("--debug",), ()]), ids=" ".join
)
def test_a_rollout_imports_nothing_once_it_sends(world: World, options: tuple[str, ...]) -> None:
    """While a rollout sends, an import may fail for lack of a descriptor or a disk."""
    world.job(("[pace]", '[rollout]\nwaves = ["1"]\ngate = "true"\n[pace]'))
    world.environment["TFE_ADDRESS"] = world.address.replace("127.0.0.1", "localhost")
    world.simulator.faults = Faults.parse("POST:close-after=30%,POST:503=20%", seed=3)
    before = options[:1] if "--debug" in options else ()
    after = () if before else options
    assert world.apply("--limit", "1").code == 0
    world.journal.unlink()
    process = world.start_program([sys.executable, "-c", LATE, *before, *world.applying, *after])
    done = ended(process, debug=True)
    assert done.code == 0, done.err
    assert done.err.splitlines()[-1] == "late:"
