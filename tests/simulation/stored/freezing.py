"""An event loop in virtual time that has several processes, of which each can be frozen.

Whatever a task schedules belongs to the task's process (``OWNER``). While that is frozen, none of
its callbacks runs: they wait, in their order, and time, the network and the other processes go on.
What belongs to no process is never frozen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import TypeVarTuple, Unpack

from tests.virtual_time import VirtualTimeLoop

Args = TypeVarTuple("Args")


class Freezable:
    """A process of a ``FreezingLoop``, as the loop knows it."""

    def __init__(self) -> None:
        self._until = 0.0
        self._held_up: list[_Turn] = []
        self._stopped: asyncio.Future[None] | None = None

    @property
    def frozen(self) -> bool:
        """Whether nothing of it runs."""
        return asyncio.get_running_loop().time() < self._until

    def freeze(self, seconds: float) -> None:
        """Stop whatever this process does, from the next callback on."""
        loop = _running()
        self._until = max(self._until, loop.time() + seconds)
        loop.unowned_at(self._until, self._thaw)

    async def stop_here(self, seconds: float) -> None:
        """Freeze the process between two statements of a coroutine: that continues first."""
        self.freeze(seconds)
        self._stopped = _running().create_future()
        try:
            await self._stopped
        finally:
            self._stopped = None

    def thaw_now(self) -> None:
        """Let it run: a signal that kills it does."""
        self._until = 0.0
        self._thaw()

    def hold_up(self, turn: _Turn) -> None:
        """Keep a callback until it runs again."""
        self._held_up.append(turn)

    def _thaw(self) -> None:
        if self.frozen:
            _running().unowned_at(self._until, self._thaw)
            return
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
        turns, self._held_up = self._held_up, []
        for turn in turns:
            turn.once_more()


OWNER: ContextVar[Freezable | None] = ContextVar("owner", default=None)
"""The process to which a callback belongs."""


class _Turn:
    """A scheduled callback of a process."""

    def __init__(self, owner: Freezable, callback: Callable[[], object], context: Context) -> None:
        self.handle: asyncio.Handle | None = None
        self._owner = owner
        self._callback = callback
        self._context = context

    def __call__(self) -> None:
        if self.handle is not None and self.handle.cancelled():
            return
        if self._owner.frozen:
            self._owner.hold_up(self)
        else:
            self._callback()

    def once_more(self) -> None:
        """Schedule it again, unless it is cancelled meanwhile."""
        _running().unowned_soon(self, self._context)


class FreezingLoop(VirtualTimeLoop):
    """See above."""

    def call_soon(
        self,
        callback: Callable[[Unpack[Args]], object],
        *args: *Args,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Schedule a callback of the context's owner."""
        context = copy_context() if context is None else context
        owner = context.get(OWNER)
        if owner is None:
            return super().call_soon(callback, *args, context=context)
        turn = _Turn(owner, partial(callback, *args), context)
        turn.handle = super().call_soon(turn, context=context)
        return turn.handle

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Args]], object],
        *args: *Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Schedule a callback of the context's owner."""
        context = copy_context() if context is None else context
        owner = context.get(OWNER)
        if owner is None:
            return super().call_at(when, callback, *args, context=context)
        turn = _Turn(owner, partial(callback, *args), context)
        turn.handle = timer = super().call_at(when, turn, context=context)
        return timer

    def unowned_soon(self, callback: Callable[[], None], context: Context) -> None:
        """Schedule a callback in a context, but as no process's own."""
        super().call_soon(callback, context=context)

    def unowned_at(self, when: float, callback: Callable[[], None]) -> None:
        """Schedule a callback that belongs to no process."""
        super().call_at(when, callback, context=_NOBODY)


_NOBODY = Context()


def _running() -> FreezingLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FreezingLoop)
    return loop
