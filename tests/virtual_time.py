"""An event loop in which waiting takes no time: its clock leaps to the next timer.

``run(coroutine_function, *args)`` works like ``anyio.run``; inside it ``asyncio.sleep``,
``anyio.sleep``, timeouts and ``loop.time()`` all go by the leaping clock, which starts at 0.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple, Unpack

import anyio

T = TypeVar("T")
Args = TypeVarTuple("Args")

PAST_A_TIMER = 1e-6
"""Seconds. A clock that stops exactly at a timer lets ``AsyncLimiter`` hang for ever: rounding
makes it find nothing free yet, and it arms the same instant again (measured)."""

STANDING_STILL = 200
"""Turns of the loop within one instant, after which each takes ``A_NANOSECOND``: by rounding,
``AsyncLimiter`` may arm this very instant again and again until it sees time pass (measured)."""

A_NANOSECOND = 1e-9


class Deadlock(AssertionError):
    """Every task waits, and no timer will ever wake one."""


class _Leaping(selectors.SelectSelector):
    """Never blocks: where a selector would wait, the clock moves instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Of its own, a loop has one end of a pipe here, for threads to wake it: there are none.
        ready = super().select(0) if len(self.get_map()) > 1 else []
        if ready or timeout == 0:
            self._turns += 1
            if self._turns > STANDING_STILL:
                self.now += A_NANOSECOND
            return ready
        if timeout is None:
            raise Deadlock("every task waits, and no timer will ever wake one")
        self._turns = 0
        self.now += timeout + PAST_A_TIMER
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For code without threads and sockets: what they are up to, this loop never waits for."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Return seconds since the loop was made."""
        return self._leaping.now

    def stall(self, seconds: float) -> None:
        """Let time pass as if something had blocked the loop."""
        self._leaping.now += seconds


def run(coroutine_function: Callable[[Unpack[Args]], Awaitable[T]], *args: *Args) -> T:
    """Return what the coroutine function returns, in virtual time."""
    return anyio.run(coroutine_function, *args, backend_options={"loop_factory": VirtualTimeLoop})
