"""Runs ``bulkops`` commands, each in a process of its own whose memory is measured.

A small process imports the command line once and forks for each command: dozens of them cost no
start-up time, and what one is measured to hold is its own, not what pytest held when it forked.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import partialmethod
from io import StringIO
from pathlib import Path
from typing import NamedTuple, NoReturn

import msgspec

import bulkops.library  # noqa: F401 - so that no command has to
from bulkops.cli import main
from bulkops.client import caller
from bulkops.client.api import Client
from tests.cli.support import NOBODY, SECONDS, TOKEN, Done, checked

UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system counts memory."""


class Order(msgspec.Struct):
    """What to run: arguments, the whole environment, and how long an answer is waited for."""

    arguments: tuple[str, ...]
    folder: str
    environment: Mapping[str, str]
    answer_seconds: float


class Ended(msgspec.Struct):
    """Exit code, negative for the signal that killed it, and the most memory held, in bytes."""

    code: int
    memory: int


class Measured(NamedTuple):
    """How a command ended, what it said, and the most memory it held, in bytes."""

    done: Done
    memory: int


class Forked:
    """The process that forks."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def run(self, order: Order) -> Measured:
        """Run one command to its end; it shows no traceback and no token."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        ended = msgspec.json.decode(self._process.stdout.readline(), type=Ended)
        # Not as text: a "\r" that got out must still be one.
        out, err = (Path(order.folder, name).read_bytes().decode() for name in ("out", "err"))
        assert ended.code != -signal.SIGALRM, f"did not end; printed {out!r} and {err!r}"
        return Measured(
            checked(Done(ended.code, out, err), debug="--debug" in order.arguments), ended.memory
        )


@contextmanager
def forked() -> Iterator[Forked]:
    """Start the process that forks, and end it."""
    words = [sys.executable, "-m", "tests.cli.forked"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Forked(process)


def _warm_up() -> None:
    """Run a command that finds nobody, so that what is imported late is there, too."""
    os.environ |= {"TFE_ADDRESS": NOBODY, "TFE_TOKEN": TOKEN}
    sys.argv = ["bulkops", "task", "show", "task-aaaaaaaaaaaaaaaa"]
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()), suppress(SystemExit):
        main()


def _serve() -> None:
    # Nobody waits in a test: what is retried is retried at once.
    caller.BACKOFF_BASE = 0.0
    _warm_up()
    for line in sys.stdin.buffer:
        child = os.fork()
        if not child:
            _carry_out(msgspec.json.decode(line, type=Order))
        _, status, usage = os.wait4(child, 0)
        ended = Ended(os.waitstatus_to_exitcode(status), usage.ru_maxrss * UNIT)
        sys.stdout.buffer.write(msgspec.json.encode(ended) + b"\n")
        sys.stdout.buffer.flush()


def _carry_out(order: Order) -> NoReturn:
    signal.alarm(int(SECONDS))
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    patient = partialmethod(Client.__init__, answer_seconds=order.answer_seconds)
    setattr(Client, "__init__", patient)  # noqa: B010 - mypy minds an assignment
    sys.argv = ["bulkops", *order.arguments]
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve()
