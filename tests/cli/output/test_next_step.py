"""What to run next after a job, in words that agree with the numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from bulkops.cli.output.next_step import next_step
from tests.report.samples import everything


@pytest.mark.parametrize(
    ("drifted", "words"),
    [
        (1, "1 operation drifted: {} applies it again."),
        (2, "2 operations drifted: {} applies them"),
    ],
)
def test_drift_agrees_in_number(drifted: int, words: str) -> None:
    """One operation is "it"."""
    steps = next_step(replace(everything(), drifted=drifted, running=None), Path("scan.jsonl"))
    resume = "`bulkops resume scan.jsonl --retry-failed`"
    assert any(step.startswith(words.format(resume)) for step in steps), steps
