"""Finds the token for a server in the places where Terraform users keep it. Pure.

| places, in this order                                           | the token may be sent to      |
|-----------------------------------------------------------------|-------------------------------|
| ``TFE_TOKEN``                                                   | the address the user named,   |
|                                                                 | or the default                |
| ``TF_TOKEN_<host>`` with ``.`` as ``_`` and ``-`` as ``__``     | that host                     |
| ``credentials`` blocks of Terraform's CLI configuration, which  | the host that it is listed for |
| ``terraform login`` writes, too (see ``cli_config``)            |                               |
| the ``credentials_helper`` of the CLI configuration             | the host that it is asked     |
|                                                                 | for, if the user named it     |

Tokens of all but the first are *bound* to a host. The order is Terraform's: a helper is not asked
for a host that has a block. Nor is it asked for one that only a file named, because it may have one
token for every host. The environment and the machine are passed in. No message contains a
token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from bulkops.client.access.address import Destination
from bulkops.client.access.cli_config import Helper, Machine, cli_config, comparable
from bulkops.errors import BulkopsError

TOKEN_PREFIX = "TF_TOKEN_"  # noqa: S105 - the name of a variable, not a token


class Token(NamedTuple):
    """A token, and where it was found: a variable's name, or a file's path."""

    text: str
    origin: str

    def __repr__(self) -> str:
        """Show everything but the token."""
        return f"Token(origin={self.origin!r})"


class _Sought(NamedTuple):
    """What was found for a host.

    Attributes:
        places: where it was looked for, in words.
    """

    token: Token | None
    places: list[str]


def resolve_token(destination: Destination, env: Mapping[str, str], machine: Machine) -> Token:
    """Return the token for a destination; only a bound token if the destination requires one.

    Raises:
        BulkopsError: there is no token, it is malformed, or a file with credentials can't be read.
    """
    if not destination.bound and (token := env.get("TFE_TOKEN")):
        return sound_token(token, "TFE_TOKEN")
    host = urlsplit(destination.address).netloc
    found, places = _sought(host, env, machine, ask_helper=not destination.bound)
    if found:
        return found
    raise BulkopsError(
        f"no token for {host}: tried {', '.join(['TFE_TOKEN', *places[:-1]])} and {places[-1]}; "
        f"set one of them, or run: terraform login {host}"
    )


def bound_token(
    address: str, env: Mapping[str, str], machine: Machine, *, ask_helper: bool
) -> Token | None:
    """Return the token that is bound to the host of an address, ``None`` if there is none.

    Args:
        address: an address, as ``canonical`` returns it.
        ask_helper: whether the credentials helper is asked.

    Raises:
        BulkopsError: the token is malformed, a file with credentials can't be read, or the
            credentials helper failed.
    """
    return _sought(urlsplit(address).netloc, env, machine, ask_helper=ask_helper).token


def _sought(host: str, env: Mapping[str, str], machine: Machine, *, ask_helper: bool) -> _Sought:
    places = [variable_of_host(host)]
    for name in env:
        if _host_of_variable(name) == host and (token := env[name]):
            return _Sought(sound_token(token, name), places)
    config = cli_config(env, machine)
    places += config.places
    if entry := config.entries.get(host):
        return _Sought(_token_in(entry.content, host, str(entry.file)), places)
    if config.helper is None or not ask_helper:
        return _Sought(None, places)
    origin = f"the credentials helper {config.helper.name}"
    answer = _answer(config.helper, host, machine)
    if answer is None:
        programs = " or ".join(str(program) for program in config.helper.programs)
        reason = f"there is no {programs}" if programs else "HOME is not set"
        return _Sought(None, [*places, f"{origin} ({reason})"])
    return _Sought(_token_in(answer, host, origin), [*places, origin])


def _answer(helper: Helper, host: str, machine: Machine) -> object:
    """Return the JSON that the helper prints, ``None`` if its program doesn't exist."""
    for program in helper.programs:
        answer = machine.answer_of(program, (*helper.arguments, "get", host))
        if answer is not None:
            try:
                return msgspec.json.decode(answer, type=dict[str, object])
            except (msgspec.DecodeError, RecursionError):
                raise BulkopsError(
                    f"{program} get {host}: it printed no JSON object such as "
                    '{"token": "…"}, so it is no credentials helper of Terraform'
                ) from None
    return None


def _token_in(entry: object, host: str, origin: str) -> Token | None:
    """Return the token in a block or in a helper's answer, ``None`` if there is none."""
    token = entry.get("token", "") if isinstance(entry, dict) else entry
    if token is None or token == "":
        return None
    if not (isinstance(entry, dict) and isinstance(token, str)):
        raise BulkopsError(
            f'{origin}: what it has for {host} is not like this: {{"token": "…"}} (in a '
            'credentials block: token = "…")'
        )
    return sound_token(token, origin)


def _host_of_variable(name: str) -> str | None:
    """Return the host that a ``TF_TOKEN_…`` variable is for, decoded as Terraform does."""
    if not name.startswith(TOKEN_PREFIX):
        return None
    return comparable(name.removeprefix(TOKEN_PREFIX).replace("__", "-").replace("_", "."))


def variable_of_host(host: str) -> str:
    """Return the name of the variable that holds the token of a host, as Terraform has it."""
    return TOKEN_PREFIX + host.replace("-", "__").replace(".", "_")


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
