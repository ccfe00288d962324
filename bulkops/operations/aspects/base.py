"""Aspects: how one part of an operation's target is read and written. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import msgspec

from bulkops.api.jsonapi import Many, One, decode
from bulkops.api.messages import Request, Response
from bulkops.operations.model import Attributes, Observed, Operation


class Attached(msgspec.Struct, frozen=True):
    """Source of an aspect: the attachments of a run task.

    Attributes:
        organization: if the attachments are not found, bulkops looks in this organization's list
            whether the run task itself no longer exists; empty: not found is an error.
    """

    task_id: str
    organization: str = ""


class RunTasksOf(msgspec.Struct, frozen=True):
    """Source of an aspect: an organization's run tasks.

    Attributes:
        fields: API names of the attributes to read.
    """

    organization: str
    fields: tuple[str, ...]


class WorkspacesOf(msgspec.Struct, frozen=True):
    """Source of an aspect: an organization's workspaces.

    Attributes:
        fields: API names of the attributes to read.
        shown: derives the attributes to compare from those that the server shows; ``None`` if
            they are the same.
    """

    organization: str
    fields: tuple[str, ...]
    shown: Callable[[Attributes], Attributes] | None = None


Source: TypeAlias = Attached | RunTasksOf | WorkspacesOf
"""The list from which an aspect of all targets is read."""


class Aspect(Protocol):
    """One part of its targets that operations change: how it is read and written.

    ``request`` is the write; ``look`` and ``observed`` read one target back after a lost answer;
    ``echo`` reads what the answer to a write shows.
    """

    @property
    def source(self) -> Source | None:
        """The list from which it is read for all targets.

        ``None`` if it can't be read back. Then writing it twice must be the same as writing it
        once, and ``look`` and ``observed`` are never called.
        """
        ...

    def request(self, operation: Operation) -> Request:
        """Return the one request that carries out the operation."""
        ...

    def look(self, operation: Operation) -> Request:
        """Return the paged read that shows the operation's target."""
        ...

    def observed(self, operation: Operation, answer: Response) -> list[Observed]:
        """Return what one page of ``look`` shows of the target; ``ServerBroken`` if unreadable."""
        ...

    def echo(self, answer: Response) -> Observed | None:
        """Return what the answer to a write shows, ``None`` if it has no body."""
        ...


class Words(NamedTuple):
    """Describes an aspect's state as a whole, if a list of its attributes would say too little.

    Attributes:
        marker: an attribute that only this aspect has. A report loads no kind, so this tells it
            what an operation of a journal is about.
        state: returns the description of attributes, ``None`` for absent.
    """

    marker: str
    state: Callable[[Attributes | None], str]


class ResourceAspect(ABC):
    """Base of the aspects that the API shows as resources of one type.

    Attributes:
        page: a page of a list of that type.
        document: a single resource of that type.
    """

    page: ClassVar[type[Many[Any]]]
    document: ClassVar[type[One[Any]]]

    @abstractmethod
    def shown(self, resource: Any) -> Observed:
        """Return a resource as it is compared."""

    def is_about(self, operation: Operation, resource: Any) -> bool:
        """Return whether a resource is what the operation changes."""
        return bool(resource.id == operation.target.id)

    def observed(self, operation: Operation, answer: Response) -> list[Observed]:
        """Return what a page of a list shows of the operation's target."""
        rows = decode(answer, self.page).data
        return [self.shown(row) for row in rows if self.is_about(operation, row)]

    def echo(self, answer: Response) -> Observed | None:
        """Return what the answer to a write shows; a 204 or an empty body shows nothing."""
        return self.shown(decode(answer, self.document).data) if answer.body.strip() else None
