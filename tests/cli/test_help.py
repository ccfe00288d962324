"""``--help`` of every command."""

from __future__ import annotations

import re

import pytest

from bulkops.errors import WORDS
from tests.cli.command_tree import LEAVES, PATHS, examples_of
from tests.conftest import Here


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_fits_a_terminal(here: Here, path: tuple[str, ...]) -> None:
    """``--help`` exits 0, on stdout, and fits 80 columns."""
    done = here(*path, "--help")
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.lines)) <= 80


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_reads_like_a_manual_page(here: Here, path: tuple[str, ...]) -> None:
    """Help has no markup in it, and no command's first sentence is cut off."""
    text = here(*path, "--help").out
    assert "`" not in text
    assert "**" not in text
    assert not re.search(r"(?m)^ *[-*] [^-]", text)
    assert not [line for line in text.splitlines()[1:] if line.endswith("...")]


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_has_examples(here: Here, path: tuple[str, ...]) -> None:
    """Every command has an Examples block: calls of this very command, one per line."""
    shown = re.sub(r" \\\n +", " ", here(*path, "--help").out)
    assert "  Examples:\n    bulkops" in shown
    own = " ".join(("bulkops", *path))
    for example in examples_of(path):
        assert f"    {example}\n" in shown
        assert example.startswith(own)


def test_no_placeholder_is_lost_in_help(here: Here) -> None:
    """Help names the default journal's folder without ``<…>``, which Markdown drops."""
    text = " ".join(re.sub(r"[│\s]+", " ", here("apply", "--help").out).split())
    assert ".bulkops/NAME/" in text


def test_every_exit_code_is_explained(here: Here) -> None:
    """``apply --help`` lists every exit code with its meaning."""
    text = here("apply", "--help").out
    block = text.split("  Exit codes:\n")[1].split("\n\n")[0]
    rows = [line.split(maxsplit=1) for line in block.splitlines()]
    assert rows == [[str(code), words.meaning] for code, words in WORDS.items()]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_h_is_help(here: Here, path: tuple[str, ...]) -> None:
    """``-h`` prints what ``--help`` prints."""
    assert here(*path, "-h") == here(*path, "--help")


@pytest.mark.parametrize("word", ["--version", "version"])
def test_version(here: Here, word: str) -> None:
    """``--version`` and ``version`` print one line on stdout."""
    done = here(word)
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"bulkops \d+\.\d+\.\d+\n", done.out)


def test_no_arguments_is_help(here: Here) -> None:
    """``bulkops`` alone shows its commands."""
    done = here()
    assert done.code in (0, 2)
    assert "apply" in done.out + done.err
