"""The benchmark of the command line's start."""

from __future__ import annotations

import pytest

from benchmarks.start import COMMANDS, main


def test_every_command_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command succeeds, and has a row with its CPU time ÷ that of click."""
    main(["--runs", "1"])
    rows = capsys.readouterr().out.splitlines()
    for name in COMMANDS:
        (row,) = (row for row in rows if row.startswith(f"| `{name}` |"))
        assert float(row.split("|")[2]) > 0
