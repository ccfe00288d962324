"""Kinds of operation that other installed packages add, by the entry point ``bulkops.operations``.

What is installed is read as an ``import`` reads it, and only when a job asks for a kind that is
not built in, or when an error message lists all there are.
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
"""What the class of a kind must have beside what it has from ``Kind``."""


def names() -> list[str]:
    """Return what the kinds of installed packages are called; loads none.

    Raises:
        JobError: what is installed can't be read.
    """
    return sorted({point.name for point in _points(GROUP)})


def load(name: str, where: str) -> type[Kind] | None:
    """Return the kind of that name, ``None`` where no installed package adds one.

    Args:
        where: what stands before ``= name`` in a message, such as ``job.toml: operation.kind``.

    Raises:
        JobError: it can't be loaded, is no kind, or two packages add it.
    """
    found = [point for point in _points(where) if point.name == name]
    if not found:
        return None
    place = f"{where} = {shown(name)}"
    if len(found) > 1:
        both = " and ".join(sorted(_package(point) for point in found))
        raise JobError(f"{place}: added by {both}: uninstall all but one")
    (point,) = found
    added = f"{place}: {_package(point)} adds it as {printable(point.value)}, which"
    try:
        loaded = point.load()
    except Exception as error:
        said = printable(f"{type(error).__name__}: {error}")
        raise JobError(f"{added} can't be loaded: {said}") from error
    if not isinstance(loaded, type):
        raise JobError(f"{added} is no class")
    if not issubclass(loaded, Kind):
        raise JobError(f"{added} is no kind of operation: build it on bulkops.operations.Kind")
    problem = _problem(loaded, name)
    if problem:
        raise JobError(f"{added} {problem}")
    wording.learn(loaded.words)
    return loaded


def _points(where: str) -> list[EntryPoint]:
    # Loaded by whoever asks: nobody else waits for it.
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes 10 ms and more

    try:
        return list(entry_points(group=GROUP))
    except Exception as error:
        said = printable(f"{type(error).__name__}: {error}")
        raise JobError(f"{where}: the entry points installed can't be read: {said}") from error


def _package(point: EntryPoint) -> str:
    return printable(f"{point.dist.name} {point.dist.version}") if point.dist else "a package"


def _problem(kind: type[Kind], name: str) -> str:
    """Return what makes it no kind of that name, empty where it is one."""
    missing = [part for part in PARTS if not hasattr(kind, part)]
    missing += sorted(kind.__abstractmethods__)
    if missing:
        return f"is no kind of operation: it has no {', '.join(missing)}"
    if kind.name != name:
        return f"calls itself {kind.name!r}"
    odd = [
        verb for verb in (kind.creates, kind.changes, kind.removes) if not re.fullmatch(VERB, verb)
    ]
    if odd:
        return f"has a verb that is no lower-case word: {', '.join(map(shown, odd))}"
    spec: object = kind.spec_type
    if not (isinstance(spec, type) and issubclass(spec, Spec)):
        return "has a spec_type that is no Spec"
    return _spec_problem(spec)


def _spec_problem(spec: type[Spec]) -> str:
    for field in msgspec.structs.fields(spec):
        if field.name == "kind":
            return "has a spec with a field `kind`, which is the job file's own"
        try:
            allowed(field.type)
        except NotImplementedError as error:
            return f"has a spec whose field `{field.name}` can't be described: {error}"
    return ""
