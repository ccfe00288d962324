"""Converts JSON:API documents to values and back: envelopes, relationships, paging. Pure.

Shapes follow HashiCorp's OpenAPI. Members that can't be read are left out and named. Unknown
members are ignored, so that an older bulkops works with a newer server.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Annotated, Generic, TypeVar, cast

import msgspec
from msgspec import UNSET, UnsetType

from bulkops.api.failures import request_id
from bulkops.api.messages import UNREADABLE, Response
from bulkops.api.tolerant import document
from bulkops.errors import ServerBroken
from bulkops.text import printable

T = TypeVar("T")

Text = Annotated[str, msgspec.Meta(max_length=4096)]
"""A text of limited length. The API's longest are descriptions (300 characters) and URLs."""


class Identifier(msgspec.Struct, frozen=True):
    """A resource linkage: ``{"id": "task-…", "type": "tasks"}``; the name says the type."""

    id: Text


_ALL_READ: Mapping[str, str] = {}
"""One object for all rows: a dict for each would double a long list's memory."""


class Resource(msgspec.Struct, frozen=True):
    """Base of every JSON:API resource; subclasses add attributes and relationships.

    Attributes:
        unread: members that the server shows but that can't be read → their values. They keep
            their defaults (see ``bulkops.api.tolerant``).
    """

    id: Text
    # Not a member of any document: no member's name begins with a blank.
    unread: Mapping[str, str] = msgspec.field(default_factory=lambda: _ALL_READ, name=" unread")


R = TypeVar("R", bound=Resource)


class ToOne(msgspec.Struct, frozen=True):
    """A relationship to at most one resource.

    Attributes:
        data: the resource; ``None`` for none; ``UNSET`` if the server only links to it.
    """

    data: Identifier | UnsetType | None = UNSET

    @property
    def id(self) -> str | UnsetType | None:
        """The resource's id; ``None`` and ``UNSET`` as in ``data``."""
        return self.data.id if isinstance(self.data, Identifier) else self.data


class ToMany(msgspec.Struct, frozen=True):
    """A relationship to a list of resources.

    Attributes:
        data: the resources; ``None`` if the server only links to them, which isn't the same as
            an empty list.
    """

    data: tuple[Identifier, ...] | None = None


class Pagination(msgspec.Struct, frozen=True, rename="kebab"):
    """``meta.pagination``; a list without totals omits the last two.

    Attributes:
        next_page: the next page's number; ``None`` on the last page; ``UNSET`` if not shown.
    """

    next_page: int | UnsetType | None = UNSET
    page_size: int | None = None
    total_pages: int | None = None
    total_count: int | None = None


class Meta(msgspec.Struct, frozen=True):
    """The part of a document's ``meta`` that paging needs."""

    pagination: Pagination = Pagination()


_NOTHING = msgspec.Raw(b"[]")


class One(msgspec.Struct, Generic[T], frozen=True):
    """A document with one resource; ``included`` is not decoded, as it may have any types."""

    data: T
    included: msgspec.Raw = _NOTHING


class Many(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; ``links`` is not checked, as servers deviate from JSON:API there."""

    data: tuple[T, ...]
    meta: Meta = Meta()
    links: object = None
    included: msgspec.Raw = _NOTHING


@cache
def _decoder(shape: Hashable) -> msgspec.json.Decoder[object]:
    return msgspec.json.Decoder(shape)


def decode(answer: Response, shape: type[T]) -> T:
    """Return the answer's body as ``shape``, for example ``One[RunTaskResource]``.

    Raises:
        ServerBroken: the body is not such a document, or a row has no id.
    """
    try:
        return _decoded(answer.body, shape)
    except UNREADABLE as error:
        raise ServerBroken(
            f"the server's answer ({answer.status}) can't be read: {printable(str(error))}",
            status=answer.status,
            request_id=request_id(answer),
        ) from error


def _decoded(body: bytes, shape: type[T]) -> T:
    try:
        return cast("T", _decoder(cast("Hashable", shape)).decode(body))
    except msgspec.ValidationError:
        return cast("T", document(body, shape))


def encode_resource(
    kind: str,
    attributes: object,
    relationships: Mapping[str, object] | None = None,
    *,
    id: str = "",  # noqa: A002 - the name in JSON:API
) -> bytes:
    """Return ``{"data": {"type": kind, "attributes": …, "relationships": …}}`` as bytes."""
    data: dict[str, object] = {"type": kind, "attributes": attributes}
    if id:
        data["id"] = id
    if relationships:
        data["relationships"] = relationships
    return msgspec.json.encode({"data": data})
