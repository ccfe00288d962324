"""The real process, killed by a real SIGKILL at every boundary of its file calls."""

from __future__ import annotations

import shutil
import signal
import sys

import pytest

from tests.cli.support import TASK, World, ended, workspaces
from tests.conftest import Here

DIES = """
import os, signal, sys
from bulkops.journal.local.disk import SystemFiles
from bulkops.cli import main

left = int(sys.argv.pop(1))

def dying(call):
    def wrapped(*arguments):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments)
    return wrapped

for name in (
    *("create", "write", "sync", "rename", "sync_folder", "append", "truncate", "overwrite"),
):
    setattr(SystemFiles, name, dying(getattr(SystemFiles, name)))
main()
"""
MOST = 200


@pytest.mark.long
def test_killed_at_every_file_call(world: World, here: Here) -> None:
    """Dead before the Nth create, write, sync, rename, …, for every N, then the same command.

    Every workspace is as desired and was changed exactly once; a resumed run sends nothing twice.
    Between two calls nothing reaches the disk, so before the next is after the last.
    """
    world.job(("all = true", 'names = ["prod-00[1-3]"]'), ("[pace]", "[pace]\nmax_at_once = 2"))
    killed = 0
    for number in range(1, MOST):
        program = [sys.executable, "-c", DIES, str(number), *world.applying]
        done = ended(world.start_program(program))
        if done.code == 0:
            break
        assert done.code == -signal.SIGKILL
        killed += 1
        assert here(*world.applying).code == 0
        assert world.changed() == dict.fromkeys(workspaces(3), 1), number
        start_over(world)
    # At least: the journal's creation (4), opening, and write and sync of 5 groups.
    assert killed >= 15


def start_over(world: World) -> None:
    """Detach everything and forget the journal."""
    for name in world.shown():
        world.simulator.detach(name, TASK)
    world.simulator.effects.clear()
    world.journal.unlink()


def test_a_vanished_folder_stops_sending(world: World, here: Here) -> None:
    """A journal deleted under a running job: exit 14, and nothing is sent without an intent."""
    folder = world.folder / "journals"
    folder.mkdir()
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))

    def vanish(_request: object) -> None:
        if world.writes == 3 and folder.exists():
            shutil.rmtree(folder)

    world.simulator.after = vanish
    done = here("apply", "job.toml", "--journal", "journals/scan.jsonl", "--yes")
    assert done.code == 14
    assert "it is no longer there" in done.err
    assert world.writes == 3
