"""What options of ``bulkops simulate`` say, as values of the simulator."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from bulkops.simulator.state import Entitlements, User

_SWITCH = {"true": True, "false": False}


class BadArgument(ValueError):
    """An invalid argument; the message says what is allowed."""


def users(
    full: Iterable[str], of_workspaces: Iterable[str], read_only: Iterable[str]
) -> dict[str, User] | None:
    """Return token → user, with the lesser right if a token is given twice; None without tokens."""
    found = {token: User(name=f"user-{number}") for number, token in enumerate(full, 1)}
    for number, token in enumerate(of_workspaces, 1):
        found[token] = User.of_workspaces(f"workspace-user-{number}")
    for number, token in enumerate(read_only, 1):
        found[token] = User.read_only(f"reader-{number}")
    return found or None


def entitlements(settings: Iterable[str]) -> Entitlements:
    """Return the entitlements that texts such as ``run-task-limit=1`` set.

    Raises:
        BadArgument: a name is unknown, or a value has the wrong type.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(Entitlements)}
    values: dict[str, bool | int] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in fields:
            raise BadArgument(f"{name!r} is not known. Known: {', '.join(fields)}")
        if fields[name].type is bool:
            if value not in _SWITCH:
                raise BadArgument(f"{setting!r}: write {name}=true or {name}=false")
            values[name] = _SWITCH[value]
        else:
            if not re.fullmatch(r"[0-9]+", value):
                raise BadArgument(f"{setting!r}: write a number: {name}=10")
            values[name] = int(value)
    return msgspec.convert(values, Entitlements)
