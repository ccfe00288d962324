"""Finds the token for a server in the places where Terraform users keep it. Pure.

| places, in this order                                           | the token may be sent to      |
|-----------------------------------------------------------------|-------------------------------|
| ``TFE_TOKEN``                                                   | the address the user named,   |
|                                                                 | or the default                |
| ``TF_TOKEN_<host>`` with ``.`` as ``_`` and ``-`` as ``__``     | that host                     |
| ``~/.terraform.d/credentials.tfrc.json`` (``terraform login``)  | the host that it is listed for |

Tokens of the last two are *bound* to a host. The environment and the reader of files are passed
in. No message contains a token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from bulkops.client.access.address import Destination
from bulkops.errors import BulkopsError, unreadable

TOKEN_PREFIX = "TF_TOKEN_"  # noqa: S105 - the name of a variable, not a token


class Token(NamedTuple):
    """A token, and where it was found: a variable's name, or a file's path."""

    text: str
    origin: str

    def __repr__(self) -> str:
        """Show everything but the token."""
        return f"Token(origin={self.origin!r})"


ReadText = Callable[[Path], str | None]
"""Returns a file's text, ``None`` if the file does not exist."""


class _Entry(msgspec.Struct):
    token: str = ""


class _CredentialsFile(msgspec.Struct):
    credentials: dict[str, _Entry] = {}


def resolve_token(destination: Destination, env: Mapping[str, str], read_text: ReadText) -> Token:
    """Return the token for a destination; only a bound token if the destination requires one.

    Raises:
        BulkopsError: there is no token, it is malformed, or the credentials file can't be read.
    """
    if not destination.bound and (token := env.get("TFE_TOKEN")):
        return sound_token(token, "TFE_TOKEN")
    if token_of_host := bound_token(destination.address, env, read_text):
        return token_of_host
    host = urlsplit(destination.address).netloc
    raise BulkopsError(
        f"no token for {host}: tried TFE_TOKEN, {variable_of_host(host)} and "
        f"{_path(env) or '~/.terraform.d/credentials.tfrc.json (HOME is not set)'}; "
        f"set one of them, or run: terraform login {host}"
    )


def bound_token(address: str, env: Mapping[str, str], read_text: ReadText) -> Token | None:
    """Return the token that is bound to the host of an address, ``None`` if there is none.

    Args:
        address: an address, as ``canonical`` returns it.

    Raises:
        BulkopsError: the token is malformed, or the credentials file can't be read.
    """
    host = urlsplit(address).netloc
    for name in env:
        if _host_of_variable(name) == host and (token := env[name]):
            return sound_token(token, name)
    path = _path(env)
    if path is not None and (token := _token_in_file(path, host, read_text) or ""):
        return sound_token(token, str(path))
    return None


def _path(env: Mapping[str, str]) -> Path | None:
    home = env.get("HOME")
    return Path(home, ".terraform.d", "credentials.tfrc.json") if home else None


def _host_of_variable(name: str) -> str | None:
    """Return the host that a ``TF_TOKEN_…`` variable is for, decoded as Terraform does."""
    if not name.startswith(TOKEN_PREFIX):
        return None
    return _comparable(name.removeprefix(TOKEN_PREFIX).replace("__", "-").replace("_", "."))


def variable_of_host(host: str) -> str:
    """Return the name of the variable that holds the token of a host, as Terraform has it."""
    return TOKEN_PREFIX + host.replace("-", "__").replace(".", "_")


def _comparable(host: str) -> str:
    # Terraform keeps the port as part of the host, except 443.
    return host.lower().removesuffix(":443")


def _token_in_file(path: Path, host: str, read_text: ReadText) -> str | None:
    try:
        text = read_text(path)
        if text is None:
            return None
        file = msgspec.json.decode(text, type=_CredentialsFile)
    except (OSError, UnicodeError) as problem:
        raise BulkopsError(unreadable(path, problem)) from None
    except msgspec.DecodeError as problem:
        raise BulkopsError(f"{path} is not a Terraform credentials file: {problem}") from None
    tokens = {_comparable(name): entry.token for name, entry in file.credentials.items()}
    return tokens.get(host)


def sound_token(token: str, origin: str) -> Token:
    """Return a token; raises ``BulkopsError`` if it is malformed.

    Args:
        origin: where it was found: a variable's name, or a file's path.
    """
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise BulkopsError(
            f"the token in {origin} contains spaces, control characters or non-ASCII characters: "
            "copy it again, complete and without a line break"
        )
    return Token(token, origin)
