"""The JSON Schema (draft 2020-12) of events, derived from their Structs. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from bulkops.events import EVENTS
from bulkops.events.model import OfTarget
from bulkops.job.schema import DIALECT, Schema, meanings, summary, with_nested

TYPE_MEANING = "type of the event; the first member of the line"
_ONE_TARGET = [{"required": [what, f"{what}_id"]} for what in ("workspace", "task")]


def events_schema() -> Schema:
    """Return the schema of one line that ``--json`` prints, as a JSON-compatible value.

    A line may have members that are not defined: see the guarantees in ``jobs/events.md``.
    """
    structs = {struct.__name__: struct for struct in with_nested(EVENTS)}
    _, schemas = msgspec.json.schema_components(EVENTS, ref_template="#/$defs/{name}")
    references = {_tag(event): f"#/$defs/{event.__name__}" for event in EVENTS}
    return {
        "$schema": DIALECT,
        "title": "An event of bulkops",
        "description": "One line that a command of bulkops prints on stdout with --json",
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "type", "mapping": references},
        "$defs": {
            # Anything but a Struct is an enumeration; its field has the description.
            name: _described(structs[name], schema) if name in structs else _enumeration(schema)
            for name, schema in sorted(schemas.items())
        },
    }


def _described(struct: type[msgspec.Struct], schema: dict[str, Any]) -> Schema:
    described = meanings(struct)
    properties: dict[str, Schema] = {
        name: {
            **(_enumeration(entry) if "enum" in entry else entry),
            "description": described[name],
        }
        for name, entry in schema["properties"].items()
        if name != "type"
    }
    if tag := _tag(struct):
        typed: Schema = {"type": "string", "const": tag, "description": TYPE_MEANING}
        properties = {"type": typed, **properties}
    rule: Schema = {"oneOf": _ONE_TARGET} if issubclass(struct, OfTarget) else {}
    return {
        "title": struct.__name__,
        "description": summary(struct),
        "type": "object",
        "properties": properties,
        "required": schema["required"],
        **rule,
    }


def _enumeration(schema: dict[str, Any]) -> Schema:
    return {"type": "string", "enum": schema["enum"]}


def _tag(struct: type[msgspec.Struct]) -> str:
    return str(struct.__struct_config__.tag or "")
