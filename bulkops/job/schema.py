"""The JSON Schema (draft 2020-12) of job files, derived from the Structs that parse them. Pure.

A new field or kind appears in the schema automatically. The meaning of a field is documented once,
in the ``Attributes`` of its Struct's docstring; a test compares ``jobs/README.md`` with it.

Only ``parse_job``, not the schema, refuses: a file without an organization if ``TFE_ORGANIZATION``
is not set; numbers that JSON doesn't have (``nan``, integers beyond 64 bits, ``1.0`` for an
integer); what an installed kind checks in its own ``__post_init__``; and what the rows of
``select.file`` contain.
"""

from __future__ import annotations

import inspect as python
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import inspect

from bulkops.checking import Table, allowed
from bulkops.job.job import Job, JobFile
from bulkops.job.listing.values import FIELDS, Entries, PerWorkspace
from bulkops.job.notify import RULE, Notify
from bulkops.job.select import SELECTING, Select
from bulkops.operations import all_kinds
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Scope, Spec, any_of
from bulkops.operations.values import overridable

Schema = dict[str, typing.Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KIND_MEANING = "what the job does; it determines which other fields are allowed"

_SELECT = {
    "if": {"properties": {"all": {"const": True}}, "required": ["all"]},
    "then": {"not": any_of(*SELECTING)},
    "else": any_of(*SELECTING),
}
"""The checks across fields in ``Select.__post_init__``."""


def job_schema() -> Schema:
    """Return the schema of job files with all kinds, including those of installed packages."""
    return schema_of(all_kinds())


def schema_of(kinds: Mapping[str, type[Kind]]) -> Schema:
    """Return the schema of job files with one of these kinds."""
    tables = _tables()
    definitions = {s.__name__: table_schema(s) for s in with_nested(tables.values())}
    choices = []
    for name, kind in kinds.items():
        spec = kind.spec_type
        nested = list(with_nested([spec]))[1:]
        definitions.update((s.__name__, table_schema(s)) for s in nested)
        # Two packages may use the same class name for their specs.
        unique = spec.__name__ if spec.__name__ not in definitions else f"{name}-{spec.__name__}"
        choices.append({"$ref": f"#/$defs/{unique}"})
        definitions[unique] = _operation(name, kind)
    descriptions = meanings(JobFile)
    properties: dict[str, Schema] = {
        name: {"description": descriptions.get(name, ""), **_reference(struct)}
        for name, struct in tables.items()
    }
    properties["operation"] = {"description": descriptions.get("operation", ""), "oneOf": choices}
    job = table_schema(JobFile, summary(JobFile), properties) | _selecting_or_not(tables, kinds)
    definitions = dict(sorted(definitions.items()))
    return {"$schema": DIALECT, "title": "A job file of bulkops", **job, "$defs": definitions}


def _operation(name: str, kind: type[Kind]) -> Schema:
    """Return the schema of a kind's ``[operation]``."""
    known: dict[str, Schema] = {"kind": {"const": name, "description": KIND_MEANING}}
    spec, columns = kind.spec_type, overridable(kind)
    if not columns:
        return table_schema(spec, summary(kind), known, ["kind"])
    table = table_schema(spec, summary(kind), known | _per_workspace(spec, columns), ["kind"])
    # What a column gives need not be in the table, and the rules over several fields are about
    # the table and a row together.
    rule = {name: table.pop(name) for name in spec.schema_rule}
    needed = [field for field in table["required"] if field in columns]
    table["required"] = [field for field in table["required"] if field not in columns]
    rule |= {"required": needed} if needed else {}
    given = [_given_or_column(field) for field in needed]
    return {
        **table,
        "if": any_of(*FIELDS),
        "then": {"not": {"required": [*FIELDS]}, **({"allOf": given} if given else {})},
        **({"else": rule} if rule else {}),
    }


def _per_workspace(spec: type[Spec], columns: Sequence[str]) -> dict[str, Schema]:
    """Return the schemas of ``from_file`` and ``values``, which name a kind's own fields."""
    fields = table_schema(spec)["properties"]
    own = {name: {**fields[name]} for name in columns}
    for schema in own.values():
        schema.pop("default", None)
    group = table_schema(Entries)
    group["properties"] |= own
    meaning = meanings(PerWorkspace)
    result: dict[str, Schema] = {
        "from_file": {"items": {"type": "string", "enum": [*columns]}},
        "values": {"items": group},
    }
    for name, schema in result.items():
        schema |= {"type": "array", "minItems": 1, "description": meaning[name]}
    return result


def _given_or_column(field: str) -> Schema:
    """Return the rule that a field is in the table, or in each row."""
    column = {"properties": {"from_file": {"contains": {"const": field}}}}
    in_file = {"required": ["from_file"], **column}
    return {"anyOf": [{"required": [field]}, in_file, {"required": ["values"]}]}


def _selecting_or_not(
    tables: Mapping[str, type[msgspec.Struct]], kinds: Mapping[str, type[Kind]]
) -> Schema:
    """Return the rule that only kinds that change selected workspaces have ``[select]``."""
    selecting = [name for name, kind in kinds.items() if kind.scope is Scope.SELECTED]
    needed = [name for name, struct in tables.items() if _refuses_nothing_given(struct)]
    kind = {"properties": {"kind": {"enum": selecting}}, "required": ["kind"]}
    return {
        "if": {"properties": {"operation": kind}},
        "then": {"required": needed},
        "else": {"not": any_of(*needed)},
    }


def table_schema(
    struct: type[msgspec.Struct],
    description: str = "",
    properties: Mapping[str, Schema] = {},
    required: Sequence[str] = (),
) -> Schema:
    """Return a Struct's schema.

    Args:
        description: of the table; by default, the first paragraph of the Struct's docstring.
        properties: schemas of further properties, or replacements for those of fields.
        required: required properties beside the Struct's required fields.
    """
    fields = msgspec.structs.fields(struct)
    meaning = meanings(struct)
    own = {f.name: properties.get(f.name) or _field(f, meaning.get(f.name, "")) for f in fields}
    return {
        "type": "object",
        "description": description or summary(struct),
        "properties": {**own, **properties},
        "required": sorted({*required, *(f.name for f in fields if f.required)}),
        "additionalProperties": False,
        **_rule(struct),
    }


def _rule(struct: type[msgspec.Struct]) -> Mapping[str, object]:
    """Return the checks across fields."""
    if issubclass(struct, Spec):
        return struct.schema_rule
    return {Select: _SELECT, Notify: RULE}.get(struct, {})


def with_nested(structs: Iterable[type[msgspec.Struct]]) -> Iterator[type[msgspec.Struct]]:
    """Yield the Structs and those nested in their fields, at any depth."""
    for struct in structs:
        yield struct
        for field in msgspec.structs.fields(struct):
            yield from with_nested(_structs_of(inspect.type_info(field.type)))


def meanings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return field → meaning, from ``Attributes`` in the docstrings of a Struct and its bases."""
    entries_by_name: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        text = python.cleandoc(base.__dict__.get("__doc__") or "")
        section = re.search(r"^Attributes:\n((?:[ ].*\n?|\n)+)", text, re.MULTILINE)
        entries = re.split(r"^    (?=\S)", section[1] if section else "", flags=re.MULTILINE)
        for entry in entries[1:]:
            names, _, meaning = entry.partition(": ")
            for name in names.split(", "):
                text = " ".join(meaning.replace("``", "`").split())
                entries_by_name[name] = text.removesuffix(".")
    return entries_by_name


def summary(documented: type) -> str:
    """Return the first paragraph of a docstring as one line."""
    first = python.cleandoc(documented.__doc__ or "").partition("\n\n")[0]
    return " ".join(first.replace("``", "`").split())


def _tables() -> dict[str, type[msgspec.Struct]]:
    """Return table → Struct, except for ``[operation]``, which has one Struct per kind."""
    hints = typing.get_type_hints(Job)
    names = (field.name for field in msgspec.structs.fields(JobFile) if field.type == Table)
    return {name: hints[name] for name in names if name != "operation"}


def _field(field: msgspec.structs.FieldInfo, meaning: str) -> Schema:
    (schema,), _ = msgspec.json.schema_components([field.type], ref_template="#/$defs/{name}")
    description = f"{meaning}\n\n{allowed(field.type)}".lstrip()
    result: Schema = {**_dialect(schema), "description": description}
    if not field.required and field.default not in (msgspec.NODEFAULT, None, ()):
        result["default"] = msgspec.to_builtins(field.default)
    return result


def _dialect(value: object) -> typing.Any:
    r"""Return msgspec's schema adapted to TOML (no null) and ECMA 262 (``$`` for ``\Z``)."""
    if isinstance(value, list):
        return [_dialect(entry) for entry in value if entry != {"type": "null"}]
    if not isinstance(value, dict):
        return value
    result = {key: _dialect(entry) for key, entry in value.items()}
    if "pattern" in result:
        result["pattern"] = result["pattern"].replace(r"\Z", "$")
    if "enum" in result:
        result["type"] = "string"
    if len(result.get("anyOf", ())) == 1:
        (only,) = result.pop("anyOf")
        return {**only, **result}
    return result


def _reference(struct: type[msgspec.Struct]) -> Schema:
    return {"$ref": f"#/$defs/{struct.__name__}"}


def _refuses_nothing_given(struct: type[msgspec.Struct]) -> bool:
    """Return whether an empty table is refused, so that a job file must contain it."""
    try:
        msgspec.convert({}, struct)
    except msgspec.ValidationError:
        return True
    return False


def _structs_of(info: inspect.Type) -> Iterator[type[msgspec.Struct]]:
    match info:
        case inspect.StructType(cls=cls):
            yield cls
        case inspect.Metadata(type=inner) | inspect.VarTupleType(item_type=inner):
            yield from _structs_of(inner)
        case inspect.UnionType(types=members):
            for member in members:
                yield from _structs_of(member)
        case _:
            return
