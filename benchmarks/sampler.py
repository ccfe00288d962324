"""Samples the main thread's stack every few milliseconds of CPU time.

Unlike cProfile, it adds no cost per call, so small functions don't look expensive. Time in C counts
for the calling Python function; time in other threads and the kernel counts for the main thread's
current position, mostly the event loop's wait.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERVAL = 0.001
"""The sampling interval in seconds of CPU time; the kernel's tick may be coarser."""


class Sampler:
    """Counts samples of the main thread within a block. Not on Windows.

    Args:
        package: the prefix of the modules whose functions are counted in ``callers``.

    Attributes:
        modules: module → samples in it.
        callers: innermost function of the package → samples in it or in functions it called.
    """

    def __init__(self, package: str) -> None:
        self.modules: Counter[str] = Counter()
        self.callers: Counter[str] = Counter()
        self._package = package

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Take samples within the block."""
        before = signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    def _take(self, _signal: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self.modules[str(frame.f_globals.get("__name__"))] += 1
        caller: FrameType | None = frame
        while caller is not None:
            module = str(caller.f_globals.get("__name__"))
            if module.startswith(self._package):
                self.callers[f"{module}.{caller.f_code.co_qualname}"] += 1
                return
            caller = caller.f_back
        self.callers["(the event loop and its callbacks)"] += 1
