"""``--help``: what every command says of itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from bulkops.cli.app import app
from tests.conftest import Here

ROOT = typer.main.get_command(app)


def _names(command: Any) -> list[str]:
    return list(command.list_commands(None)) if hasattr(command, "list_commands") else []


def _commands(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name in _names(command):
        yield from _commands(command.get_command(None, name), (*path, name))


PATHS = list(_commands())
LEAVES = [path for path in PATHS if not any(p[:-1] == path for p in PATHS if p)]


def _command(path: tuple[str, ...]) -> Any:
    command: Any = ROOT
    for name in path:
        command = command.get_command(None, name)
    return command


def _examples(path: tuple[str, ...]) -> list[str]:
    text = (_command(path).help or "").split("Examples")[-1]
    return re.findall(r"`(bulkops [^`]*)`", text)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_fits_a_terminal(here: Here, path: tuple[str, ...]) -> None:
    """``--help`` exits 0, on stdout, and fits 80 columns."""
    done = here(*path, "--help")
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.lines)) <= 80


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_has_examples(here: Here, path: tuple[str, ...]) -> None:
    """Every command has an Examples block, with at least one call of this very command."""
    assert "Examples:" in here(*path, "--help").out
    own = " ".join(("bulkops", *path))
    assert any(example.startswith(own) for example in _examples(path))


@pytest.mark.parametrize("example", [example for path in LEAVES for example in _examples(path)])
def test_examples_parse(example: str) -> None:
    """Every command line in an Examples block is one that would be accepted."""
    _program, *words = shlex.split(example.partition(" | ")[0])
    command: Any = ROOT
    while words and words[0] in _names(command):
        command = command.get_command(None, words.pop(0))
    assert not _names(command), f"{example}: no such command"
    command.make_context("bulkops", words)


def test_no_placeholder_is_lost_in_help(here: Here) -> None:
    """Markdown swallows ``<…>``: the default journal's folder is spelled without it."""
    said = " ".join(re.sub(r"[│\s]+", " ", here("apply", "--help").out).split())
    assert ".bulkops/NAME/" in said


def test_every_exit_code_is_explained(here: Here) -> None:
    """``apply --help`` lists its exit codes."""
    said = re.sub(r"\s+", " ", here("apply", "--help").out)
    for code in (
        "0 all",
        "1 error",
        "2 usage",
        "3 some",
        "4 stopped",
        "5 some",
        "11 ",
        "12 ",
        "13 ",
        "14 ",
    ):
        assert code in said
    assert "130/143 interrupted" in said


def test_version(here: Here) -> None:
    """``--version`` is one line on stdout."""
    done = here("--version")
    assert done.code == 0
    assert re.fullmatch(r"bulkops \d+\.\d+\.\d+\n", done.out)


def test_no_arguments_is_help(here: Here) -> None:
    """``bulkops`` alone shows its commands."""
    done = here()
    assert done.code in (0, 2)
    assert "apply" in done.out + done.err
