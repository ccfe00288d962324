"""Values per workspace: columns of ``select.file`` that override ``[operation]``. Pure.

A job file names the columns in ``operation.from_file``. What they contain becomes part of the job,
as what the file lists becomes ``select.listed``: the workspaces are grouped by their values, and
each group has a spec of its own (``Valued``). So a journal needs no file to be resumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.checking import Table, read_table, shown, unknown_key
from bulkops.errors import JobError
from bulkops.job.listing.cells import BESIDE, groups_of_rows
from bulkops.job.listing.manifest import Manifest
from bulkops.job.select import Listed
from bulkops.operations.model import Spec
from bulkops.operations.steps import StepTable
from bulkops.operations.values import Groups, Valued, overridable

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


def read_specs(
    table: StepTable, *, listed: Sequence[str] | None, manifest: Manifest | None
) -> tuple[Spec, tuple[Valued, ...]]:
    """Return the spec in an ``[operation]`` table, and one per group of workspaces.

    Without values per workspace there is no group. With them, the groups are in an order that
    doesn't depend on the file's, and the spec is that of the first one.

    Args:
        listed: ``select.listed``, ``None`` if the job has none.
        manifest: what ``select.file`` contains, ``None`` if there is none or it isn't read.

    Raises:
        JobError: the table is not this kind's, or a row has no allowed value; the message names
            the row's place.
    """
    kind, own, source = table.kind, dict(table.rest), table.source
    where = f"{source}: operation"
    choice = {name: own[name] for name in FIELDS if name in own}
    columns = overridable(kind)
    if not choice or not columns:
        beside = BESIDE if columns else ("kind",)
        return read_table(own, kind.spec_type, source, "operation", beside=beside), ()
    for name in choice:
        del own[name]
    given = read_table(choice, PerWorkspace, source, "operation")
    if len(choice) > 1:
        raise JobError(f"{where}: values takes the place of from_file: give only one")
    if given.from_file:
        groups = groups_of_rows(given.from_file, own, table, manifest)
    else:
        groups = _from_journal(given.values, own, table, listed)
    values = groups.in_order()
    first = values[0].spec
    others = (one.spec for one in values)
    if any((one.run_tasks, one.secret) != (first.run_tasks, first.secret) for one in others):
        raise JobError(f"{where}: a run task or secret is the same on every workspace")
    return first, values if len(values) > 1 else ()


def _from_journal(
    tables: Sequence[Mapping[str, object]],
    own: Mapping[str, object],
    of: StepTable,
    listed: Sequence[str] | None,
) -> Groups:
    """Return the groups in ``operation.values``."""
    kind, source, possible = of.kind, of.source, overridable(of.kind)
    groups = Groups()
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
