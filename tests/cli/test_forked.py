"""What the other tests take for a command in a process of its own is one."""

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
def test_a_forked_command_says_what_a_started_one_says(
    world: World, arguments: tuple[str, ...]
) -> None:
    """The same exit code, stdout and stderr as of a fresh Python, its program's name aside."""
    words = [sys.executable, "-m", "bulkops", *arguments]
    started = ended(world.start_program(words, PYTHONPATH=str(ROOT)))
    forked = world.run(*arguments)
    assert (forked.code, forked.out) == (started.code, started.out)
    assert forked.err == started.err.replace("python -m bulkops", "bulkops")


def test_how_it_died_is_told(world: World) -> None:
    """A signal that kills is told as a negative exit code, and there is no more to wait for."""
    process = world.start("simulate", "--port", "0")
    assert isinstance(process, Forked)
    assert process.poll() is None
    process.kill()
    assert ended(process).code == -signal.SIGKILL
    assert process.poll() == -signal.SIGKILL
