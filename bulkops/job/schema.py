"""Job files as a JSON Schema (draft 2020-12), derived from the Structs that read them. Pure.

A field or a kind that is new in the code is in the schema by itself. What a field means is said
once, in the ``Attributes`` of its Struct's docstring; ``jobs/README.md`` is compared with that.

What a schema can't say, and only ``parse_job`` refuses: no organization in the file and none in
``TFE_ORGANIZATION``; numbers that JSON doesn't have (``nan``, integers beyond 64 bits, where a
float is written ``1.0``); and what a kind or a table of somebody else's checks in its own
``__post_init__``.
"""

from __future__ import annotations

import inspect as python
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import inspect

from bulkops.checking import allowed
from bulkops.job.job import Job, JobFile, Table
from bulkops.job.select import SELECTING, Select
from bulkops.operations import all_kinds
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import Scope, Spec, any_of

Schema = dict[str, object]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KIND_MEANING = "what is done; it decides the other fields"


_SELECT = {
    "if": {"properties": {"all": {"const": True}}, "required": ["all"]},
    "then": {"not": any_of(*SELECTING)},
    "else": any_of(*SELECTING),
}
"""What the ``__post_init__`` of ``Select`` refuses of values that are each allowed."""


def job_schema() -> Schema:
    """Return the schema of a job file, fit for JSON, with the kinds of installed packages."""
    return schema_of(all_kinds())


def schema_of(kinds: Mapping[str, type[Kind]]) -> Schema:
    """Return the schema of job files that ask for one of these kinds."""
    tables = _tables()
    definitions = {s.__name__: table_schema(s) for s in with_nested(tables.values())}
    choices = []
    for name, kind in kinds.items():
        spec = kind.spec_type
        nested = list(with_nested([spec]))[1:]
        definitions.update((s.__name__, table_schema(s)) for s in nested)
        # Two packages may call their wishes alike.
        called = spec.__name__ if spec.__name__ not in definitions else f"{name}-{spec.__name__}"
        choices.append({"$ref": f"#/$defs/{called}"})
        definitions[called] = table_schema(
            spec,
            summary(kind),
            {"kind": {"const": name, "description": KIND_MEANING}},
            ["kind"],
        )
    said = meanings(JobFile)
    properties: dict[str, Schema] = {
        name: {"description": said.get(name, ""), **_reference(struct)}
        for name, struct in tables.items()
    }
    properties["operation"] = {"description": said.get("operation", ""), "oneOf": choices}
    job = table_schema(JobFile, summary(JobFile), properties) | _selecting_or_not(tables, kinds)
    definitions = dict(sorted(definitions.items()))
    return {"$schema": DIALECT, "title": "A job file of bulkops", **job, "$defs": definitions}


def _selecting_or_not(
    tables: Mapping[str, type[msgspec.Struct]], kinds: Mapping[str, type[Kind]]
) -> Schema:
    """Return the rule that only kinds that go over what is selected have such tables."""
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
    """Return a Struct's schema, with more properties than its fields or in place of them."""
    fields = msgspec.structs.fields(struct)
    said = meanings(struct)
    own = {f.name: properties.get(f.name) or _field(f, said.get(f.name, "")) for f in fields}
    return {
        "type": "object",
        "description": description or summary(struct),
        "properties": {**own, **properties},
        "required": sorted({*required, *(f.name for f in fields if f.required)}),
        "additionalProperties": False,
        **_rule(struct),
    }


def _rule(struct: type[msgspec.Struct]) -> Mapping[str, object]:
    """Return what is refused of fields that are each allowed."""
    if issubclass(struct, Spec):
        return struct.schema_rule
    return _SELECT if struct is Select else {}


def with_nested(structs: Iterable[type[msgspec.Struct]]) -> Iterator[type[msgspec.Struct]]:
    """Yield the Structs and those that lie in their fields, at any depth."""
    for struct in structs:
        yield struct
        for field in msgspec.structs.fields(struct):
            yield from with_nested(_structs_of(inspect.type_info(field.type)))


def meanings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what each field means: the ``Attributes`` of the docstrings of Struct and bases."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        text = python.cleandoc(base.__dict__.get("__doc__") or "")
        section = re.search(r"^Attributes:\n((?:[ ].*\n?|\n)+)", text, re.MULTILINE)
        entries = re.split(r"^    (?=\S)", section[1] if section else "", flags=re.MULTILINE)
        for entry in entries[1:]:
            names, _, meaning = entry.partition(": ")
            for name in names.split(", "):
                found[name] = " ".join(meaning.replace("``", "`").split()).removesuffix(".")
    return found


def summary(documented: type) -> str:
    """Return the first paragraph of a docstring in one line."""
    first = python.cleandoc(documented.__doc__ or "").partition("\n\n")[0]
    return " ".join(first.replace("``", "`").split())


def _tables() -> dict[str, type[msgspec.Struct]]:
    """Return the Structs of a job file's tables, but for ``[operation]``, which has several."""
    kept = typing.get_type_hints(Job)
    names = (field.name for field in msgspec.structs.fields(JobFile) if field.type == Table)
    return {name: kept[name] for name in names if name != "operation"}


def _field(field: msgspec.structs.FieldInfo, meaning: str) -> Schema:
    (schema,), _ = msgspec.json.schema_components([field.type], ref_template="#/$defs/{name}")
    said = f"{meaning}\n\n{allowed(field.type)}".lstrip()
    made: Schema = {**_dialect(schema), "description": said}
    if not field.required and field.default not in (msgspec.NODEFAULT, None, ()):
        made["default"] = msgspec.to_builtins(field.default)
    return made


def _dialect(value: object) -> typing.Any:
    r"""Return msgspec's schema as TOML and ECMA 262 have it: no null, and ``$`` for ``\Z``."""
    if isinstance(value, list):
        return [_dialect(entry) for entry in value if entry != {"type": "null"}]
    if not isinstance(value, dict):
        return value
    made = {key: _dialect(entry) for key, entry in value.items()}
    if "pattern" in made:
        made["pattern"] = made["pattern"].replace(r"\Z", "$")
    if "enum" in made:
        made["type"] = "string"
    if len(made.get("anyOf", ())) == 1:
        (only,) = made.pop("anyOf")
        return {**only, **made}
    return made


def _reference(struct: type[msgspec.Struct]) -> Schema:
    return {"$ref": f"#/$defs/{struct.__name__}"}


def _refuses_nothing_given(struct: type[msgspec.Struct]) -> bool:
    """Return whether a job file has to have this table, whatever JobFile's default says."""
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
