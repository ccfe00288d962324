"""Converts tables of a job file to Structs; errors name the key, the value and what is allowed.

msgspec's errors name the expected type in JSON terms and omit the value. To correct a job file,
the user needs the key, the value as written and the choices, so each field is checked by itself
and described from its type. ``jobs/README.md`` has the same descriptions. Pure.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from functools import cache
from typing import Annotated, TypeVar

import msgspec
from msgspec import inspect

from bulkops.errors import JobError
from bulkops.text import escaped

StructT = TypeVar("StructT", bound=msgspec.Struct)

Table = Annotated[dict[str, object], msgspec.Meta(description="a table")]
"""A table of a file whose content is checked elsewhere."""

LONGEST_VALUE_SHOWN = 80
"""The most characters of a value in a message: one pasted by mistake must not fill the screen."""

_PLAIN: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.StrType: "a string",
}


def read_table(
    table: Mapping[str, object],
    into: type[StructT],
    source: str,
    key: str = "",
    *,
    beside: tuple[str, ...] = (),
) -> StructT:
    """Return the table as a Struct.

    Args:
        key: the table's dotted key; empty for the whole file.
        beside: further known keys, which the caller reads; the message about an unknown key
            lists them with the Struct's fields.

    Raises:
        JobError: a key is unknown or missing, a value is not allowed, or the Struct's
            ``__post_init__`` rejects the table.
    """
    check_fields(table, into, source, key, beside=beside)
    return whole_table(table, into, f"{source}: {key}")


def check_fields(
    table: Mapping[str, object],
    into: type[msgspec.Struct],
    source: str,
    key: str = "",
    *,
    beside: tuple[str, ...] = (),
    optional: Collection[str] = (),
) -> None:
    """Check each key of a table by itself; ``read_table`` also checks rules over several keys.

    Args:
        key, beside: see ``read_table``.
        optional: fields that may be missing, even if they are required.

    Raises:
        JobError: a key is unknown or missing, or a value is not allowed.
    """
    fields = fields_of(into)
    known = (*beside, *fields)
    for name in table:
        if name not in fields:
            raise unknown_key(source, _dotted(key, name), name, known)
    for name, field in fields.items():
        where = f"{source}: {_dotted(key, name)}"
        if name in table:
            check(table[name], field.type, where)
        elif field.required and name not in optional:
            raise JobError(f"{where} is missing: give {allowed(field.type)}")


def whole_table(table: Mapping[str, object], into: type[StructT], where: str) -> StructT:
    """Return a table, each key of which is checked, as a Struct.

    Args:
        where: the place of the table, for the message.

    Raises:
        JobError: the Struct's ``__post_init__`` rejects the table.
    """
    try:
        return msgspec.convert(table, into)
    except msgspec.ValidationError as problem:
        text = str(problem)
        # An entry of a list is named as in ``check``: select.names[0].
        joint = "." if re.match(r"\w+\[\d+\] = ", text) else ": "
        raise JobError(f"{where}{joint}{text}") from None


@cache
def fields_of(struct: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """Return the fields of a Struct by name."""
    # Cached because msgspec evaluates all annotations of a Struct on each call, which takes
    # longer than everything else here.
    return {field.name: field for field in msgspec.structs.fields(struct)}


def check(value: object, annotation: object, where: str) -> None:
    """Raise ``JobError`` unless the value fits the annotation; names a list's first bad entry.

    Args:
        where: the file and key for the message, such as ``prod.toml: select.names``.
    """
    if fits(value, annotation):
        return
    info = inspect.type_info(annotation)
    entry = _entry_type(info)
    if entry is not None and isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if not fits([item], annotation):
                hint = _quotes_hint(item, lambda other: fits([other], annotation))
                raise not_allowed(f"{where}[{index}]", item, _words(entry) + hint)
    hint = _quotes_hint(value, lambda other: fits(other, annotation))
    raise not_allowed(where, value, _words(info) + hint)


def _quotes_hint(value: object, fits: Callable[[object], bool]) -> str:
    """Return what to do if only the quotes are too many or too few, beginning with ". "."""
    match value:
        case str():
            bare = json.loads(value) if re.fullmatch(r"true|false|0|[1-9]\d{0,17}", value) else None
            return f". Write it without quotes: {value}" if bare is not None and fits(bare) else ""
        case bool() | int() | float() | date():
            text = shown(value)
            return f'. Put it in quotes: "{text}"' if fits(text) else ""
        case _:
            return ""


def not_allowed(where: str, value: object, choice: str) -> JobError:
    """Return the error for a value that isn't what ``choice`` describes."""
    return JobError(f"{where} = {shown(value)}: not {choice}")


def unknown_key(source: str, dotted: str, name: str, known: Iterable[str]) -> JobError:
    """Return the error for an unknown key, with the most similar known one as a hint."""
    known = tuple(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f': did you mean "{near[0]}"?' if near else "."
    return JobError(f"{source}: unknown key {dotted}{hint} Known: {', '.join(known)}")


def allowed(annotation: object) -> str:
    """Describe the values that a field of this type may have, as a phrase: ``a string``."""
    return _words(inspect.type_info(annotation))


def one_of(values: Iterable[object]) -> str:
    """Return the description of a closed set of values: ``one of "a", "b"``."""
    return "one of " + ", ".join(shown(value) for value in values)


def shown(value: object) -> str:
    """Return a value as TOML writes it, on one line, safe for a terminal, cut if too long."""
    if isinstance(value, list | tuple):
        text = "[" + ", ".join(_shown_entry(entry) for entry in value) + "]"
    else:
        text = _shown_entry(value)
    return text if len(text) <= LONGEST_VALUE_SHOWN else text[: LONGEST_VALUE_SHOWN - 1] + "…"


def _shown_entry(value: object) -> str:
    # Dotted keys can nest without limit, so deeper levels are omitted rather than recursed into.
    if isinstance(value, list | tuple):
        return "[…]"
    if isinstance(value, dict):
        return "{…}"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str):
        # JSON doesn't escape C1 controls and bidi overrides, which a terminal acts on.
        return escaped(json.dumps(value, ensure_ascii=False))
    return str(value)


def given(struct: msgspec.Struct) -> dict[str, object]:
    """Return a Struct's fields as a table, which ``read_table`` reads back.

    Those that are ``None`` are left out: TOML has no null.
    """
    fields: dict[str, object] = msgspec.to_builtins(struct)
    return {key: value for key, value in fields.items() if value is not None}


def _dotted(key: str, name: str) -> str:
    bare = re.fullmatch(r"[A-Za-z0-9_-]+", name)
    part = name if bare else shown(name)
    return f"{key}.{part}" if key else part


def fits(value: object, annotation: object) -> bool:
    """Return whether the value fits the annotation."""
    try:
        msgspec.convert(value, type=annotation)
    except msgspec.ValidationError:
        return False
    return True


def is_list(annotation: object) -> bool:
    """Return whether a field of this type is a list."""
    return _entry_type(inspect.type_info(annotation)) is not None


def _entry_type(info: inspect.Type) -> inspect.Type | None:
    match info:
        case inspect.Metadata(type=inner):
            return _entry_type(inner)
        case inspect.UnionType(types=members):
            return next(filter(None, map(_entry_type, members)), None)
        case inspect.VarTupleType(item_type=entry):
            return entry
        case _:
            return None


def _words(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata(extra_json_schema={"description": str(words)}):
            return words
        case inspect.UnionType(types=members):
            named = [_words(m) for m in members if not isinstance(m, inspect.NoneType)]
            return ", or ".join(named)
        case inspect.LiteralType(values=values):
            return one_of(values)
        case inspect.VarTupleType(item_type=entry, min_length=least):
            return f"a list{_bounds(least, None)}, each {_words(entry)}"
        case inspect.IntType(ge=low, le=high):
            return f"a whole number{_bounds(low, high)}"
        case _ if type(info) in _PLAIN:
            return _PLAIN[type(info)]
        case _:
            raise NotImplementedError(f"give {info} a description with msgspec.Meta")


def _bounds(low: int | None, high: int | None) -> str:
    named = (("at least", low), ("at most", high))
    given = [f"{words} {bound}" for words, bound in named if bound is not None]
    return f" of {' and '.join(given)}" if given else ""
