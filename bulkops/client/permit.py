"""The interface to what decides whether this process may still send changes.

A journal that only this machine can hold needs no permit. One in a store is held by a lease, which
another process may take over while this one is frozen or cut off. So each attempt of a change asks
twice: before it is sent, and when its bytes are about to be written to a connection.
"""

from __future__ import annotations

from typing import Protocol

from bulkops.errors import NoResponse


class Permit(Protocol):
    """Whether this process may still send changes."""

    def holds(self) -> bool:
        """Return whether a change may be sent now; a comparison, without I/O."""
        ...

    async def wait(self) -> None:
        """Return once it holds: at once, or when what made it uncertain is over.

        Raises:
            JournalWriteFailed: it is lost.
        """
        ...


class _Always:
    def holds(self) -> bool:
        return True

    async def wait(self) -> None:
        pass


ALWAYS: Permit = _Always()
"""The permit of reads, and of changes whose journal no other process can take over."""


class Withheld(NoResponse):
    """A transport sent nothing, since the permit no longer held when its connection was ready."""

    def __init__(self) -> None:
        super().__init__("not sent: this process may no longer hold the journal", sent=False)
