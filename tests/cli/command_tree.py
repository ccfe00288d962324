"""Every command by its words, and the examples that its help shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bulkops.cli.app import app
from bulkops.cli.command_table import OnDemand

Words = tuple[str, ...]


def names(command: Any) -> list[str]:
    """Return a group's commands; empty for a command that is not a group."""
    return list(command.list_commands(None)) if hasattr(command, "list_commands") else []


def _commands(command: Any = app, path: Words = ()) -> Iterator[Words]:
    yield path
    for name in names(command):
        yield from _commands(command.get_command(None, name), (*path, name))


PATHS = list(_commands())
LEAVES = [path for path in PATHS if not any(p[:-1] == path for p in PATHS if p)]


def _listed(path: Words) -> Any:
    command: Any = app
    for name in path:
        command = command.get_command(None, name)
    return command


ON_DEMAND: dict[Words, OnDemand] = {
    path: _listed(path) for path in LEAVES if isinstance(_listed(path), OnDemand)
}
"""Every command that is loaded when it is called, as its group lists it."""


def command_of(path: Words) -> Any:
    """Return the command with these words."""
    return ON_DEMAND[path].load() if path in ON_DEMAND else _listed(path)


def examples_of(path: Words) -> list[str]:
    """Return the command lines of a command's Examples block, each on one line."""
    _, found, block = (command_of(path).help or "").partition("\b\nExamples:\n")
    lines = re.sub(r" \\\n +", " ", block).split("\n\n")[0].splitlines() if found else []
    return [line.strip() for line in lines]


EXAMPLES = [(path, example) for path in LEAVES for example in examples_of(path)]
