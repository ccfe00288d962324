"""Many calls at once, their results one by one in the calls' order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def in_order(
    calls: Iterable[Callable[[], Awaitable[T]]], take: Callable[[T], None], *, at_once: int
) -> None:
    """Have each call's result taken as soon as it is its turn, so many calls running at once.

    After the first error nothing more is started; what is under way ends, and the error is
    raised as it is, not in a group.
    """
    waiting = enumerate(calls)
    results: dict[int, T] = {}
    errors: list[Exception] = []
    turn = 0

    async def worker() -> None:
        nonlocal turn
        for index, call in waiting:
            try:
                results[index] = await call()
                while turn in results:
                    take(results.pop(turn))
                    turn += 1
            except Exception as error:  # noqa: BLE001 - raised below, as it is
                errors.append(error)
            if errors:
                break

    async with anyio.create_task_group() as workers:
        for _ in range(at_once):
            workers.start_soon(worker)
    if errors:
        raise errors[0]
