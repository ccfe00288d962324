"""Completion in real shells: part of a command is typed, then TAB."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest

from tests.cli.forked import SECONDS
from tests.cli.support import installed

TYPED = {
    "bulkops pl": "bulkops plan ",
    "bulkops workspace-task det": "bulkops workspace-task detach ",
    "bulkops plan --det": "bulkops plan --detailed-exitcode ",
    "bulkops --log": "bulkops --log-file ",
    "bulkops coverage --format js": "bulkops coverage --format json ",
    "bulkops plan jo": "bulkops plan jobs/",
    "bulkops plan jobs/can": "bulkops plan jobs/canary.toml ",
    "bulkops resume scan.j": "bulkops resume scan.jsonl ",
    "bulkops apply scan.plan --journal scan.j": "bulkops apply scan.plan --journal scan.jsonl ",
}
"""Text typed before TAB → the line after it."""

SHOW = "\x18b"
"""Ctrl-X B: bound to move the current line into the file ``lines``."""

OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Makes stdin the controlling terminal, without which no shell is interactive."""

pytestmark = pytest.mark.long


class Shell(NamedTuple):
    """How a shell is started without the user's settings, and what is typed first.

    Attributes:
        alone: its command if it reads no settings; ``at_home``: if it reads those in ``HOME``.
        binds: binds Ctrl-X B.
        sources: loads the completion, as in the README.
    """

    alone: str
    at_home: str
    binds: str
    sources: str


SHELLS = {
    "bash": Shell(
        "bash --norc --noprofile -i",
        "bash --noprofile -i",
        r"""bind -x '"\C-xb": printf "%s\n" "$READLINE_LINE" >>lines; READLINE_LINE='""",
        'eval "$(_BULKOPS_COMPLETE=bash_source bulkops)"',
    ),
    "zsh": Shell(
        "zsh -f -i",
        "zsh -i",
        'show() { print -r -- "$BUFFER" >>lines; BUFFER= }; zle -N show; bindkey "^Xb" show',
        "autoload -Uz compinit; compinit -u -D; source <(_BULKOPS_COMPLETE=zsh_source bulkops)",
    ),
    "fish": Shell(
        "fish --no-config -i",
        "fish -i",
        r"""bind \cxb 'commandline >>lines; commandline ""'""",
        "_BULKOPS_COMPLETE=fish_source bulkops | source",
    ),
}


class Session:
    """A shell on its own terminal, in a folder with some files."""

    def __init__(self, command: str, folder: Path) -> None:
        self._lines = folder / "lines"
        self._lines.write_text("", encoding="utf-8")
        self._screen = list[bytes]()
        self._terminal, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, *command.split()],
            cwd=folder,
            env={
                "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
                "HOME": str(folder),
                "TERM": "dumb",
            },
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._listener = Thread(target=self._listen)
        self._listener.start()

    def type(self, text: str) -> None:
        """Type text unchanged, control characters included."""
        os.write(self._terminal, text.encode())

    def lines(self, number: int) -> list[str]:
        """Return the written lines once there are enough."""
        until = time.monotonic() + SECONDS
        while len(lines := self._lines.read_text(encoding="utf-8").splitlines()) < number:
            assert time.monotonic() < until, b"".join(self._screen).decode()
            time.sleep(0.01)
        return lines

    def end(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        os.close(self._terminal)

    def _listen(self) -> None:
        try:
            while part := os.read(self._terminal, 4096):
                self._screen.append(part)
        except OSError:
            return


@contextmanager
def session(command: str, folder: Path) -> Iterator[Session]:
    """Start a shell, and end it."""
    started = Session(command, folder)
    try:
        yield started
    finally:
        started.end()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home with a job file, a journal, and the program on its path."""
    installed(tmp_path / "bin")
    (tmp_path / "jobs").mkdir()
    for name in ("jobs/canary.toml", "scan.jsonl"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Shell:
    """Each shell that is installed here."""
    name = str(request.param)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return SHELLS[name]


def completed(at: Session, shell: Shell, pieces: Collection[str]) -> dict[str, str]:
    """Return the completions of typed lines."""
    at.type(f"{shell.binds}\necho ready >>lines\n")
    before = len(at.lines(1))
    for number, typed in enumerate(pieces):
        at.type(f"{typed}\t{SHOW}")
        at.lines(before + number + 1)
    return dict(zip(pieces, at.lines(0)[before:], strict=True))


def test_a_typed_line_is_completed(folder: Path, shell: Shell) -> None:
    """Commands, options, their values, and file names for JOB and JOURNAL."""
    with session(shell.alone, folder) as at:
        at.type(f"{shell.sources}\n")
        assert completed(at, shell, TYPED) == TYPED


def test_it_stays_installed(folder: Path, shell: Shell) -> None:
    """After ``--install-completion`` the next shell completes."""
    with session(shell.at_home, folder) as at:
        at.type("bulkops --install-completion && echo done >>lines\n")
        at.lines(1)
    with session(shell.at_home, folder) as at:
        pieces = {"bulkops pl": "bulkops plan ", "bulkops rep": "bulkops report "}
        assert completed(at, shell, pieces) == pieces


def test_each_shell_is_shown_its_script(folder: Path, shell: Shell) -> None:
    """``--show-completion`` prints the script of the shell that calls it."""
    with session(shell.alone, folder) as at:
        at.type("bulkops --show-completion >>lines\n")
        script = "\n".join(at.lines(1))
    assert re.search(r"compdef|complete -o nosort|complete --no-files --command", script)
