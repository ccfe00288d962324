"""Generates the documentation of job and fleet files in ``jobs/``: README's tables, the schemas.

``python -m tests.documents.job_tables`` writes them, and the tables and the schema of
``tests.documents.event_tables``.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import msgspec
from msgspec import inspect

from bulkops.checking import allowed, one_of, shown
from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.schema import fleet_schema
from bulkops.fleet.tables import FleetFile, ShardTable
from bulkops.job.job import JobFile
from bulkops.job.journal import JournalOptions
from bulkops.job.listing.values import PerWorkspace
from bulkops.job.notify import Notify
from bulkops.job.pace import Pace
from bulkops.job.rollout import Rollout
from bulkops.job.schema import KIND_MEANING, Schema, meanings, schema_of
from bulkops.job.select import Select
from bulkops.operations import KINDS
from bulkops.operations.model import Scope
from tests.documents import event_tables

JOBS = Path(__file__).parents[2] / "jobs"
SCHEMA = JOBS / "job.schema.json"
FLEET_SCHEMA = JOBS / "fleet.schema.json"
HEADER = "| field | type | default | allowed | meaning |\n|---|---|---|---|---|\n"

SELECT = "`[select]`"

FLEETS: dict[str, type[msgspec.Struct]] = {
    "Fleet files": FleetFile,
    "`[[shard]]` of a fleet file": ShardTable,
    "`[rollout]` of a fleet file": FleetRollout,
}
"""The tables of a fleet file, which has a schema of its own."""

TABLES: dict[str, type[msgspec.Struct]] = {
    "Top level": JobFile,
    SELECT: Select,
    "`[rollout]`": Rollout,
    "`[pace]`": Pace,
    "`[journal]`": JournalOptions,
    "`[notify]`": Notify,
    **FLEETS,
    **{f'`kind = "{name}"`': kind.spec_type for name, kind in KINDS.items()},
}

TYPE_NAMES: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.LiteralType: "string",
    inspect.BoolType: "boolean",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.VarTupleType: "array",
    inspect.DictType: "table",
}


def readme_as_it_should_be(text: str) -> str:
    """Return README's text with its tables of fields generated from the code."""
    expected = {heading: rows(struct) for heading, struct in TABLES.items()}
    kind = row("`kind`", "string", "required", one_of(KINDS), KIND_MEANING)
    expected["`[operation]`"] = kind + rows(PerWorkspace)
    parts = re.split(r"^(?=##+ )", text, flags=re.MULTILINE)
    for place, part in enumerate(parts):
        heading = part.partition("\n")[0].lstrip("# ")
        if HEADER in part:
            before, rest = part.split(HEADER)
            if heading == SELECT:
                before = f"## {SELECT}\n\n{of_which_kinds()}\n\n"
            after = re.sub(r"\A(\|.*\n)+", "", rest)
            parts[place] = f"{before}{HEADER}{expected.pop(heading)}{after}"
    missing = [heading for heading, lines in expected.items() if lines]
    assert not missing, f"jobs/README.md has no table of fields below {missing}"
    return "".join(parts)


def of_which_kinds() -> str:
    """Return the sentence on which kinds' jobs have ``[select]``."""
    kinds = [f"`{name}`" for name, kind in KINDS.items() if kind.scope is Scope.SELECTED]
    text = (
        f"For jobs of the kinds {', '.join(kinds[:-1])} and {kinds[-1]}. The other kinds change "
        "the run task itself, and their jobs have no `[select]`."
    )
    return textwrap.fill(text, 120, break_on_hyphens=False)


def schemas_as_they_should_be() -> dict[Path, str]:
    """Return the texts of ``jobs/job.schema.json`` and ``jobs/fleet.schema.json``."""
    return {SCHEMA: _text_of(schema_of(KINDS)), FLEET_SCHEMA: _text_of(fleet_schema())}


def _text_of(schema: Schema) -> str:
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def rows(struct: type[msgspec.Struct]) -> str:
    """Return the rows for a Struct's fields."""
    meaning = meanings(struct)
    return "".join(
        row(
            f"`{f.name}`",
            type_name(inspect.type_info(f.type)),
            default(f),
            allowed(f.type),
            meaning.get(f.name, ""),
        )
        for f in msgspec.structs.fields(struct)
    )


def row(*cells: str) -> str:
    """Return one row of a table."""
    return f"| {' | '.join(cells)} |\n"


def default(field: msgspec.structs.FieldInfo) -> str:
    """Return a field's default as README writes it."""
    if field.required:
        return "required"
    if field.default is msgspec.NODEFAULT or field.default in (None, ()):
        return "none"
    return f"`{shown(field.default)}`"


def type_name(info: inspect.Type) -> str:
    """Return TOML's name for a type."""
    if isinstance(info, inspect.Metadata):
        return type_name(info.type)
    if isinstance(info, inspect.UnionType):
        members = (m for m in info.types if not isinstance(m, inspect.NoneType))
        return " or ".join(map(type_name, members))
    return TYPE_NAMES[type(info)]


if __name__ == "__main__":
    readme = JOBS / "README.md"
    text = readme_as_it_should_be(readme.read_text(encoding="utf-8"))
    readme.write_text(text, encoding="utf-8")
    for path, schema in schemas_as_they_should_be().items():
        path.write_text(schema, encoding="utf-8")
    text = event_tables.document_as_it_should_be(event_tables.DOCUMENT.read_text(encoding="utf-8"))
    event_tables.DOCUMENT.write_text(text, encoding="utf-8")
    event_tables.SCHEMA.write_text(event_tables.schema_as_it_should_be(), encoding="utf-8")
