"""Runs ``bulkops`` commands, each in its own process, which is forked instead of started.

A small process imports the command line once and forks for each command: hundreds of them cost no
start-up time, and each starts with only these imports, not with what pytest has loaded.
What Python reads at its start (closed streams, ``PYTHON…`` variables) needs a real start.

To run a command, a client connects to the process's socket and sends an `Order` and three streams;
it receives the pid, then how the command ended.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import marshal
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache, partialmethod
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import IO, NamedTuple, NoReturn, TextIO

import bulkops
from bulkops.cli import main
from bulkops.client import caller
from bulkops.client.api import Client

ROOT = Path(__file__).resolve().parents[2]

UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system counts memory."""

SECONDS = 60
"""Seconds after which SIGALRM kills a command that doesn't end, which fails its test."""

PROGRAM = """\
#!{python} -IS
# `bulkops` for a shell: the process at the other end of the socket runs it with these streams.
import _socket, marshal, posix, sys
names = {{name.decode(): value.decode() for name, value in posix.environ.items()}}
order = marshal.dumps((sys.argv[1:], posix.getcwd(), names, None, False))
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
there = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
there.connect("{address}")
there.sendmsg([len(order).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
there.sendall(order)
said = b""
while part := there.recv(64):
    said += part
code = int(said.split()[1])
posix._exit(code if code >= 0 else 128 - code)
"""


class Order(NamedTuple):
    """What to run.

    Attributes:
        arguments: the command's arguments.
        folder: the folder in which it runs.
        environment: the complete environment.
        answer_seconds: how long it waits for an answer, without a wait between attempts;
            ``None``: as outside of tests.
        terminal: whether stderr is its controlling terminal, so that Ctrl-C becomes a signal.
    """

    arguments: tuple[str, ...]
    folder: str
    environment: Mapping[str, str]
    answer_seconds: float | None = None
    terminal: bool = False


class Forked:
    """A running command, with the interface of ``subprocess.Popen``.

    Attributes:
        pid: its process id.
        stdout: its output, unless it was given another stream.
        stderr: the same for stderr.
        returncode: its exit code, known once it has ended; negative if a signal killed it.
        memory: the most memory it used, in bytes, known once it has ended.
    """

    def __init__(
        self,
        order: Order,
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> None:
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        self.returncode: int | None = None
        self.memory = 0
        self._there = socket.socket(socket.AF_UNIX)
        self._there.connect(server())
        nowhere = os.open(os.devnull, os.O_RDWR)
        mine = [nowhere]
        if stdout is None:
            ours, stdout = os.pipe()
            # Not as text: a "\r" in the output must not be converted.
            self.stdout = open(ours, encoding="utf-8", newline="")  # noqa: PTH123, SIM115 - a pipe
            mine.append(stdout)
        if stderr is None:
            ours, stderr = os.pipe()
            self.stderr = open(ours, encoding="utf-8", newline="")  # noqa: PTH123, SIM115 - a pipe
            mine.append(stderr)
        text = marshal.dumps([*order._replace(environment=dict(order.environment))])
        streams = [nowhere if stdin is None else stdin, stdout, stderr]
        socket.send_fds(self._there, [len(text).to_bytes(4, "big")], streams)
        self._there.sendall(text)
        for number in mine:
            os.close(number)
        self._reports = self._there.makefile("rb", buffering=0)
        self.pid = int(self._reports.readline())

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """Return the exit code, if it has ended."""
        if self.returncode is None and select.select([self._there], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; a command that takes too long is killed, whatever the timeout."""
        assert timeout is None or timeout <= SECONDS
        if self.returncode is None:
            self.returncode, self.memory = map(int, self._reports.readline().split())
            self._reports.close()
            self._there.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end, and return the output that has not been read yet."""
        with ThreadPoolExecutor(2) as pool:
            out, err = pool.map(_drained, (self.stdout, self.stderr))
        assert self.wait(timeout) != -signal.SIGALRM, f"did not end; printed {out!r} and {err!r}"
        return out, err


def _drained(stream: IO[str] | None) -> str:
    if stream is None or stream.closed:
        return ""
    with stream:
        return stream.read()


def left_pipe() -> int:
    """Return the writing end of a pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@cache
def server() -> str:
    """Start the process that forks, which ends with this one; return its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.forked"],
        cwd=ROOT,
        # As in the environments of tests, no language is set: the streams are UTF-8.
        env={name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    # It closes stdin, at which the process ends.
    atexit.register(process.communicate)
    return process.stdout.readline().decode().strip()


def program(folder: Path) -> None:
    """Put a program ``bulkops`` that is forked into a folder, for shells."""
    folder.mkdir(exist_ok=True)
    path = folder / "bulkops"
    path.write_text(PROGRAM.format(python=sys.executable, address=server()), encoding="utf-8")
    path.chmod(0o755)


def _serve() -> None:
    for module in pkgutil.walk_packages(bulkops.__path__, "bulkops."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
    for name in _imported_late():
        with suppress(ImportError):
            importlib.import_module(name)
    # A command calls itself by the program's name, not by this module's.
    sys.modules["__main__"].__package__ = None
    gc.freeze()
    folder = tempfile.mkdtemp(prefix="bulkops-forked-")
    try:
        _listen(f"{folder}/socket")
    finally:
        shutil.rmtree(folder)


def _imported_late() -> list[str]:
    """Return all modules that a command has imported when it finds no server."""
    ours, its = os.pipe()
    if not os.fork():
        os.environ |= {"TFE_ADDRESS": "http://127.0.0.1:9", "TFE_TOKEN": "any"}
        caller.BACKOFF_BASE = 0.0
        sys.argv = ["bulkops", "task", "show", "task-aaaaaaaaaaaaaaaa"]
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()), suppress(SystemExit):
            main()
        os.write(its, " ".join(sys.modules).encode())
        os._exit(0)
    os.close(its)
    with open(ours) as said:  # noqa: PTH123 - a pipe
        names = said.read().split()
    os.wait()
    return names


def _listen(address: str) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    print(address, flush=True)  # noqa: T201 - who started this process waits for it
    running: dict[int, tuple[int, socket.socket]] = {}
    while 0 not in (ready := select.select([0, listener.fileno(), *running], [], [])[0]):
        if listener.fileno() in ready:
            client, _ = listener.accept()
            order, streams = _received(client)
            # Nothing is written to it: its end is the end of the command's process.
            alive, its = os.pipe()
            pid = os.fork()
            if not pid:
                _carry_out(order, streams, its)
            for number in (its, *streams):
                os.close(number)
            client.sendall(b"%d\n" % pid)
            running[alive] = pid, client
        for alive in running.keys() & set(ready):
            pid, client = running.pop(alive)
            _, status, usage = os.wait4(pid, 0)
            os.close(alive)
            code = os.waitstatus_to_exitcode(status)
            with suppress(BrokenPipeError), client:
                client.sendall(b"%d %d\n" % (code, usage.ru_maxrss * UNIT))
    for pid, _ in running.values():
        os.kill(pid, signal.SIGKILL)


def _received(client: socket.socket) -> tuple[Order, list[int]]:
    size, streams, _, _ = socket.recv_fds(client, 4, 3)
    with client.makefile("rb") as said:
        words = said.read(int.from_bytes(size, "big"))
    return Order(*marshal.loads(words)), streams  # noqa: S302 - from the test itself


def _carry_out(order: Order, streams: list[int], alive: int) -> NoReturn:
    code = 1
    try:
        _become(order, streams, alive)
        code = _run()
    except BaseException:  # noqa: BLE001 - nothing is above it
        traceback.print_exc()
    finally:
        os._exit(code)


def _become(order: Order, streams: list[int], alive: int) -> None:
    """Make this process like one that a shell starts."""
    signal.alarm(SECONDS)
    # As on a terminal, even if pytest was started by nohup or in the background.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate((*streams, alive)):
        os.dup2(stream, number, inheritable=number < 3)
    os.closerange(4, 256)
    if order.terminal:
        os.setsid()
        fcntl.ioctl(2, termios.TIOCSCTTY, 0)
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()
    if order.answer_seconds is not None:
        caller.BACKOFF_BASE = 0.0
        patient = partialmethod(Client.__init__, answer_seconds=order.answer_seconds)
        setattr(Client, "__init__", patient)  # noqa: B010 - mypy minds an assignment
    sys.argv = ["bulkops", *order.arguments]
    sys.stdin = _stream(0, "r", "surrogateescape")
    sys.stdout = _stream(1, "w", "surrogateescape")
    sys.stderr = _stream(2, "w", "backslashreplace", buffering=1)


def _stream(number: int, mode: str, errors: str, *, buffering: int = -1) -> TextIO:
    stream = open(number, mode, buffering, encoding="utf-8", errors=errors)  # noqa: SIM115 - kept
    assert isinstance(stream, TextIOWrapper)
    return stream


def _run() -> int:
    """Run the command and return the exit code that Python would end with."""
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return 120
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    _serve()
