"""Connect to the server, run a command's requests, and ask the user."""

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
import click
from click.exceptions import Exit
from msgspec.structs import replace

import bulkops.cli.log_lines  # noqa: F401 - imported before a rollout logs its first event
from bulkops.cli.options import Narrowing, Server
from bulkops.cli.outlet import left_waiting
from bulkops.cli.output.printing import note
from bulkops.cli.output.progress_text import no_answer, settling
from bulkops.cli.signals import received
from bulkops.client.access.address import Stated, destination
from bulkops.client.access.credentials import bound_token, resolve_token
from bulkops.client.access.machine import ThisMachine
from bulkops.client.api import Client
from bulkops.client.outage import Outage, State
from bulkops.errors import SIGNALS, ExitCode, JobError, Unauthorized
from bulkops.job.duration import in_words
from bulkops.job.file import load_job
from bulkops.job.job import Job, organization_in
from bulkops.telemetry.command import telemetry

T = TypeVar("T")


def connect(server: Server, *files: Stated) -> Client:
    """Return a client for the server, with the token found as Terraform finds it.

    Args:
        files: journals and saved plans, each with the address it was made for.

    Raises:
        PlanStale: a file names another address than the user, or one that needs its own token.
        BulkopsError: no token, a bad address or proxy, or an unusable file.
    """
    machine = ThisMachine()

    def is_bound(address: str) -> bool:
        return bound_token(address, os.environ, machine, ask_helper=False) is not None

    place = destination(
        server.address,
        os.environ,
        files,
        is_bound=is_bound,
        insecure_http=server.insecure_http,
    )
    token = resolve_token(place, os.environ, machine)
    client = Client(
        place.address,
        token.text,
        ca_file=server.ca_file,
        client_cert=server.client_cert,
        client_key=server.client_key,
    )
    client.kept_in = token.origin
    telemetry.watch(client, command_in_words())
    client.outage.listeners.append(partial(_note_outage, client))
    client.settling.listeners.append(_note_settling)
    return client


def _note_settling(seconds: float, reason: str) -> None:
    if seconds >= 1:
        note(f"{settling(seconds, reason)}.")


def _note_outage(client: Client, outage: Outage) -> None:
    """Note on stderr that the server is away, or is back; an error reports that it stayed away."""
    seconds = outage.seconds(client.clock.now())
    if outage.state is State.AWAY:
        waiting = no_answer(seconds, outage.reason, outage.tolerated or 0.0)
        note(f"{waiting}. No operation fails because of it.")
    elif outage.state is State.ANSWERING:
        note(f"The server answers again after {in_words(seconds)}.")


def command_in_words() -> str:
    """Return the name of the command that runs: ``bulkops fleet apply``."""
    context = click.get_current_context()
    # Not the program's name, which may be a path or `python -m bulkops`.
    return f"bulkops{context.command_path.removeprefix(context.find_root().command_path)}"


def narrowed_job(path: Path, narrowing: Narrowing) -> Job:
    """Return the job in a file, narrowed by ``--select`` and ``--limit``, which is a different job.

    Raises:
        JobError: as ``load_job``, or it can't be narrowed like this.
    """
    job = load_job(path)
    try:
        select = job.select.narrowed(narrowing.select, narrowing.limit)
    except ValueError as problem:
        raise JobError(f"{path}: --select: {problem}") from None
    return replace(job, select=select)


def organization_named(organization: str | None) -> str:
    """Return the organization given, else the one that the environment names.

    Raises:
        JobError: there is neither.
    """
    named = organization or organization_in(os.environ)
    if not named:
        raise JobError("no organization given. Use --organization or set TFE_ORGANIZATION")
    return named


def run(client: Client, work: Callable[[Client], Awaitable[T]]) -> T:
    """Return the result of ``work`` with the open client; a signal cancels it and exits."""

    async def opened() -> T:
        async with client:
            return await work(client)

    try:
        return run_all(opened)
    except Unauthorized as error:
        error.args = (f"{error}. Put a valid one in {client.kept_in}",)
        raise


def run_all(work: Callable[[], Awaitable[T]]) -> T:
    """Return the result of ``work``, which opens its clients; a signal cancels it and exits."""
    done: list[T] = []

    async def cancellable() -> None:
        main = asyncio.current_task()
        with received.passed_to(lambda _: main and main.cancel(), asyncio.get_running_loop()):
            # Not returned: asyncio.Runner formats what its task returns, for an error message of
            # ``enum`` (Python 3.11, measured), and that may be a plan of a million operations.
            done.append(await work())

    try:
        with left_waiting(), received.deferred():
            anyio.run(cancellable)
    except asyncio.CancelledError:
        raise SystemExit(SIGNALS[received.first]) from None
    return done[0]


@contextmanager
def only_reading() -> Iterator[None]:
    """If a signal ends the block, note that nothing was changed."""
    try:
        yield
        received.check()
    except SystemExit:
        note("", "Interrupted: nothing was changed.")
        raise


def confirm(question: str, *, yes: bool, answer: str = "yes", option: str = "--yes") -> None:
    """Ask a question on the terminal before anything changes.

    Args:
        yes: an option has answered it.
        answer: the only answer that is accepted.
        option: the option that answers it without a terminal.

    Raises:
        JobError: there is no terminal to ask on.
        Exit: the answer was another one (exit 1).
    """
    if yes:
        return
    if not can_ask():
        raise JobError(f"nothing was changed: there is no terminal to ask on. Add {option}")
    # Not click.prompt, which turns Ctrl-C into exit code 1.
    with received.raised() as wait_for:
        note("", f"{question} Only '{answer}' is accepted: ", end="")
        wait_for(sys.stdin)
        given = sys.stdin.readline().strip()
    if given != answer:
        note("Nothing was changed.")
        raise Exit(ExitCode.ERROR)


def can_ask() -> bool:
    """Return whether the user can see and answer a question on a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()
