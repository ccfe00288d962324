"""What every kind of operation is made of, whichever thing it changes. Pure.

A kind compares what the server shows with what the job wants, as plain attribute mappings in
the API's own spelling (``{"enforcement-level": "mandatory", "stages": ["post_plan"]}``); ``None``
stands for absent. So planning, resuming, reading back and verifying are one comparison, and
the engine needs to know nothing about any kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Protocol

import msgspec

from bulkops.exchange import Request, Response

Attributes = Mapping[str, object]
"""Attributes a kind compares and writes, by their API names, lists in one canonical order."""


class Shared(msgspec.Struct):
    """Gives the same object for equal attributes: a million operations have few different ones."""

    known: dict[bytes, Attributes] = {}
    latest: Attributes = {}

    def __call__(self, attributes: Attributes) -> Attributes:
        """Return the first of those equal to ``attributes``."""
        if attributes != self.latest:
            self.latest = self.known.setdefault(_encode(attributes), attributes)
        return self.latest


_encode = msgspec.json.Encoder().encode


# Not looked at by the garbage collector, which takes longer than all else where there are a
# million of them (measured): none of these can be part of a cycle.
class Target(msgspec.Struct, frozen=True, gc=False):
    """The thing an operation changes: for all kinds so far, a workspace."""

    id: str
    name: str


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One attachment as the server shows it: its id and the attributes a kind compares."""

    id: str
    attributes: Attributes


class Operation(msgspec.Struct, frozen=True, gc=False):
    """One write to one target; a job has at most one for each.

    Attributes:
        kind: of operation; of an undo's, what it does to the attachment.
        before: what the server showed when this was decided, ``None`` for absent.
        wanted: attributes it shall show afterwards, ``None`` for absent.
    """

    kind: str
    target: Target
    before: Seen | None
    wanted: Attributes | None

    @property
    def key(self) -> str:
        """``attach:ws-…``: stays the same over every execution of the job."""
        return f"{self.kind}:{self.target.id}"


class Skip(msgspec.Struct, frozen=True, gc=False):
    """A selected target on which nothing is done.

    Attributes:
        reason: in words, for a report.
        blocked: True where the job's wish is not fulfilled and bulkops can't fulfil it.
    """

    target: Target
    reason: str
    blocked: bool = False


class TaskRef(msgspec.Struct, frozen=True):
    """The run task a job is about, as looked up at the server."""

    id: str
    name: str


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A job file's ``[operation]`` table without its ``kind``; each kind adds its own fields.

    Attributes:
        task: name or ``task-…`` id of the run task.
    """

    task: Annotated[
        str, msgspec.Meta(min_length=1, description='a run task\'s name or its id "task-…"')
    ]

    @property
    def stages_asked(self) -> tuple[str, ...]:
        """The stages the server must know for this wish."""
        return ()


class Kind(Protocol):
    """One kind of operation, bound to one job's wish and the run task it names.

    ``decide`` is the plan; ``request`` the write; ``look`` and ``seen`` read one target back
    after a lost answer; ``echo`` reads what a write's answer says.
    """

    name: ClassVar[str]
    wish_type: ClassVar[type[Wish]]

    def __init__(self, wish: Wish, task: TaskRef, *, single_stage: bool) -> None: ...

    def decide(self, target: Target, seen: Sequence[Seen]) -> Operation | Skip:
        """Return the write that brings ``target`` to the wish, or why there is none."""
        ...

    def request(self, operation: Operation) -> Request:
        """Return the one request that carries the operation out."""
        ...

    def look(self, operation: Operation) -> Request:
        """Return the paged read that shows the operation's target."""
        ...

    def seen(self, answer: Response) -> list[Seen]:
        """Return what one page of ``look`` shows; raises ``ServerBroken`` if unreadable."""
        ...

    def echo(self, answer: Response) -> Seen | None:
        """Return what a write's answer shows, ``None`` where it has no body."""
        ...
