"""Decides where a shard's requests go, and with which token. Pure.

| the shard names      | the user names   | requests go to   | with the token                |
|----------------------|------------------|------------------|-------------------------------|
| an address, a token  | anything         | that address     | the shard's                   |
| an address           | the same         | that address     | ``TFE_TOKEN``, or the host's  |
| an address           | another          | that address     | the host's, or ``JobError``   |
| an address           | none             | that address     | the host's, or ``JobError``   |
| the default address  | none             | the default      | ``TFE_TOKEN``, or the host's  |
| a token              | an address       | the user's       | the shard's                   |
| a token              | none             | the default      | the shard's                   |
| neither              | an address       | the user's       | ``TFE_TOKEN``, or the host's  |
| neither              | none             | the default      | ``TFE_TOKEN``, or the host's  |

The *token* is ``token_env`` or ``token_file``; the *host's* token is bound to the host of the
address (``bulkops.client.access.credentials``); the *default* is HCP Terraform. The user names an
address in the environment (``bulkops.client.access.address``). What a shard names comes first, and
a difference is no error. But an address alone must not decide where ``TFE_TOKEN`` is sent.

Plain http to another machine is refused, unless the user allows it and either named the address or
gave the shard a token. No message contains a token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from bulkops.client.access.address import Destination, destination, is_plain
from bulkops.client.access.cli_config import Machine
from bulkops.client.access.credentials import (
    Token,
    bound_token,
    resolve_token,
    sound_token,
    variable_of_host,
)
from bulkops.errors import BulkopsError, JobError
from bulkops.fleet.fleet import Shard

T = TypeVar("T")

MOST_PROBLEMS = 10
"""Problems of shards that one error lists; the rest is a number."""


class Access(NamedTuple):
    """Where a shard's requests go, and the token that is sent there.

    Attributes:
        address: as ``canonical`` returns it.
        token: no ``repr`` contains its text.
    """

    address: str
    token: Token


def access_of(
    shard: Shard, env: Mapping[str, str], machine: Machine, *, insecure_http: bool = False
) -> Access:
    """Return where a shard's requests go, and with which token, according to the table above.

    Args:
        env: the environment.
        machine: reads ``token_file``, and what Terraform has of credentials.
        insecure_http: whether to accept plain http to another machine.

    Raises:
        JobError: the user's address is invalid or ambiguous, the shard's has no token that may be
            sent there, or it is plain http.
        BulkopsError: there is no token, it is malformed, or its file can't be read.
    """
    own = _own_token(shard, env, machine)
    if shard.address is None:
        place = destination(None, env, insecure_http=insecure_http)
        return Access(place.address, own or _found(shard, place, env, machine))
    if is_plain(shard.address) and not insecure_http:
        raise JobError(
            f"{shard.where}: address = {shard.address}: plain http would expose the token to the "
            "network; use https, or pass --insecure-http"
        )
    if own:
        return Access(shard.address, own)
    if shard.address == destination(None, env, insecure_http=True).address:
        return Access(shard.address, _found(shard, Destination(shard.address), env, machine))
    bound = (
        None
        if is_plain(shard.address)
        else bound_token(shard.address, env, machine, ask_helper=True)
    )
    if bound is None:
        host = urlsplit(shard.address).netloc
        raise JobError(
            f"{shard.where}: address = {shard.address}: no token is bound to that host, and "
            "TFE_TOKEN is only sent to the address in TFE_ADDRESS: give the shard token_env or "
            f"token_file, set {variable_of_host(host)}, or run: terraform login {host}"
        )
    return Access(shard.address, bound)


def of_each(shards: Iterable[Shard], call: Callable[[Shard], T]) -> dict[str, T]:
    """Return name → what ``call`` returns of the shard.

    Raises:
        JobError, BulkopsError: the problems of all shards, a line each; the first type if one of
            them has it.
    """
    found, problems = dict[str, T](), list[BulkopsError]()
    for shard in shards:
        try:
            found[shard.name] = call(shard)
        except BulkopsError as problem:
            problems.append(problem)
    if not problems:
        return found
    # What is wrong with the environment is the same for all shards.
    lines = [*dict.fromkeys(map(str, problems))]
    more = len(lines) - MOST_PROBLEMS
    listed = "\n".join((*lines[:MOST_PROBLEMS], *([f"and {more:,} more"] if more > 0 else [])))
    wrong = any(isinstance(problem, JobError) for problem in problems)
    raise JobError(listed) if wrong else BulkopsError(listed)


def check_distinct(targets: Iterable[tuple[Shard, str, str]]) -> None:
    """Refuse two shards that change the same organization.

    Args:
        targets: each shard with the address that its requests go to, and its organization.

    Raises:
        JobError: two are the same; the message names both.
    """
    first: dict[tuple[str, str], Shard] = {}
    for shard, address, organization in targets:
        same = first.setdefault((address, organization.casefold()), shard)
        if same is not shard:
            raise JobError(
                f"{shard.where}: shards {same.name} and {shard.name} are both for {organization} "
                f"at {address}: remove one of them"
            )


def _own_token(shard: Shard, env: Mapping[str, str], machine: Machine) -> Token | None:
    """Return the token that the shard names; it is never replaced by another one."""
    if shard.token_env is not None:
        place, text = f"{shard.where}: token_env = {shard.token_env}", env.get(shard.token_env)
        if not text:
            raise BulkopsError(f"{place}: this environment variable is not set: set it")
        return sound_token(text, shard.token_env)
    if shard.token_file is not None:
        place, text = (
            f"{shard.where}: token_file = {shard.token_file}",
            machine.read_text(shard.token_file),
        )
        text = (text or "").rstrip("\r\n")
        if not text:
            raise BulkopsError(f"{place}: there is no such file, or it is empty")
        return sound_token(text, str(shard.token_file))
    return None


def _found(shard: Shard, place: Destination, env: Mapping[str, str], machine: Machine) -> Token:
    try:
        return resolve_token(place, env, machine)
    except BulkopsError as problem:
        raise BulkopsError(f"{shard.where}: {problem}") from None
