"""Reads documents member by member if they don't have their shape as a whole. Pure.

Servers and gateways write ``null`` or another type for members that bulkops may not even need. A
member that can't be read keeps its default and is listed in its row's ``unread``: it matters only
if something depends on it, and then ``unreadable`` names row, member and value. Booleans and
numbers may be texts, as in the samples of HashiCorp's documentation (``"enabled": "true"``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Raw, ValidationError

from bulkops.api.messages import UNREADABLE
from bulkops.errors import ServerBroken
from bulkops.text import printable

S = TypeVar("S", bound=msgspec.Struct)

MOST_SHOWN = 80
"""The most characters of a value that a message shows."""

MOST_IDS = 200_000
MEMBERS_PER_ID = 1_000
"""A document with more ids, or more values per id, is not read member by member: that takes a
hundred bytes per value, and such a document isn't one of this API."""

_DECISIVE = ("next-page", "total-pages", "total-count")
"""Members of ``meta.pagination`` that decide whether a list continues. Null means not shown."""

_GROUPS = ("attributes", "relationships", "meta", "pagination")
"""Members whose own members are read one by one."""


def document(body: bytes, shape: Any) -> Any:
    """Return a document of one resource, or of a list of them, read member by member.

    Args:
        shape: ``One[…]`` or ``Many[…]``.

    Raises:
        ValidationError: it has no rows, one of them has no id, or it isn't known whether another
            page follows.
    """
    _check_size(body)
    given, read, unread = _members(body), dict[str, object](), dict[str, str]()
    for field in msgspec.structs.fields(shape):
        raw = given.get(field.encode_name)
        if field.name != "data":
            if raw is not None:
                _take(read, field, raw, unread)
        elif raw is None:
            raise ValidationError("data is missing")
        elif get_origin(field.type) is tuple:
            (row, _) = get_args(field.type)
            rows = enumerate(_list(raw, "data"))
            read["data"] = tuple(_row(one, row, f"data[{at}]") for at, one in rows)
        else:
            read["data"] = _row(raw, field.type, "data")
    for name in _DECISIVE:
        if name in unread:
            raise ValidationError(f"meta.pagination: {name} = {unread[name]}")
    return get_origin(shape)(**read)


def included(part: Raw, kind: str, shape: type[S]) -> Iterator[S]:
    """Yield the resources of one type in a document's ``included``.

    Those that can't be read are left out, so the caller must check that none is missing.

    Raises:
        ServerBroken: there are too many.
    """
    try:
        _check_size(bytes(part))
    except ValidationError as error:
        raise ServerBroken(f"the included part of the answer can't be read: {error}") from error
    try:
        rows = _list(part, "included")
    except UNREADABLE:
        return
    for raw in rows:
        try:
            if msgspec.json.decode(raw, type=_Typed).type == kind:
                yield _row(raw, shape, "included")
        except UNREADABLE:
            continue


def members(part: Raw, shape: type[S], name: str) -> tuple[S, Mapping[str, str]]:
    """Return an object that has only optional members, and what of it can't be read.

    Args:
        name: its own name, listed if it isn't an object.
    """
    try:
        return msgspec.json.decode(part, type=shape, strict=False), {}
    except UNREADABLE:
        unread = dict[str, str]()
    try:
        return _struct(part, shape, unread), unread
    except UNREADABLE:
        return shape(), {name: _text(part)}


def unreadable(row: str, member: str, unread: Mapping[str, str]) -> ServerBroken:
    """Return the error for a member on which a decision depends.

    Args:
        row: the row's id.
        unread: the row's members that can't be read, and their values.
    """
    return ServerBroken(f"{row}: {why_unknown(member, unread)}")


def why_unknown(member: str, unread: Mapping[str, str], group: str = "attributes") -> str:
    """Return why a row's member is unknown: not shown, or of a value that can't be read.

    Args:
        group: the object that the member is in.
    """
    for name in (member, group):
        if value := unread.get(name):
            return f"the server shows {name} = {value}, which can't be read"
    return f"the server doesn't show its {member}"


def _check_size(body: bytes) -> None:
    ids = body.count(b'"id"')
    if ids > MOST_IDS or body.count(b",") > MEMBERS_PER_ID * (ids + 1):
        raise ValidationError("it is too large to be a document of this API")


class _Typed(msgspec.Struct):
    type: object = None


def _row(raw: Raw, shape: type[S], where: str) -> S:
    unread = dict[str, str]()
    try:
        row = _struct(raw, shape, unread)
    except UNREADABLE as error:
        raise ValidationError(f"{where}: {error}") from error
    return msgspec.structs.replace(row, unread=unread)


def _struct(raw: bytes | Raw, shape: type[S], unread: dict[str, str]) -> S:
    given, read = _members(raw), dict[str, object]()
    for field in msgspec.structs.fields(shape):
        if field.encode_name in given:
            _take(read, field, given[field.encode_name], unread)
        if field.required and field.name not in read:
            value = unread.get(field.encode_name, "not shown")
            raise ValidationError(f"{field.encode_name} = {value}")
    return shape(**read)


def _take(
    read: dict[str, object], field: msgspec.structs.FieldInfo, raw: Raw, unread: dict[str, str]
) -> None:
    """Read one member, or else note it in ``unread``."""
    try:
        if field.encode_name in _GROUPS and (group := _group(field.type)):
            read[field.name] = _struct(raw, group, unread)
        else:
            read[field.name] = msgspec.json.decode(raw, type=field.type, strict=False)
    except UNREADABLE:
        unread[field.encode_name] = _text(raw)


def _group(shape: Any) -> type[msgspec.Struct] | None:
    for one in (shape, *get_args(shape)):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return one
    return None


def _members(raw: bytes | Raw) -> dict[str, Raw]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Raw])
    except UNREADABLE as error:
        raise ValidationError(f"{_text(raw)} is not an object") from error


def _list(raw: Raw, name: str) -> list[Raw]:
    try:
        return msgspec.json.decode(raw, type=list[Raw])
    except UNREADABLE as error:
        raise ValidationError(f"{name} = {_text(raw)} is not a list") from error


def _text(raw: bytes | Raw) -> str:
    return printable(bytes(raw)[: 4 * MOST_SHOWN].decode("utf-8", "replace"), MOST_SHOWN)
