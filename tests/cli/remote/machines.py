"""Machines that share a journal in a store and nothing else.

Each has a folder, a home and a folder for temporary files of its own. All of them stay empty:
nothing of a journal in a store is written to the machine.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL, SIGSTOP, Signals
from threading import Event
from types import MappingProxyType
from typing import NamedTuple

from bulkops.api.messages import Request
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.store import Store
from bulkops.journal.remote.lease.content import Lease, decoded
from tests.cli.support import TOKEN, Done, StagedSimulator, World, checked, organization, serving
from tests.journal.remote.servers import Environment, Server

LEASE = 2.0
"""Seconds of the lease of each job here, the shortest that a job file may name."""
SECONDS = 60.0
"""The most seconds for what a test waits for."""

SLOWLY = "max_at_once = 2"
"""Not all operations are in flight when something happens."""

Process = subprocess.Popen[str]
NOTHING: Environment = MappingProxyType({})


class Machine:
    """A machine that can reach the store and the server.

    Args:
        place: below which its folders are created.
        environment: the variables of each command.
        secrets: what no command may print.
    """

    def __init__(self, place: Path, environment: Environment, secrets: tuple[str, ...]) -> None:
        self.place = place
        self.secrets = secrets
        for name in ("work", "home", "tmp"):
            (place / name).mkdir(parents=True)
        self._environment = {
            **environment,
            "PATH": "/usr/bin:/bin",
            "HOME": str(place / "home"),
            "TMPDIR": str(place / "tmp"),
        }

    def start(
        self, *words: str, more: Environment = NOTHING, stdout: int = subprocess.PIPE
    ) -> Process:
        """Start the installed command in the machine's empty folder."""
        return subprocess.Popen(
            [Path(sys.executable).with_name("bulkops"), *words],
            cwd=self.place / "work",
            env={**self._environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, process: Process, *, debug: bool = False) -> Done:
        """Wait for a command, and check that it printed no traceback and no secret.

        Args:
            debug: it may print a traceback.
        """
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"did not end: {process.communicate()}") from None
        # There is no output to check if the test itself has the other end of a pipe.
        done = checked(Done(process.wait(), out or "", err), debug=debug)
        for secret in self.secrets:
            assert secret not in done.out + done.err
        return done

    def run(self, *words: str, more: Environment = NOTHING, debug: bool = False) -> Done:
        """Run the installed command to its end."""
        return self.ended(self.start(*words, more=more), debug=debug)

    def written(self) -> list[str]:
        """Return the files and folders that a command has created on this machine."""
        return sorted(str(path.relative_to(self.place)) for path in self.place.glob("*/**/*"))


class Site(NamedTuple):
    """A server with an organization, a store with a place for a journal, and a job.

    Attributes:
        world: the server, and the job file ``job.toml``.
        store: the server of the store.
        at: the address of the journal.
        seconds: the job's lease.
    """

    world: World
    store: Server
    at: Address
    seconds: float = LEASE

    @property
    def journal(self) -> str:
        """The address of the journal, as a user writes it."""
        return str(self.at)

    @property
    def applying(self) -> tuple[str, ...]:
        """The words of ``apply``."""
        return ("apply", str(self.world.folder / "job.toml"), "--journal", self.journal, "--yes")

    @property
    def resuming(self) -> tuple[str, ...]:
        """The words of ``resume`` that wait for the journal."""
        return ("resume", self.journal, "--yes", "--wait")

    @property
    def bucket(self) -> Store:
        """The store, opened with all rights."""
        return self.store.store()

    def machine(self, name: str, env: Environment | None = None) -> Machine:
        """Return a new machine; with other variables for the store if some are given."""
        environment = {
            "TFE_ADDRESS": self.world.address,
            "TFE_TOKEN": TOKEN,
            **(self.store.env if env is None else env),
        }
        return Machine(self.world.folder / "machines" / name, environment, _secrets(self.store))

    def each_once(self) -> None:
        """Check that each workspace is as desired, and was changed once."""
        assert self.world.all_desired()
        assert dict(self.world.changed()) == dict.fromkeys(self.world.shown(), 1)

    def leases(self) -> Iterator[Lease]:
        """Yield the leases of the journal, and of those beside and below it."""
        bucket = self.bucket
        for name in bucket.names(f"{self.at.parent.key}/"):
            if name.endswith("/lease") and (found := bucket.get(name)):
                yield decoded(found.data)

    def until_kept(self) -> None:
        """Wait until the lease is the job's: a process that starts has one of 30 s at first."""
        until(lambda: any(lease.ttl == self.seconds for lease in self.leases()))

    def no_secret_stored(self) -> None:
        """Check that no object of the journal contains a secret."""
        bucket = self.bucket
        names = list(bucket.names(f"{self.at.parent.key}/"))
        assert names
        for name in names:
            found = bucket.get(name)
            assert found is not None
            for secret in (TOKEN, *_secrets(self.store)):
                assert secret.encode() not in found.data


def _secrets(server: Server) -> tuple[str, ...]:
    kinds = ("SECRET", "SAS", "_KEY")
    variables = {**server.env, **server.stranger, **server.reader}
    values = [value for name, value in variables.items() if any(kind in name for kind in kinds)]
    # A name of a key is none, and moto's is a word.
    return tuple(value for value in values if len(value) > len("another"))


@contextmanager
def site(
    server: Server,
    folder: Path,
    workspaces: int = 12,
    *,
    pace: str = SLOWLY,
    seconds: float = LEASE,
) -> Iterator[Site]:
    """Serve an organization; the journal's place is unused.

    Args:
        pace: further lines of the job's ``[pace]``.
        seconds: the job's lease.
    """
    # A repeated attach succeeds, so that the server's refusal can't hide that it was sent twice.
    simulator = StagedSimulator(rate=0, duplicate_attach="accept")
    organization(simulator, workspaces)
    with serving(simulator) as address:
        world = World(simulator, address, folder)
        journal = f'[journal]\nlease = "{seconds:g}s"\n\n[pace]\n{pace}\n'
        world.job(("[pace]\n", journal))
        yield Site(world, server, server.address(f"{folder.name}/scan"), seconds)


class Strike(NamedTuple):
    """A signal for a command at one of its writes.

    Args:
        stage: ``before`` or ``after`` the write takes effect at the server.
        write: its number, counted from 1.
    """

    stage: str
    write: int
    signal: Signals = SIGKILL


def struck(site: Site, machine: Machine, strike: Strike, *words: str) -> Process:
    """Start a command, and return it once the signal was sent."""
    seen, sent, begun = Counter[str](), Event(), Event()
    started: list[Process] = []

    def hit(request: Request) -> None:
        seen["writes"] += request.writes
        if request.writes and seen["writes"] == strike.write:
            begun.wait(SECONDS)
            site.until_kept()
            started[0].send_signal(strike.signal)
            sent.set()

    setattr(site.world.simulator, strike.stage, hit)
    started.append(machine.start(*words))
    begun.set()
    assert sent.wait(SECONDS), started[0].communicate()
    setattr(site.world.simulator, strike.stage, None)
    return started[0]


def until(fact: Callable[[], object], seconds: float = SECONDS) -> None:
    """Return as soon as something is the case: what another process does can only be polled."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def surely_ended(process: Process) -> Iterator[Process]:
    """Kill a process at the end of the block if it still runs, frozen or not."""
    try:
        yield process
    finally:
        process.kill()
        process.wait(SECONDS)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def frozen(pid: int) -> bool:
    """Return whether a process is stopped by a signal, all of its threads."""
    tasks = Path("/proc", str(pid), "task").glob("*/stat")
    return all(path.read_bytes().rpartition(b")")[2].split()[0] == b"T" for path in tasks)


def freeze(process: Process) -> None:
    """Stop a process, and return once all of it stands still."""
    process.send_signal(SIGSTOP)
    until(lambda: frozen(process.pid))
