"""A real command on a pseudo-terminal, with the screen of a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pyte

from bulkops.api.messages import Request
from tests.cli.forked import SECONDS, Forked, Order
from tests.cli.support import World

CTRL_C = b"\x03"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])(?:;\d+)*m")


class Terminal:
    """A command on a terminal.

    Attributes:
        output: everything that it printed so far.
        process: the command.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.output = ""
        self.process: subprocess.Popen[bytes] | Forked
        self._own, self.its = pty.openpty()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._size(columns, rows)

    @property
    def text(self) -> str:
        """The text on the screen, without the blanks at the ends of its lines."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    @property
    def cursor_is_there(self) -> bool:
        """Whether the cursor can be seen."""
        return not self._screen.cursor.hidden

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._own, keys)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window, as a user does with the mouse."""
        self._size(columns, rows)
        self._screen.resize(rows, columns)

    def hang_up(self) -> None:
        """Close the terminal's window."""
        os.close(self._own)
        self._own = -1

    def until(self, text: str) -> None:
        """Read until a text is on the screen."""
        self._until(lambda: text in self.text, f"{text!r} was never shown")

    def until_gone(self, text: str) -> None:
        """Read until a text is gone from the screen, and the cursor is shown again."""
        self._until(lambda: text not in self.text and self.cursor_is_there, f"{text!r} stayed")

    def ended(self) -> int:
        """Read to the end, check that there is no traceback, and return the exit code."""
        self._until(lambda: False, "")
        code = self.process.wait(SECONDS)
        assert "Traceback" not in self.output
        return code

    def close(self) -> None:
        """End the command, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(SECONDS)
        if self._own >= 0:
            os.close(self._own)

    def _size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._own, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _until(self, enough: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not enough():
            left = deadline - time.monotonic()
            assert left > 0, f"{otherwise}:\n{self.text}"
            if not select.select([self._own], [], [], left)[0]:
                continue
            try:
                part = os.read(self._own, 65536)
            except OSError:  # Linux raises EIO if the other side is closed
                part = b""
            if not part:
                assert not otherwise, f"{otherwise}:\n{self.text}"
                return
            self.output += part.decode(errors="replace")
            self._stream.feed(part)


@contextmanager
def on_terminal(
    world: World,
    *arguments: str,
    columns: int = 80,
    rows: int = 40,
    stdout: int | None = None,
    pipe: str = "",
    detached: bool = False,
    fresh: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Terminal]:
    """Start the real command on a terminal, ``apply`` with ``--yes`` unless arguments are given.

    Args:
        stdout: its destination, if not the terminal.
        pipe: a shell command that reads stdout; the two then share the terminal.
        fresh: whether to start a fresh Python as a child of this process.
        detached: whether the terminal is not the controlling one, so that it sends no signals.
    """
    terminal = Terminal(columns, rows)
    own = {**world.environment, "TERM": "xterm-256color", **(environment or {})}
    words = arguments or world.applying
    if pipe or fresh:
        real = shlex.join([sys.executable, "-m", "bulkops", *words])
        terminal.process = subprocess.Popen(
            ["/bin/sh", "-c", f"{real} | {pipe}" if pipe else f"exec {real}"],
            cwd=world.folder,
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=terminal.its,
            stderr=terminal.its,
            start_new_session=True,
        )
    else:
        terminal.process = Forked(
            Order(words, str(world.folder), own, terminal=not detached),
            stdout=terminal.its if stdout is None else stdout,
            stderr=terminal.its,
        )
    os.close(terminal.its)
    try:
        yield terminal
    finally:
        terminal.close()


class Tmux:
    """The real command in tmux, which wraps lines again if a window gets narrower."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)

    @property
    def text(self) -> str:
        """The text on the screen."""
        return self.call("capture-pane", "-p").rstrip()

    def resize(self, columns: int) -> None:
        """Change the width of the window."""
        self.call("resize-window", "-x", str(columns))

    def until(self, text: str) -> None:
        """Wait until the screen shows a text."""
        deadline = time.monotonic() + SECONDS
        while text not in (observed := self.text):
            assert time.monotonic() < deadline, f"{text!r} was never shown:\n{observed}"
            time.sleep(0.02)  # another process's event: there is nothing to await

    def call(self, *words: str) -> str:
        """Run a tmux command and return its output."""
        command = ["tmux", "-S", self._socket, "-f", os.devnull, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def on_tmux(world: World, *, columns: int) -> Iterator[Tmux]:
    """Start ``apply`` with ``--yes`` in tmux."""
    tmux = Tmux(world.folder / "tmux")
    words = [sys.executable, "-m", "bulkops", *world.applying]
    own = {**world.environment, "TERM": "tmux-256color", "LC_ALL": "C.UTF-8"}
    named = [f"{name}={value}" for name, value in own.items()]
    command = shlex.join(["env", "-i", f"PATH={os.environ['PATH']}", *named, *words])
    size = ("-x", str(columns), "-y", "30", "-c", str(world.folder))
    # The screen stays after the command has ended.
    tmux.call("new-session", "-d", *size, f"{command}; cat", ";", "set", "window-size", "manual")
    try:
        yield tmux
    finally:
        tmux.call("kill-server")


@contextmanager
def held(
    world: World, write: int, at_first: Callable[[], object] = lambda: None
) -> Iterator[Event]:
    """Let the server answer nothing from a given write on, until the event is set.

    Args:
        at_first: called in the server before the first write takes effect.
    """
    let_go = Event()
    writes = 0

    def hold(request: Request) -> None:
        nonlocal writes
        writes += request.writes
        if request.writes and writes == 1:
            at_first()
        if writes >= write:
            let_go.wait(SECONDS)

    world.simulator.before = hold
    try:
        yield let_go
    finally:
        let_go.set()
