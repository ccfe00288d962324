"""Exit codes: each has one meaning, which is the same wherever it is described."""

from __future__ import annotations

import re
import signal
from importlib import import_module
from pathlib import Path

import pytest

from bulkops.cli.commands.report import MODULES
from bulkops.errors import SIGNALS, WORDS, ExitCode
from bulkops.journal.records import Ended, Execution
from bulkops.journal.states import How
from tests.journal.samples import HOLDER
from tests.report.samples import at, made

README = Path(__file__).resolve().parents[1] / "README.md"


def test_every_exit_code_has_a_meaning_of_its_own() -> None:
    """Every code has a meaning, and no two codes have the same one."""
    assert list(WORDS) == list(ExitCode)
    meanings = [words.meaning for words in WORDS.values()]
    assert len(set(meanings)) == len(meanings)


def test_the_readme_lists_every_exit_code() -> None:
    """The README lists the codes with their meanings, in the order of ``WORDS``."""
    text = re.sub(r"\s+", " ", README.read_text(encoding="utf-8")).replace("`", "")
    listed = " · ".join(f"{code} {words.meaning}" for code, words in WORDS.items())
    assert f"Exit codes: {listed}." in text


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_has_the_exit_code_that_a_shell_gives_it(name: str) -> None:
    """The exit code is 128 plus the signal's number."""
    assert SIGNALS[name] == 128 + signal.Signals[name]


@pytest.mark.parametrize("how", [*How, *SIGNALS])
@pytest.mark.parametrize("module", MODULES.values())
def test_every_report_can_be_made_however_the_execution_ended(module: str, how: str) -> None:
    """Every format can report an execution that finished, failed, or ended at a gate or signal."""
    report = made(6, [Execution(HOLDER, "1"), Ended(at(8), how)])
    document = import_module(f"bulkops.report.{module}").document
    assert "".join(document(report, only_failed=False))
