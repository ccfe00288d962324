"""Names from a server never reach the terminal unescaped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len

from bulkops.report.columns import WIDEST, filled, widest
from bulkops.simulator.faults import Faults
from bulkops.text import escaped
from tests.cli.support import Done, World
from tests.conftest import Here

EVIL = "prod-\x1b[2J\x9b\u202e\x07\r\nJournal: elsewhere"
SHOWN = r"prod-\u001b[2J\u009b\u202e\u0007\r\nJournal: elsewhere"


@pytest.fixture
def evil(world: World, here: Here) -> Callable[..., Done]:
    """A world whose workspace, run tasks, project and level contain escape sequences."""
    simulator = world.simulator
    simulator.add_workspace(EVIL)
    simulator.add_task(f"scan-{EVIL}")
    simulator.add_project(EVIL)
    simulator.attach("prod-002", "security-scan", enforcement_level=f"advisory-{EVIL}")
    simulator.attach("prod-001", f"scan-{EVIL}")

    def run(*arguments: str) -> Done:
        done = here(*arguments)
        for line in (done.out + done.err).split("\n"):
            assert line.isprintable()
            assert not line.startswith("Journal: elsewhere")
        return done

    return run


def test_no_command_lets_a_name_through(world: World, evil: Callable[..., Done]) -> None:
    """Whatever shows a name escapes its control and direction characters."""
    for arguments in (
        ("plan", "job.toml"),
        world.applying,
        ("report", "scan.jsonl"),
        ("task", "list", "--organization", "acme"),
        ("workspace-task", "list", "prod-001", "--organization", "acme"),
    ):
        done = evil(*arguments)
        assert done.code == 0
        assert arguments[0] == "report" or SHOWN in done.out
    world.simulator.detach(EVIL, "security-scan")
    (drifted, _) = evil("verify", "scan.jsonl").lines
    assert drifted.startswith(f"drifted  {SHOWN}  the server shows not attached; ")
    for arguments in (
        ("status", "scan.jsonl"),
        ("journal", "check", "scan.jsonl"),
        ("workspace-task", "show", EVIL, f"scan-{EVIL}", "--organization", "acme"),
        ("undo", "scan.jsonl", "--yes"),
    ):
        evil(*arguments)


def test_json_escapes_names_without_changing_them(
    world: World, evil: Callable[..., Done], tmp_path: Path
) -> None:
    """Characters that JSON allows and a terminal obeys are escaped; the value is the same."""
    world.simulator.attach("prod-003", "security-scan")
    for arguments in (
        ("plan", "job.toml", "--json"),
        (*world.applying, "--json"),
        ("report", "scan.jsonl", "--format", "json"),
        ("task", "list", "--organization", "acme", "--json"),
        ("workspace-task", "list", "prod-001", "--organization", "acme", "--json"),
    ):
        done = evil(*arguments)
        assert any(EVIL in text for text in _values(done.out))
    world.simulator.detach(EVIL, "security-scan")
    assert any(EVIL in text for text in _values(evil("verify", "scan.jsonl", "--json").out))
    journal = (tmp_path / "scan.jsonl").read_text(encoding="utf-8")
    assert all(line.isprintable() for line in journal.split("\n"))
    assert any(EVIL in text for text in _values(journal))


def _values(text: str) -> Iterator[str]:
    """Yield every string in the JSON documents of a text."""
    # A report is one document with many lines.
    lines = [text] if text.startswith("{\n") else text.split("\n")[:-1]
    for line in lines:
        yield from _strings(msgspec.json.decode(line))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings(list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def test_no_report_in_a_file_lets_a_name_through(world: World, evil: Callable[..., Done]) -> None:
    """The user may print the file with ``cat``."""
    world.job(("[pace]", "[rollout]\nmax_failures = 100\n[pace]"))
    world.simulator.faults = Faults.parse("POST:502-html=100%", 0)
    assert evil(*world.applying).code == 3
    evil("report", "scan.jsonl", "--output", "report.txt")
    text = Path(world.folder / "report.txt").read_text(encoding="utf-8")
    assert SHOWN in text
    assert all(line.isprintable() for line in text.split("\n"))


def test_no_error_lets_a_name_through(world: World, evil: Callable[..., Done]) -> None:
    """An error's own line breaks stay; those of a name are escaped."""
    world.job(('task = "security-scan"', 'task = "none"'))
    assert "it sees: " in evil("plan", "job.toml").err
    world.job(("all = true", 'project = "none"'))
    assert "it sees: " in evil("plan", "job.toml").err
    assert "it sees: scan-prod-" in evil("task", "show", "scan", "--organization", "acme").err


@pytest.mark.parametrize("name", ["prod", "生产", "a\x1bb", "é\u0301"])
def test_columns_are_as_wide_as_a_terminal_shows_them(name: str) -> None:
    """Wide characters take two cells, combining ones none, escaped ones the escape's length."""
    width = widest([name, "production"])
    assert cell_len(filled(name, width)) == width == 10
    assert filled(name, 0) == escaped(name)


def test_one_endless_name_does_not_fill_all_lines_with_blanks() -> None:
    """A column is as wide as valid names can be; a wider cell sticks out of it."""
    endless = "x" * 1000
    assert widest(["prod", endless]) == WIDEST
    assert filled(endless, WIDEST) == endless
