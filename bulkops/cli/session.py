"""From the command line to a client, and from an error to an exit code."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
from click.exceptions import Exit
from msgspec.structs import replace

import bulkops.cli.log_lines  # noqa: F401 - no event of a rollout must wait for its import
from bulkops.cli.options import Narrowing, Server
from bulkops.cli.outlet import left_waiting
from bulkops.cli.output.printing import note
from bulkops.cli.output.progress_text import no_answer
from bulkops.cli.signals import received
from bulkops.client.access.address import Stated, destination
from bulkops.client.access.credentials import bound_token, resolve_token
from bulkops.client.api import Client
from bulkops.client.outage import Outage, State
from bulkops.errors import SIGNALS, BulkopsError, ExitCode, JobError, Unauthorized, unreadable
from bulkops.files import read_text
from bulkops.job.duration import in_words
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
    ca_file = str(server.ca_file) if server.ca_file else None
    client = Client(place.address, token.text, ca_file=ca_file)
    client.kept_in = token.origin
    client.outage.listeners.append(partial(_say_outage, client))
    return client


def _say_outage(client: Client, outage: Outage) -> None:
    """Say on stderr that the server is away, or is back; the error says that it was given up."""
    seconds = outage.seconds(client.clock.now())
    if outage.state is State.AWAY:
        waiting = no_answer(seconds, outage.reason, outage.tolerated or 0.0)
        note(f"{waiting}. Nothing fails for it.")
    elif outage.state is State.ANSWERING:
        note(f"The server answers again, after {in_words(seconds)}.")


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
    """Return what ``work`` does with the open client; a signal cancels it and ends the command."""
    done: list[T] = []

    async def cancellable() -> None:
        main = asyncio.current_task()
        with received.told_to(lambda _: main and main.cancel(), asyncio.get_running_loop()):
            async with client:
                # Not returned: asyncio.Runner spells out what its task returns, on its way through
                # an error message of ``enum`` (Python 3.11, measured): a plan of a million
                # operations.
                done.append(await work(client))

    try:
        with left_waiting(), received.held_back():
            anyio.run(cancellable)
    except Unauthorized as error:
        error.args = (f"{error}: put a valid one into {client.kept_in}",)
        raise
    except asyncio.CancelledError:
        raise SystemExit(SIGNALS[received.first]) from None
    return done[0]


@contextmanager
def only_reading() -> Iterator[None]:
    """While the block runs, a signal ends the command and says that nothing was changed."""
    try:
        yield
        received.check()
    except SystemExit:
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
    with received.raised() as wait_for:
        note("", f"{question} Only '{answer}' is accepted: ", end="")
        wait_for(sys.stdin)
        said = sys.stdin.readline().strip()
    if said != answer:
        note("Nothing was changed.")
        raise Exit(ExitCode.ERROR)


def can_ask() -> bool:
    """Return whether there is a terminal on which a question is seen and answered."""
    return sys.stdin.isatty() and sys.stderr.isatty()


MOST_OF_CREDENTIALS = 1 << 20
"""Bytes of a file that Terraform keeps tokens in."""


def _read_text(path: Path) -> str | None:
    try:
        return read_text(path, MOST_OF_CREDENTIALS)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BulkopsError(unreadable(path, error)) from error
