"""A real shell command that gets a signal in the middle of its writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bulkops.api.messages import Request
from tests.cli.support import Done, World, ended

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
"""A PATH whose ``bulkops`` and ``python`` are those of this environment."""


class Strike(NamedTuple):
    """A signal that is sent once the server has carried out a number of writes.

    Attributes:
        to: the name of the program that gets it, one that the first process started; if empty,
            the first process; ``*`` is all of them, as if their container were killed.
    """

    number: signal.Signals
    write: int
    to: str = ""

    def hit(self, first: int) -> None:
        """Send it."""
        family = [first, *_descendants(first)] if self.to else [first]
        for pid in family:
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() if self.to else ""
            if self.to in (name, "*"):
                os.kill(pid, self.number)


def _descendants(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    children = [int(word) for word in text.split()]
    return children + [one for child in children for one in _descendants(child)]


def execute(
    world: World,
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    strike: Strike | None = None,
) -> Done:
    """Run a program to its end, in a folder and with only this environment."""
    process = subprocess.Popen(
        words,
        cwd=folder,
        env={"PATH": PATH, "COLUMNS": "80", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    writes = Counter[str]()

    def count(request: Request) -> None:
        writes["seen"] += request.method != "GET"
        if strike and writes["seen"] == strike.write and request.method != "GET":
            strike.hit(process.pid)

    world.simulator.after = count
    done = ended(process)
    world.simulator.after = None
    assert not strike or writes["seen"] >= strike.write, f"the signal was never sent: {done}"
    return done
