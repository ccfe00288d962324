"""The generated part of ``jobs/events.md``, and the events' schema."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from bulkops.events.schema import events_schema

Schema = dict[str, Any]

DOCUMENT = Path(__file__).parents[2] / "jobs" / "events.md"
SCHEMA = DOCUMENT.with_name("events.schema.json")
TYPES = "## The types\n"
"""Everything below this heading is generated."""

HEADER = "| field | type | meaning |\n|---|---|---|\n"


def schema_as_it_should_be() -> str:
    """Return the text of ``jobs/events.schema.json``."""
    return msgspec.json.format(msgspec.json.encode(events_schema()), indent=2).decode() + "\n"


def document_as_it_should_be(text: str) -> str:
    """Return the text of ``jobs/events.md`` with its generated part renewed."""
    before, heading, _ = text.partition(TYPES)
    return before + heading + "".join(_sections(events_schema()))


def _sections(schema: Schema) -> Iterator[str]:
    first_with: dict[str, str] = {}
    for choice in schema["oneOf"]:
        event = _resolved(schema, choice)
        name = event["properties"]["type"]["const"]
        table = _table(schema, event)
        same = first_with.setdefault(table, name)
        body = f"The fields are those of `{same}`.\n" if same != name else table
        yield f"\n### `{name}`\n\n{event['description']}\n\n{body}"


def _table(schema: Schema, event: Schema) -> str:
    """Return a table of fields; neighbours with the same description share a row."""
    lines = ""
    for described, fields in groupby(_fields(schema, event, ""), key=lambda field: field[1:]):
        lines += f"| {' | '.join((', '.join(f'`{name}`' for name, *_ in fields), *described))} |\n"
    return HEADER + lines


def _fields(schema: Schema, struct: Schema, inside: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and meaning; fields of a nested object follow, as ``wave.number``."""
    for name, field in struct["properties"].items():
        if "const" in field:
            continue
        kind, words, nested = _type(schema, field)
        absent = "" if name in struct["required"] else ", or absent"
        listed = ", ".join(f"`{word}`" for word in words if word)
        meaning = f"{field['description']}{f'; one of {listed}' if listed else ''}"
        yield f"{inside}{name}", kind + absent, meaning
        if nested:
            yield from _fields(schema, nested, f"{inside}{name}{'[]' * ('array' in kind)}.")


def _type(schema: Schema, field: Schema) -> tuple[str, list[str], Schema | None]:
    """Return the name of a field's type, its possible values, and the nested object, if any."""
    field = _resolved(schema, field)
    if "properties" in field:
        return "object", [], field
    if "anyOf" in field:
        (kind, words, nested), other = (_type(schema, one) for one in field["anyOf"])
        return f"{kind} or {other[0]}", words, nested
    if "items" in field:
        kind, words, nested = _type(schema, field["items"])
        return f"array of {kind}s", words, nested
    if field.get("const") == "":
        return "empty", [], None
    if field.get("format") == "date-time":
        return "time", [], None
    of = field.get("additionalProperties", {}).get("type")
    return f"object of {of}s" if of else field["type"], field.get("enum", []), None


def _resolved(schema: Schema, field: Schema) -> Schema:
    name = field.get("$ref", "").removeprefix("#/$defs/")
    return {**schema["$defs"][name], **field} if name else field
