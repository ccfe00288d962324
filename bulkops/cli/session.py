"""From the command line to a client, and from an error to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from bulkops.errors import BulkopsError, JobError

if TYPE_CHECKING:
    from bulkops.client.api import Client

T = TypeVar("T")


def connect(
    address: str | None,
    ca_file: Path | None,
    *,
    insecure_http: bool,
    rate: float | None = None,
) -> Client:
    """Return a client for the address and the token that Terraform's users have set.

    Raises:
        BulkopsError: no token, an address that is none, or an unusable CA file.
    """
    from bulkops.client.api import Client
    from bulkops.client.credentials import resolve_address, resolve_token

    server = resolve_address(address, os.environ, insecure_http=insecure_http)
    token = resolve_token(server, os.environ, _read_text)
    return Client(server, token, rate=rate, ca_file=str(ca_file) if ca_file else None)


def organization_named(organization: str | None) -> str:
    """Return the organization given, or TFE_ORGANIZATION's.

    Raises:
        JobError: there is none.
    """
    named = organization or os.environ.get("TFE_ORGANIZATION")
    if not named:
        raise JobError("no organization given: use --organization or set TFE_ORGANIZATION")
    return named


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function to its end."""
    import anyio

    return anyio.run(work)


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal before anything changes.

    Raises:
        JobError: there is no terminal to ask on, and ``--yes`` wasn't said.
        typer.Exit: the answer was no (exit 1).
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise JobError("nothing was changed: there is no terminal to ask on, so say --yes")
    answer = typer.prompt(f"{question} Only 'yes' is accepted", default="no", err=True)
    if answer.strip() != "yes":
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(1)


def print_json(value: object) -> None:
    """Print one JSON object a line on stdout."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def fail(error: BulkopsError) -> None:
    """Print the error on stderr, as the last thing a command says."""
    typer.echo(f"Error: {error}", err=True)


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BulkopsError(f"{path}: can't be read: {error}") from error
