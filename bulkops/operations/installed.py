"""Kinds of operation from other installed packages (entry point ``bulkops.operations``).

Installed packages are searched only if a job names a kind that is not built in, or if an error
message lists all kinds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from bulkops.checking import allowed, shown
from bulkops.errors import JobError
from bulkops.operations import wording
from bulkops.operations.kinds.base import VERB, Kind
from bulkops.operations.model import Spec
from bulkops.text import printable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "bulkops.operations"
PARTS = ("name", "spec_type")
"""What the class of a kind must define beside the abstract methods of ``Kind``."""


def names() -> list[str]:
    """Return the names of the installed packages' kinds, without loading any.

    Raises:
        JobError: the installed packages can't be read.
    """
    return sorted({point.name for point in _points(GROUP)})


def load(name: str, where: str) -> type[Kind] | None:
    """Return the kind with this name, ``None`` if no installed package adds one.

    Args:
        where: the place that errors name before ``= name``, such as ``job.toml: operation.kind``.

    Raises:
        JobError: it can't be loaded, is not a kind, or several packages add it.
    """
    points = [point for point in _points(where) if point.name == name]
    if not points:
        return None
    place = f"{where} = {shown(name)}"
    if len(points) > 1:
        packages = " and ".join(sorted(_package(point) for point in points))
        raise JobError(f"{place}: added by {packages}: uninstall all but one")
    (point,) = points
    added = f"{place}: {_package(point)} adds it as {printable(point.value)}, which"
    try:
        loaded = point.load()
    except Exception as error:
        cause = printable(f"{type(error).__name__}: {error}")
        raise JobError(f"{added} can't be loaded: {cause}") from error
    if not isinstance(loaded, type):
        raise JobError(f"{added} is not a class")
    if not issubclass(loaded, Kind):
        raise JobError(f"{added} is not a kind: derive it from bulkops.operations.Kind")
    problem = _problem(loaded, name)
    if problem:
        raise JobError(f"{added} {problem}")
    wording.learn(loaded.words)
    return loaded


def _points(where: str) -> list[EntryPoint]:
    # Imported here so that only jobs with an installed kind wait for it.
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes 10 ms and more

    try:
        return list(entry_points(group=GROUP))
    except Exception as error:
        cause = printable(f"{type(error).__name__}: {error}")
        raise JobError(f"{where}: can't read the installed entry points: {cause}") from error


def _package(point: EntryPoint) -> str:
    return printable(f"{point.dist.name} {point.dist.version}") if point.dist else "a package"


def _problem(kind: type[Kind], name: str) -> str:
    """Return why a class is not a valid kind of this name, empty if it is one."""
    missing = [part for part in PARTS if not hasattr(kind, part)]
    missing += sorted(kind.__abstractmethods__)
    if missing:
        return f"is not a complete kind: it lacks {', '.join(missing)}"
    if kind.name != name:
        return f"calls itself {kind.name!r}"
    odd = [
        verb for verb in (kind.creates, kind.changes, kind.removes) if not re.fullmatch(VERB, verb)
    ]
    if odd:
        return f"has a verb that is not a lower-case word: {', '.join(map(shown, odd))}"
    spec: object = kind.spec_type
    if not (isinstance(spec, type) and issubclass(spec, Spec)):
        return "has a spec_type that is not a Spec"
    return _spec_problem(spec)


def _spec_problem(spec: type[Spec]) -> str:
    for field in msgspec.structs.fields(spec):
        if field.name == "kind":
            return "has a spec with a field `kind`, a name that job files reserve"
        try:
            allowed(field.type)
        except NotImplementedError as error:
            return f"has a spec whose field `{field.name}` can't be described: {error}"
    return ""
