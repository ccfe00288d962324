"""Several calls at a time, whose results are yielded in order."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Event

import pytest

from bulkops.journal.remote.numbered import ahead


@pytest.mark.parametrize("at_once", [0, 1, 3, 20])
def test_results_come_in_order(at_once: int) -> None:
    """However many run at the same time."""
    assert list(ahead(lambda n: n * n, range(10), at_once)) == [n * n for n in range(10)]


def test_no_more_than_asked_for_are_started() -> None:
    """The values are taken as results are."""
    taken: list[int] = []

    def values() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    results = ahead(lambda n: n, values(), 3)
    assert [next(results), next(results)] == [0, 1]
    assert taken == [0, 1, 2, 3]
    results.close()


def test_what_is_abandoned_waits_for_no_call() -> None:
    """It may end while another thread is being started, which then could not go on."""
    gate, ended = Event(), list[int]()

    def call(number: int) -> int:
        if number:
            gate.wait(10)
        ended.append(number)
        return number

    results = ahead(call, range(5), 2)
    assert next(results) == 0
    results.close()
    assert ended == [0]
    gate.set()


def test_a_failed_call_is_raised_once_none_runs_any_more() -> None:
    """So nothing is written after the error."""
    started, ended = list[int](), list[int]()
    together = Barrier(3)

    def call(number: int) -> None:
        started.append(number)
        together.wait(10)
        if not number:
            raise OSError("no")
        ended.append(number)

    with pytest.raises(OSError, match="no"):
        list(ahead(call, range(3), 3))
    assert {*started} == {0, *ended}
