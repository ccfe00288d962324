"""What options of ``bulkops simulate`` say, as values of the simulator."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from bulkops.simulator.faults import BadFaults, Faults
from bulkops.simulator.profiles import PROFILES
from bulkops.simulator.state import Entitlements, User

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}
_SWITCH: Final = {"true": True, "false": False}
_NAME: Final = re.compile("[A-Za-z0-9_-]+")
_RIGHTS: Final[dict[str, tuple[str, Callable[[str], User]]]] = {
    "--token": ("user", lambda name: User(name=name)),
    "--workspace-task-token": ("workspace-user", User.of_workspaces),
    "--read-only-token": ("reader", User.read_only),
}
"""Option → the beginning of its users' names, and a user with its rights; the least ones last."""
_ENTITLEMENT: Final = "--entitlement"
_FIELDS: Final = {
    field.encode_name: field
    for field in msgspec.structs.fields(Entitlements)
    if "run_task" in field.name
}
"""Those that change what the simulator does, by their names in the API."""


class BadArgument(ValueError):
    """An invalid argument; the message says what is allowed.

    Attributes:
        option: the option that it was given to.
    """

    def __init__(self, option: str, why: str) -> None:
        super().__init__(why)
        self.option = option


def organizations(names: Sequence[str], number: int | None) -> tuple[str, ...]:
    """Return the organizations' names, in order.

    Args:
        names: the names, if each is given.
        number: how many there are, ``acme-1``, ``acme-2``, …, if only their number is given.
            Without both there is one, ``acme``.

    Raises:
        BadArgument: both are given, or a name is malformed or given twice.
    """
    if names and number is not None:
        raise BadArgument("--organizations", "give either this or --organization, not both")
    for name in names:
        if not _NAME.fullmatch(name):
            why = f"{name!r}: a name consists of letters, digits, - and _"
            raise BadArgument("--organization", why)
        # As on the service, where ACME is acme.
        if [other.casefold() for other in names].count(name.casefold()) > 1:
            raise BadArgument("--organization", f"{name!r} is given twice")
    if number is not None:
        return tuple(f"acme-{position}" for position in range(1, number + 1))
    return tuple(names) or ("acme",)


def users(given: Mapping[str, Iterable[str]], served: Sequence[str]) -> dict[str, User] | None:
    """Return token → user; None without tokens.

    Args:
        given: option, ``--token`` or one for fewer rights → its texts: ``TOKEN`` for every
            organization, or ``ORG,ORG:TOKEN``. A token that is given several times sees all
            these organizations, each with the least right that is given for it.
        served: the names of all organizations.

    Raises:
        BadArgument: a text names an unknown organization, or no token.
    """
    names: dict[str, str] = {}
    rights: dict[str, dict[str, Callable[[str], User]]] = {}
    for option, (stem, made) in _RIGHTS.items():
        for position, text in enumerate(given.get(option, ()), 1):
            where, token = _scoped(option, text, served)
            if not token:
                raise BadArgument(option, "the token is empty")
            names.setdefault(token, f"{stem}-{position}")
            rights.setdefault(token, {}).update(dict.fromkeys(where, made))
    found = {
        token: User(name=name, organizations={o: made(name) for o, made in rights[token].items()})
        for token, name in names.items()
    }
    return found or None


def entitlements(settings: Iterable[str], served: Sequence[str]) -> dict[str, Entitlements]:
    """Return organization → what ``run-task-limit=1``, or ``ORG,ORG:run-task-limit=1``, sets.

    The last setting of an entitlement counts; what is not set is unlimited.

    Args:
        served: the names of all organizations.

    Raises:
        BadArgument: an organization or a name is unknown, or a value has the wrong type.
    """
    values: dict[str, dict[str, bool | int]] = {name: {} for name in served}
    for setting in settings:
        where, rest = _scoped(_ENTITLEMENT, setting, served)
        name, value = _entitlement(rest)
        for organization in where:
            values[organization][name] = value
    return {name: msgspec.convert(values[name], Entitlements) for name in served}


def seconds(option: str, duration: str) -> float:
    """Return a duration such as ``50ms`` in seconds.

    Raises:
        BadArgument: it isn't one.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", duration.strip())
    if found is None:
        raise BadArgument(option, f"{duration!r} is not a duration. Write 50ms, 1.5s or 2m")
    return float(found[1]) * _UNITS[found[2]]


def profile(name: str) -> str:
    """Return the name of a server version, or raise ``BadArgument`` if it is unknown."""
    if name not in PROFILES:
        raise BadArgument("--profile", f"{name!r} is not known. Known: {', '.join(PROFILES)}")
    return name


def faults(spec: str, seed: int) -> Faults | None:
    """Return the faults of a text (see ``Faults.parse``); None if it is empty.

    Raises:
        BadArgument: the text is invalid.
    """
    try:
        return Faults.parse(spec, seed) if spec else None
    except BadFaults as error:
        raise BadArgument("--faults", str(error)) from None


def _entitlement(setting: str) -> tuple[str, bool | int]:
    name, _, value = setting.partition("=")
    if name not in _FIELDS:
        raise BadArgument(_ENTITLEMENT, f"{name!r} is not known. Known: {', '.join(_FIELDS)}")
    if _FIELDS[name].type is bool:
        if value not in _SWITCH:
            raise BadArgument(_ENTITLEMENT, f"{setting!r}: write {name}=true or {name}=false")
        return name, _SWITCH[value]
    if not re.fullmatch(r"[0-9]+", value):
        raise BadArgument(_ENTITLEMENT, f"{setting!r}: write a number: {name}=10")
    return name, int(value)


def _scoped(option: str, text: str, served: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return the organizations before a colon, all of them without one, and the rest."""
    before, colon, rest = text.partition(":")
    if not colon:
        return served, text
    names = before.split(",")
    for name in names:
        if name not in served:
            why = f"{name!r} is not served. Organizations: {', '.join(served)}"
            raise BadArgument(option, why)
    return names, rest
