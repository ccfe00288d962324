"""How one thing about an operation's target is read and written, whichever it is. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import msgspec

from bulkops.api.jsonapi import Many, One, decode
from bulkops.api.messages import Request, Response
from bulkops.operations.model import Attributes, Observed, Operation


class Attached(msgspec.Struct, frozen=True):
    """What an aspect is read from: the attachments of a run task.

    Attributes:
        organization: whose list tells that the run task itself is gone, and its attachments with
            it; empty: nobody asks, and not found is an error.
    """

    task_id: str
    organization: str = ""


class RunTasksOf(msgspec.Struct, frozen=True):
    """What an aspect is read from: an organization's run tasks.

    Attributes:
        fields: attributes looked at, by their API names.
    """

    organization: str
    fields: tuple[str, ...]


class WorkspacesOf(msgspec.Struct, frozen=True):
    """What an aspect is read from: an organization's workspaces.

    Attributes:
        fields: attributes looked at, by their API names.
        shown: returns what is compared from those that the server shows, where it is not them.
    """

    organization: str
    fields: tuple[str, ...]
    shown: Callable[[Attributes], Attributes] | None = None


Source: TypeAlias = Attached | RunTasksOf | WorkspacesOf
"""What an aspect is read from, for all targets at once."""


class Aspect(Protocol):
    """One thing about its targets that operations change: how it is read and written.

    ``request`` is the write; ``look`` and ``observed`` read one target back after a lost answer;
    ``echo`` reads what a write's answer says.
    """

    @property
    def source(self) -> Source | None:
        """What it is read from, for all targets at once.

        ``None``: it can't be read back. Then writing it twice must be writing it once, and
        ``look`` and ``observed`` are not asked.
        """
        ...

    def request(self, operation: Operation) -> Request:
        """Return the one request that carries the operation out."""
        ...

    def look(self, operation: Operation) -> Request:
        """Return the paged read that shows the operation's target."""
        ...

    def observed(self, operation: Operation, answer: Response) -> list[Observed]:
        """Return what one page of ``look`` shows of the target; ``ServerBroken`` if unreadable."""
        ...

    def echo(self, answer: Response) -> Observed | None:
        """Return what a write's answer shows, ``None`` where it has no body."""
        ...


class Words(NamedTuple):
    """How what an aspect changes is said as a whole, where its attributes alone say too little.

    Attributes:
        marker: the attribute that only this aspect has: by it a report, which needs no kind,
            knows what an operation of a journal is about.
        state: returns the words for attributes, ``None`` for absent.
    """

    marker: str
    state: Callable[[Attributes | None], str]


class ResourceAspect(ABC):
    """Base of the aspects that lists and answers show as resources of one type.

    Attributes:
        page, document: that type in a page of a list, and alone.
    """

    page: ClassVar[type[Many[Any]]]
    document: ClassVar[type[One[Any]]]

    @abstractmethod
    def shown(self, resource: Any) -> Observed:
        """Return what a resource shows."""

    def is_about(self, operation: Operation, resource: Any) -> bool:
        """Return whether a resource is what the operation changes."""
        return bool(resource.id == operation.target.id)

    def observed(self, operation: Operation, answer: Response) -> list[Observed]:
        """Return what a page of a list shows of the operation's target, and of no other."""
        rows = decode(answer, self.page).data
        return [self.shown(row) for row in rows if self.is_about(operation, row)]

    def echo(self, answer: Response) -> Observed | None:
        """Return what a write's answer shows; a 204 or an empty body shows nothing."""
        return self.shown(decode(answer, self.document).data) if answer.body.strip() else None
