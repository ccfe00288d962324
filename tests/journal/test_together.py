"""An undo keeps two journals; if either is lost, it stops."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from bulkops.client.permit import Permit
from bulkops.errors import JournalTakenOver, JournalWriteFailed
from bulkops.journal.together import both
from tests import virtual_time


class Lent:
    """A journal that is kept, and may be lost or lapse."""

    def __init__(self) -> None:
        self.valid = True
        self.lost: JournalWriteFailed | None = None
        self.kept: float | None = None
        self.waits = 0

    def holds(self) -> bool:
        """See ``Permit``."""
        return self.valid

    async def wait(self) -> None:
        """Take a second to renew it, if it has lapsed."""
        if self.lost:
            raise self.lost
        if not self.valid:
            self.waits += 1
            await anyio.sleep(1.0)
            self.valid = True

    @asynccontextmanager
    async def keep(
        self, on_end: Callable[[JournalWriteFailed], None], seconds: float
    ) -> AsyncIterator[Permit]:
        """See ``Keep``."""
        self.kept, self.on_end = seconds, on_end
        yield self
        self.kept = None


def test_a_journal_that_nobody_can_take_needs_no_keeping() -> None:
    """Then only the other one is kept, if it needs it."""
    one = Lent().keep
    assert both(None, None) is None
    assert both(one, None) is one
    assert both(None, one) is one


@pytest.mark.parametrize("lapsed", [(False, False), (True, False), (False, True), (True, True)])
def test_nothing_is_sent_unless_both_hold(lapsed: tuple[bool, bool]) -> None:
    """And it waits for each that has lapsed."""

    async def test() -> None:
        one, other = Lent(), Lent()
        keep = both(one.keep, other.keep)
        assert keep is not None
        async with keep(lambda _: None, 6.0) as permit:
            assert (one.kept, other.kept) == (6.0, 6.0)
            assert permit.holds()
            one.valid, other.valid = not lapsed[0], not lapsed[1]
            assert permit.holds() is not any(lapsed)
            await permit.wait()
            assert permit.holds()
            assert (one.waits, other.waits) == lapsed
        assert (one.kept, other.kept) == (None, None)

    virtual_time.run(test)


@pytest.mark.parametrize("which", [0, 1])
def test_either_that_is_lost_ends_it(which: int) -> None:
    """With its own error, which names the journal."""

    async def test() -> None:
        pair = Lent(), Lent()
        keep = both(pair[0].keep, pair[1].keep)
        assert keep is not None
        async with keep(lambda _: None, 6.0) as permit:
            pair[which].valid, pair[which].lost = False, JournalTakenOver("gone")
            with pytest.raises(JournalTakenOver, match="gone"):
                await permit.wait()

    virtual_time.run(test)


def test_what_lapses_while_the_other_is_renewed_is_waited_for_again() -> None:
    """It returns only once both hold at the same time."""

    async def test() -> None:
        one, other = Lent(), Lent()
        keep = both(one.keep, other.keep)
        assert keep is not None
        async with keep(lambda _: None, 6.0) as permit, anyio.create_task_group() as group:
            other.valid = False
            group.start_soon(permit.wait)
            await anyio.sleep(0.5)
            one.valid = False
        assert one.waits == 1
        assert one.valid

    virtual_time.run(test)
