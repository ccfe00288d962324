"""An event loop in virtual time: its clock jumps to the next timer.

``run(coroutine_function, *args)`` works like ``anyio.run``; inside it ``asyncio.sleep``,
``anyio.sleep``, timeouts and ``loop.time()`` use the virtual clock, which starts at 0.
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
"""Seconds. A clock that stops exactly at a timer would make ``AsyncLimiter`` hang: because of
rounding it finds no capacity, and sets a timer for the same instant (measured)."""

STANDING_STILL = 200
"""The iterations of the loop within one instant, after which each takes ``A_NANOSECOND``: because
of rounding, ``AsyncLimiter`` may set timers for this instant until time passes (measured)."""

A_NANOSECOND = 1e-9


class Deadlock(AssertionError):
    """Every task waits, and no timer will wake one."""


class _Jumping(selectors.SelectSelector):
    """Never blocks: instead of waiting, it advances the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # A loop always has one end of a pipe here, through which threads would wake it.
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
    """A loop for code without threads and sockets, which it never waits for."""

    def __init__(self) -> None:
        self._leaping = _Jumping()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Return the seconds since the loop was created."""
        return self._leaping.now

    def stall(self, seconds: float) -> None:
        """Advance the time as if something had blocked the loop."""
        self._leaping.now += seconds


def run(
    coroutine_function: Callable[[Unpack[Args]], Awaitable[T]],
    *args: *Args,
    loop: Callable[[], VirtualTimeLoop] = VirtualTimeLoop,
) -> T:
    """Return the result of the coroutine function, in virtual time."""
    return anyio.run(coroutine_function, *args, backend_options={"loop_factory": loop})
