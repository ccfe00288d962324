"""A forked command behaves like a command in its own process."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.cli.forked import ROOT, Forked
from tests.cli.support import World, ended


@pytest.mark.parametrize(
    "arguments",
    [("plan", "job.toml", "--json"), ("status", "no-such.jsonl"), ("plan", "--nonsense")],
    ids=" ".join,
)
def test_a_forked_command_prints_what_a_started_one_prints(
    world: World, arguments: tuple[str, ...]
) -> None:
    """Exit code, stdout and stderr equal those of a new Python, except for the program's name."""
    words = [sys.executable, "-m", "bulkops", *arguments]
    started = ended(world.start_program(words, PYTHONPATH=str(ROOT)))
    forked = world.run(*arguments)
    assert (forked.code, forked.out) == (started.code, started.out)
    assert forked.err == started.err.replace("python -m bulkops", "bulkops")


def test_a_killing_signal_is_a_negative_exit_code(world: World) -> None:
    """A signal that kills is reported as a negative exit code, and a second wait returns."""
    process = world.start("simulate", "--port", "0")
    assert isinstance(process, Forked)
    assert process.poll() is None
    process.kill()
    assert ended(process).code == -signal.SIGKILL
    assert process.poll() == -signal.SIGKILL
