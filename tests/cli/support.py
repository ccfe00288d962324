"""A simulated server that a test can watch and change, and the real command for it."""

from __future__ import annotations

import logging
import os
import signal
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec
from anyio.from_thread import start_blocking_portal

from bulkops.api.messages import Request
from bulkops.job.windows.window import DAYS
from bulkops.simulator.app import serve
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Delivery, Faults
from tests.cli.forked import SECONDS, Forked, Order, program

TOKEN = "canary-token-9f3c1"
HMAC_KEY = "canary-hmac-77d2"
"""Neither must ever be printed or written anywhere."""

NOBODY = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""

TASK = "security-scan"
JOB = """\
name = "scan"
organization = "acme"

[operation]
kind = "attach"
task = "security-scan"
enforcement_level = "mandatory"

[select]
all = true

[pace]
settle = "50ms"
outage = "1s"
"""
"""Seconds for which a job waits for a server that a test has stopped."""


Process: TypeAlias = "subprocess.Popen[str] | Forked"
"""A command that runs: forked, or started."""


class Done(NamedTuple):
    """How a command ended, and its output."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, object]]:
        """Stdout's lines as JSON objects."""
        return [msgspec.json.decode(line, type=dict[str, object]) for line in self.lines]

    @property
    def lines(self) -> list[str]:
        """Stdout's lines."""
        return self.out.splitlines()


class StagedSimulator(Simulator):
    """A simulator that calls its test before and after each request takes effect."""

    before: Callable[[Request], None] | None = None
    after: Callable[[Request], None] | None = None
    faults: Faults | None = None

    def deliver(
        self,
        request: Request,
        now: float,
        faults: Faults | None = None,
        *,
        url_status: int | None = None,
    ) -> Delivery:
        """Call ``before``, answer, call ``after``."""
        if self.before is not None:
            self.before(request)
        delivery = super().deliver(request, now, faults or self.faults, url_status=url_status)
        if self.after is not None:
            self.after(request)
        return delivery


class World:
    """One organization at one server, one folder with a job file, and the command in it."""

    def __init__(self, simulator: StagedSimulator, address: str, folder: Path) -> None:
        self.simulator = simulator
        self.address = address
        self.folder = folder
        self.environment = {
            "TFE_ADDRESS": address,
            "TFE_TOKEN": TOKEN,
            "HOME": str(folder),
            "COLUMNS": "80",
        }
        self.journal = folder / "scan.jsonl"
        self.job()

    def job(self, *changes: tuple[str, str], name: str = "job.toml") -> Path:
        """Write the job file, with some of its text replaced."""
        text = JOB
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def start(self, *arguments: str, **environment: str) -> Process:
        """Start the command in its own process; a fresh Python only if it has to read more."""
        if any(name.startswith("PYTHON") for name in environment):
            return self.start_program([sys.executable, "-m", "bulkops", *arguments], **environment)
        return Forked(self.order(*arguments, **environment))

    def start_watched(
        self, stage: str, strike: Callable[[Process, Request], None], *arguments: str
    ) -> Process:
        """Start the command, and call ``strike`` with it at every request, including the first.

        Args:
            stage: ``before`` or ``after`` a request takes effect.
        """
        started = Future[Process]()
        setattr(self.simulator, stage, lambda request: strike(started.result(SECONDS), request))
        started.set_result(self.start(*arguments))
        return started.result()

    def order(self, *arguments: str, **environment: str) -> Order:
        """Return a command in the world's folder and environment."""
        return Order(arguments, str(self.folder), {**self._inherited, **environment})

    def start_program(self, words: list[str], **environment: str) -> subprocess.Popen[str]:
        """Start any program in the world's folder and environment."""
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            env={**self._inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        no_secret_in_process_list(process.pid)
        return process

    @property
    def _inherited(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], **self.environment}

    def shell(self, script: str, **environment: str) -> Done:
        """Run a script in bash, which finds the command; the first failure ends it."""
        programs = self.folder / "bin"
        program(programs)
        path = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
        return ended(self.start_program(["bash", "-euc", script], **path, **environment))

    def run(self, *arguments: str, **environment: str) -> Done:
        """Run the real command to its end."""
        return ended(self.start(*arguments, **environment))

    def apply(self, *arguments: str, **environment: str) -> Done:
        """Run ``apply job.toml --journal scan.jsonl --yes`` and more arguments."""
        return self.run(*self.applying, *arguments, **environment)

    @property
    def applying(self) -> tuple[str, ...]:
        """The arguments of ``apply``."""
        return ("apply", "job.toml", "--journal", self.journal.name, "--yes")

    def kill(
        self, number: signal.Signals, *, write: int, stage: str, arguments: tuple[str, ...] = ()
    ) -> Done:
        """Run ``apply`` and send a signal before or after its n-th write takes effect."""
        writes = Counter[str]()

        def strike(process: Process, request: Request) -> None:
            writes["seen"] += request.method != "GET"
            if writes["seen"] == write and request.method != "GET":
                process.send_signal(number)

        done = ended(self.start_watched(stage, strike, *(arguments or self.applying)))
        setattr(self.simulator, stage, None)
        assert writes["seen"] >= write, "the signal was never sent"
        return done

    @property
    def writes(self) -> int:
        """The number of changes that took effect."""
        return len(self.simulator.effects)

    @property
    def requests(self) -> int:
        """The number of requests that arrived."""
        return self.simulator.stats.requests

    def changed(self) -> Mapping[str, int]:
        """Workspace → number of its changes that took effect."""
        return Counter(effect.names["workspace"] for effect in self.simulator.effects)

    def shown(self) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        """Workspace → what the server shows of the task's attachments to it."""
        names = self.simulator.world.organizations["acme"].workspaces
        return {
            name: [
                (a.enforcement_level, tuple(a.stages))
                for a in self.simulator.attachments(name, TASK)
            ]
            for name in names
        }

    def all_desired(self) -> bool:
        """Whether every workspace has the run task once, as the job desires."""
        return all(shows == [("mandatory", ("post_plan",))] for shows in self.shown().values())


def ended(process: Process, *, debug: bool = False) -> Done:
    """Wait for a command, and check that it shows no traceback and no token."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"did not end; printed {out!r} and {err!r}") from None
    return checked(Done(process.wait(), out, err), debug=debug)


def checked(done: Done, *, debug: bool = False) -> Done:
    """Return a command's output, after checking that no secret is in it."""
    output = done.out + done.err
    assert TOKEN not in output
    assert debug or "Traceback" not in output, output
    assert debug or "This is a bug" not in output, output
    return done


def installed(folder: Path) -> None:
    """Put the program ``bulkops`` into a folder, as pip does."""
    folder.mkdir()
    program = folder / "bulkops"
    program.write_text(
        f"#!{sys.executable}\nfrom bulkops.cli import main\n\nmain()\n", encoding="utf-8"
    )
    program.chmod(0o755)


def workspaces(number: int) -> list[str]:
    """Return names of workspaces: ``prod-001``, ``prod-002``, …."""
    return [f"prod-{n:03}" for n in range(1, number + 1)]


def organization(simulator: Simulator, number: int = 12) -> None:
    """Add the organization acme with workspaces and the run task."""
    simulator.add_organization("acme")
    for name in workspaces(number):
        simulator.add_workspace(name)
    simulator.add_task(TASK)


@contextmanager
def serving(
    simulator: Simulator, *, latency: float = 0.0, ssl_context: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve a simulator from a thread; yields its address."""
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(
            serve(simulator, latency=latency, ssl_context=ssl_context)
        ) as address,
    ):
        yield address


@contextmanager
def logging_restored() -> Iterator[None]:
    """Restore the logging handlers that a command sets for its own process."""
    bulkops = logging.getLogger("bulkops")
    before = bulkops.handlers, bulkops.propagate, bulkops.level
    yield
    for handler in bulkops.handlers:
        handler.close()
    bulkops.handlers, bulkops.propagate = before[:2]
    bulkops.setLevel(before[2])


def no_secret_in_process_list(pid: int) -> None:
    """Fail if the list of processes contains a secret."""
    arguments = Path("/proc", str(pid), "cmdline")
    if arguments.exists():
        text = arguments.read_bytes()
        assert TOKEN.encode() not in text
        assert HMAC_KEY.encode() not in text


def no_secret_below(folder: Path) -> None:
    """Fail if a file below the folder contains a secret."""
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            assert TOKEN.encode() not in text, path
            assert HMAC_KEY.encode() not in text, path


def closed_now() -> str:
    """Return a window of ``[rollout]`` that opens neither today nor tomorrow."""
    return f"{DAYS[(datetime.now(UTC).weekday() + 3) % 7]} 12:00-12:01 UTC"
