"""Runs calls concurrently and delivers their results in the calls' order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def in_order(
    calls: Iterable[Callable[[], Awaitable[T]]], take: Callable[[T], None], *, at_once: int
) -> None:
    """Run the calls concurrently, and pass each result to ``take`` in the calls' order.

    After the first error no further call is started. The running ones finish, and then that
    error is raised, not an exception group.

    Args:
        at_once: the most calls that run concurrently.
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
            except Exception as error:  # noqa: BLE001 - raised below, unchanged
                errors.append(error)
            if errors:
                break

    async with anyio.create_task_group() as workers:
        for _ in range(at_once):
            workers.start_soon(worker)
    if errors:
        raise errors[0]
