"""From the command line to a client, and from an error to an exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import anyio
from click.exceptions import Exit
from msgspec.structs import replace

import bulkops.cli.log_lines  # noqa: F401 - no event of a rollout must wait for its import
from bulkops.cli import terminate
from bulkops.cli.options import Narrowing, Server
from bulkops.cli.output.printing import note
from bulkops.client.access.address import Stated, destination
from bulkops.client.access.credentials import bound_token, resolve_token
from bulkops.client.api import Client
from bulkops.errors import BulkopsError, ExitCode, JobError, unreadable
from bulkops.job.file import load_job
from bulkops.job.job import Job

T = TypeVar("T")


def connect(server: Server, *files: Stated) -> Client:
    """Return a client for a server, with the token that Terraform's users have set for it.

    Args:
        files: journal, saved plan; each names the address it was made for.

    Raises:
        PlanStale: a file names another address than the user, or one that needs a token of its own.
        BulkopsError: no token, an address that is none, or an unusable CA file or proxy.
    """
    place = destination(
        server.address,
        os.environ,
        files,
        is_bound=lambda address: bound_token(address, os.environ, _read_text) is not None,
        insecure_http=server.insecure_http,
    )
    token = resolve_token(place, os.environ, _read_text)
    return Client(place.address, token, ca_file=str(server.ca_file) if server.ca_file else None)


def narrowed_job(path: Path, narrowing: Narrowing) -> Job:
    """Return the job in a file, narrowed as the command line says: another job than the whole.

    Raises:
        JobError: as of ``load_job``, or it can't be narrowed so.
    """
    job = load_job(path)
    try:
        select = job.select.narrowed(narrowing.select, narrowing.limit)
    except ValueError as problem:
        raise JobError(f"{path}: --select: {problem}") from None
    return replace(job, select=select)


def organization_named(organization: str | None) -> str:
    """Return the organization given, or TFE_ORGANIZATION's.

    Raises:
        JobError: there is none.
    """
    named = organization or os.environ.get("TFE_ORGANIZATION")
    if not named:
        raise JobError("no organization given: use --organization or set TFE_ORGANIZATION")
    return named


def run(client: Client, work: Callable[[Client], Awaitable[T]]) -> T:
    """Return what ``work`` does with the open client; SIGTERM cancels it and ends the command."""
    done: list[T] = []

    async def cancellable() -> None:
        main = asyncio.current_task()
        with suppress(NotImplementedError):  # on Windows
            # Not the handler of the whole process: raising inside a callback of the event loop
            # ends that callback, not the command.
            asyncio.get_running_loop().add_signal_handler(
                signal.SIGTERM, lambda: main and main.cancel()
            )
        async with client:
            # Not returned: asyncio.Runner spells out what its task returns, on its way through an
            # error message of ``enum`` (Python 3.11, measured): a plan of a million operations.
            done.append(await work(client))

    try:
        anyio.run(cancellable)
    except asyncio.CancelledError:
        raise SystemExit(ExitCode.TERMINATED) from None
    finally:
        # The loop's end leaves the signal to the system, which kills without a word.
        signal.signal(signal.SIGTERM, terminate)
    return done[0]


@contextmanager
def only_reading() -> Iterator[None]:
    """While the block runs, Ctrl-C and SIGTERM end the command and say that nothing was changed."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        note("", "Interrupted: nothing was changed.")
        raise


def confirm(question: str, *, yes: bool, answer: str = "yes", option: str = "--yes") -> None:
    """Ask on a terminal before anything changes.

    Args:
        yes: it was said already.
        answer: the only one that is accepted.
        option: what to say where there is no terminal.

    Raises:
        JobError: there is no terminal to ask on, and the option wasn't given.
        Exit: the answer was no (exit 1).
    """
    if yes:
        return
    if not can_ask():
        raise JobError(f"nothing was changed: there is no terminal to ask on, so say {option}")
    # Not click.prompt: it makes of Ctrl-C an exit code 1.
    with _signals_raised():
        note("", f"{question} Only '{answer}' is accepted: ", end="")
        said = sys.stdin.readline().strip()
    if said != answer:
        note("Nothing was changed.")
        raise Exit(ExitCode.ERROR)


def can_ask() -> bool:
    """Return whether there is a terminal on which a question is seen and answered."""
    return sys.stdin.isatty() and sys.stderr.isatty()


@contextmanager
def _signals_raised() -> Iterator[None]:
    """While the block waits for a person, let Ctrl-C and SIGTERM raise as outside an event loop.

    The loop only takes note of them, and would act once the block is left.
    """
    mine = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: terminate}
    before = {number: signal.signal(number, handler) for number, handler in mine.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BulkopsError(unreadable(path, error)) from error
