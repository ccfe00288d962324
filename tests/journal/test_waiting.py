"""Waiting for a journal that another process uses: when it looks again, and when it gives up."""

from __future__ import annotations

import pytest

from bulkops.errors import JournalLocked
from bulkops.journal.waiting import async_when_free, when_free
from tests.virtual_time import run


class Lock:
    """A lock that is busy for some looks, with the seconds until the next one of each."""

    def __init__(self, *busy: float | None) -> None:
        self.busy = [JournalLocked("x is in use by bob", "Wait", seconds) for seconds in busy]

    def look(self) -> str:
        """Return ``held``, or raise that it is in use."""
        if self.busy:
            raise self.busy.pop(0)
        return "held"

    async def looked(self) -> str:
        """Do the same as ``look``."""
        return self.look()


def test_a_free_journal_is_not_waited_for() -> None:
    """It is looked at once."""
    slept = list[float]()
    assert when_free(Lock().look, slept.append) == "held"
    assert slept == []


def test_each_lock_says_when_to_look_again() -> None:
    """A lease may name another time at each look; each wait is reported before it begins."""
    slept, told = list[float](), list[str]()
    lock = Lock(0.5, 30, 2)
    assert when_free(lock.look, slept.append, lambda busy: told.append(busy.held)) == "held"
    assert slept == [0.5, 30, 2]
    assert told == ["x is in use by bob"] * 3


def test_what_waiting_can_not_change_is_raised() -> None:
    """A journal that was written to meanwhile, for example."""
    slept = list[float]()
    with pytest.raises(JournalLocked, match=r"^x is in use by bob\. Wait$"):
        when_free(Lock(1, None, 1).look, slept.append)
    assert slept == [1]


def test_an_interruption_ends_the_waiting() -> None:
    """What ``sleep`` raises is raised, and nothing is held."""
    lock = Lock(1, 1)

    def interrupted(_seconds: float) -> None:
        raise SystemExit(130)

    with pytest.raises(SystemExit):
        when_free(lock.look, interrupted)
    assert len(lock.busy) == 1


@pytest.mark.parametrize(("wait", "left", "slept"), [(True, 0, [2, 3]), (False, 1, [])])
def test_the_library_waits_only_if_told_to(*, wait: bool, left: int, slept: list[float]) -> None:
    """Otherwise the first look decides."""
    lock, seconds = Lock(2, 3), list[float]()

    async def sleep(some: float) -> None:
        seconds.append(some)

    async def scenario() -> str:
        return await async_when_free(lock.looked, sleep, wait=wait)

    if wait:
        assert run(scenario) == "held"
    else:
        with pytest.raises(JournalLocked):
            run(scenario)
    assert (len(lock.busy), seconds) == (left, slept)


def test_the_library_raises_what_waiting_can_not_change() -> None:
    """As ``when_free`` does."""

    async def scenario() -> str:
        async def sleep(_seconds: float) -> None:
            raise AssertionError

        return await async_when_free(Lock(None).looked, sleep, wait=True)

    with pytest.raises(JournalLocked):
        run(scenario)
