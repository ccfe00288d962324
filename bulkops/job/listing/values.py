"""Values per workspace: columns of ``select.file`` that override ``[operation]``. Pure.

A job file names the columns in ``operation.from_file``. What they contain becomes part of the job,
as what the file lists becomes ``select.listed``: the workspaces are grouped by their values, and
each group has a spec of its own (``Valued``). So a journal needs no file to be resumed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, inspect

from bulkops.checking import (
    Table,
    allowed,
    check,
    check_fields,
    fields_of,
    fits,
    not_allowed,
    one_of,
    read_table,
    shown,
    table_of,
    unknown_key,
    whole_table,
)
from bulkops.errors import JobError
from bulkops.job.listing.manifest import ListedRow, Manifest
from bulkops.job.select import Listed
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Scope, Spec

Column = Annotated[str, Meta(description="the name of another field of this table")]


class PerWorkspace(msgspec.Struct, frozen=True):
    """The fields of ``[operation]`` about values per workspace, for kinds that can have them.

    Attributes:
        from_file: columns of ``select.file``, each with the name of a field of this table. Their
            cells override it per workspace; an empty cell leaves the value of this table.
        values: what these columns contain, for each group of workspaces with the same values;
            journals have this in place of ``from_file``.
    """

    from_file: Annotated[tuple[Column, ...], Meta(min_length=1)] = ()
    values: Annotated[tuple[Table, ...], Meta(min_length=1)] = ()


FIELDS = ("from_file", "values")


class Entries(msgspec.Struct, frozen=True):
    """A group of workspaces with the same values, beside these values.

    Attributes:
        workspaces: the names or ids of the workspaces that have these values.
    """

    workspaces: Annotated[tuple[Listed, ...], Meta(min_length=1)]


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


def read_specs(
    table: Mapping[str, object],
    kind: type[Kind],
    source: str,
    listed: Sequence[str] | None,
    manifest: Manifest | None,
) -> tuple[Spec, tuple[Valued, ...]]:
    """Return the spec in an ``[operation]`` table, and one per group of workspaces.

    Without values per workspace there is no group. With them, the groups are in an order that
    doesn't depend on the file's, and the spec is that of the first one.

    Args:
        source: the job file's name, for error messages.
        listed: ``select.listed``, ``None`` if the job has none.
        manifest: what ``select.file`` contains, ``None`` if there is none or it isn't read.

    Raises:
        JobError: the table is not this kind's, or a row has no allowed value; the message names
            the row's place.
    """
    own = {name: value for name, value in table.items() if name != "kind"}
    choice = {name: own[name] for name in FIELDS if name in own}
    if not choice or not overridable(kind):
        return read_table(own, kind.spec_type, source, "operation", beside=_beside(kind)), ()
    for name in choice:
        del own[name]
    given = read_table(choice, PerWorkspace, source, "operation")
    if len(choice) > 1:
        raise JobError(f"{source}: operation: values takes the place of from_file: give only one")
    if given.from_file:
        groups = _from_file(given.from_file, own, kind, source, manifest)
    else:
        groups = _from_journal(given.values, own, kind, source, listed)
    values = groups.in_order()
    first = values[0].spec
    others = (one.spec for one in values)
    if any((one.run_tasks, one.secret) != (first.run_tasks, first.secret) for one in others):
        raise JobError(f"{source}: operation: a run task or secret is the same on every workspace")
    return first, values if len(values) > 1 else ()


def _beside(kind: type[Kind]) -> tuple[str, ...]:
    return ("kind", "from_file") if overridable(kind) else ("kind",)


class _Groups:
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
    tables = [table_of(one.spec) for one in values]
    if not tables:
        return table_of(spec)
    common = {
        name: value
        for name, value in tables[0].items()
        if all(name in table and table[name] == value for table in tables)
    }
    groups = [
        {
            "workspaces": list(one.workspaces),
            **{name: value for name, value in table.items() if name not in common},
        }
        for one, table in zip(values, tables, strict=True)
    ]
    return {**common, "values": groups}


def _from_file(
    columns: Sequence[str],
    own: Mapping[str, object],
    kind: type[Kind],
    source: str,
    manifest: Manifest | None,
) -> _Groups:
    """Group the rows of ``select.file`` by their specs."""
    where, possible = f"{source}: operation.from_file", overridable(kind)
    for number, name in enumerate(columns):
        if name not in possible:
            raise not_allowed(f"{where}[{number}]", name, one_of(possible))
    beside = _beside(kind)
    check_fields(own, kind.spec_type, source, "operation", beside=beside, optional=columns)
    if manifest is None:
        raise JobError(
            f"{where} = {shown(columns)}: give select.file, the file with these columns; only "
            "load_job reads it"
        )
    groups = _Groups()
    if not manifest.rows:
        # Nothing is selected, but what the job would do is still checked.
        groups.add(read_table(own, kind.spec_type, source, "operation", beside=beside), ())
        return groups
    _check_columns(columns, manifest, where)
    specs: dict[str, Spec] = {}
    seen: dict[str, ListedRow] = {}
    for row in manifest.rows:
        cells = _cells(row, columns)
        if cells not in specs:
            specs[cells] = _spec_of(row, columns, own, kind)
        before = seen.setdefault(row.entry, row)
        if before is row:
            groups.add(specs[cells], [row.entry])
        elif specs[_cells(before, columns)] != specs[cells]:
            again = f"{shown(row.entry)} has other values than in {before.place}"
            raise JobError(f"{row.place}: {again}: keep one of the two rows")
    return groups


def _cells(row: ListedRow, columns: Sequence[str]) -> str:
    return repr([row.cells.get(name) for name in columns])


def _check_columns(columns: Sequence[str], manifest: Manifest, where: str) -> None:
    there = dict.fromkeys(name for row in manifest.rows for name in row.cells)
    for name in columns:
        if name not in there:
            others = ", ".join(map(shown, there)) or "none"
            raise JobError(
                f"{where}: {manifest.source} has no column {shown(name)}, or has it twice. Its "
                f"columns: {others}"
            )


def _spec_of(
    row: ListedRow, columns: Sequence[str], own: Mapping[str, object], kind: type[Kind]
) -> Spec:
    """Return the spec of one row's workspace."""
    fields = fields_of(kind.spec_type)
    table = dict(own)
    for name in columns:
        cell, field = row.cells.get(name), fields[name]
        if cell not in (None, ""):
            table[name] = _typed(cell, field.type)
            check(table[name], field.type, f"{row.place}: {name}")
        elif field.required and name not in own:
            own_value = f"{name} in the job file's [operation]"
            raise JobError(
                f"{row.place}: {name} is empty: give {allowed(field.type)}, or set {own_value}"
            )
    return whole_table(table, kind.spec_type, row.place)


def _typed(cell: object, annotation: object) -> object:
    """Return the value in a cell: text as a field of this type has it; other values as they are."""
    if not isinstance(cell, str) or fits(cell, annotation):
        return cell
    words: object = cell.split()
    if _is_list(inspect.type_info(annotation)):
        return words
    lower = cell.lower()
    plain = json.loads(lower) if re.fullmatch(r"true|false|0|-?[1-9]\d{0,17}", lower) else cell
    return plain if fits(plain, annotation) else cell


def _is_list(info: inspect.Type) -> bool:
    match info:
        case inspect.Metadata(type=inner):
            return _is_list(inner)
        case inspect.UnionType(types=members):
            return any(map(_is_list, members))
        case _:
            return isinstance(info, inspect.VarTupleType)


def _from_journal(
    tables: Sequence[Mapping[str, object]],
    own: Mapping[str, object],
    kind: type[Kind],
    source: str,
    listed: Sequence[str] | None,
) -> _Groups:
    """Return the groups in ``operation.values``."""
    possible = overridable(kind)
    groups = _Groups()
    valued: set[str] = set()
    for number, table in enumerate(tables):
        where = f"operation.values[{number}]"
        changes = {name: value for name, value in table.items() if name != "workspaces"}
        for name in changes:
            if name not in possible:
                raise unknown_key(source, f"{where}.{name}", name, ("workspaces", *possible))
        named = {name: value for name, value in table.items() if name == "workspaces"}
        entries = read_table(named, Entries, source, where).workspaces
        spec: Spec = read_table({**own, **changes}, kind.spec_type, source, where)
        for entry in entries:
            if entry in valued:
                raise JobError(f"{source}: {where}.workspaces: {shown(entry)} has values already")
            valued.add(entry)
        groups.add(spec, entries)
    if valued != {*(listed or ())}:
        raise JobError(f"{source}: operation.values has other workspaces than select.listed")
    return groups
