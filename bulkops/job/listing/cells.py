"""Columns of ``select.file`` that ``operation.from_file`` names → groups of workspaces. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from bulkops.checking import (
    allowed,
    check,
    check_fields,
    fields_of,
    fits,
    is_list,
    not_allowed,
    one_of,
    read_table,
    shown,
    whole_table,
)
from bulkops.errors import JobError
from bulkops.job.listing.manifest import ListedRow, Manifest
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Spec
from bulkops.operations.steps import StepTable
from bulkops.operations.values import Groups, overridable

BESIDE = ("kind", "from_file")
"""Known keys of ``[operation]`` that are no fields of a spec, if a kind has columns."""


def groups_of_rows(
    columns: Sequence[str],
    own: Mapping[str, object],
    table: StepTable,
    manifest: Manifest | None,
) -> Groups:
    """Group the rows of ``select.file`` by their specs.

    Args:
        columns: those that ``operation.from_file`` names.
        own: the fields of the table, for empty cells.
        table: the ``[operation]`` table.
        manifest: what ``select.file`` contains, ``None`` if there is none or it isn't read.

    Raises:
        JobError: the kind or the file has no such column, or a row has no allowed value; the
            message names the row's place.
    """
    kind, source = table.kind, table.source
    where = f"{source}: operation.from_file"
    possible = overridable(kind)
    for number, name in enumerate(columns):
        if name not in possible:
            raise not_allowed(f"{where}[{number}]", name, one_of(possible))
    check_fields(own, kind.spec_type, source, "operation", beside=BESIDE, optional=columns)
    if manifest is None:
        raise JobError(
            f"{where} = {shown(columns)}: name the file with these columns in [select], for "
            'example file = "workspaces.csv" (in Python, load_job reads it, parse_job does not)'
        )
    groups = Groups()
    if not manifest.rows:
        # Nothing is selected, but what the job would do is still checked.
        _check_own(columns, own, table, manifest, where)
        groups.add(read_table(own, kind.spec_type, source, "operation", beside=BESIDE), ())
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


def _check_own(
    columns: Sequence[str],
    own: Mapping[str, object],
    table: StepTable,
    manifest: Manifest,
    where: str,
) -> None:
    """Check that a table has what it requires without the columns of an empty file."""
    fields = fields_of(table.kind.spec_type)
    for name in columns:
        if name not in own and fields[name].required:
            raise JobError(
                f"{where}: {manifest.source} lists no workspace, which leaves {name} without a "
                f"value: list one, or set {name} in [operation]"
            )


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
    if is_list(annotation):
        return cell.split()
    lower = cell.lower()
    plain = json.loads(lower) if re.fullmatch(r"true|false|0|-?[1-9]\d{0,17}", lower) else cell
    return plain if fits(plain, annotation) else cell
