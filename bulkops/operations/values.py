"""Groups of listed workspaces with the same values, each with a spec of its own. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bulkops.checking import fields_of, given, shown
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Scope, Spec


class Valued(msgspec.Struct, frozen=True):
    """Listed workspaces with the same values.

    Attributes:
        workspaces: their names or ids, as the file lists them, sorted.
        spec: the ``[operation]`` of these workspaces.
    """

    workspaces: tuple[str, ...]
    spec: Spec


def overridable(kind: type[Kind]) -> tuple[str, ...]:
    """Return the fields of a kind that can have a value per workspace."""
    if kind.scope is not Scope.SELECTED:
        return ()
    return tuple(name for name in fields_of(kind.spec_type) if name not in kind.spec_type.per_job)


class Groups:
    """Groups names or ids of workspaces by their specs."""

    def __init__(self) -> None:
        self._groups: dict[bytes, tuple[Spec, list[str]]] = {}

    def add(self, spec: Spec, entries: Sequence[str]) -> None:
        """Add workspaces with a spec."""
        # Encoded, because the spec of an installed kind need not be hashable.
        _, group = self._groups.setdefault(msgspec.json.encode(spec), (spec, []))
        group.extend(entries)

    def in_order(self) -> tuple[Valued, ...]:
        """Return the groups, sorted by their specs."""
        groups = (self._groups[key] for key in sorted(self._groups))
        return tuple(Valued(tuple(sorted(entries)), spec) for spec, entries in groups)


def to_builtins(spec: Spec, values: Sequence[Valued]) -> dict[str, object]:
    """Return specs in the form of a job file: what all have in common, and ``values``."""
    if not values:
        return given(spec)
    changes = differing(values)
    common = {
        name: value
        for name, value in given(spec).items()
        if not any(name in table for table in changes)
    }
    groups = [
        {"workspaces": list(one.workspaces), **table}
        for one, table in zip(values, changes, strict=True)
    ]
    return {**common, "values": groups}


def differing(values: Sequence[Valued]) -> list[dict[str, object]]:
    """Return, for each group, its fields that not all groups have with the same value."""
    tables = [given(one.spec) for one in values]
    common = {
        name
        for name, value in (tables[0].items() if tables else ())
        if all(name in table and table[name] == value for table in tables)
    }
    return [
        {name: value for name, value in table.items() if name not in common} for table in tables
    ]


def in_words(changes: Mapping[str, object]) -> str:
    """Describe the values of a group: ``enforcement_level = "mandatory"``."""
    each = ", ".join(f"{name} = {shown(value)}" for name, value in changes.items())
    return each or "the job's own values"
