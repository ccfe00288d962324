"""Where CPU time goes: a sample of the main thread's stack at every few milliseconds of it.

Unlike cProfile it costs the code nothing per call, so that a small function doesn't look dear.
What is done in C counts for the Python function that called it; what other threads and the
kernel do for this process counts for wherever the main thread is, mostly the event loop's wait.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERVAL = 0.001
"""Seconds of CPU time; the kernel's own tick may be coarser."""


class Sampler:
    """Counts samples while its block runs, in the main thread. Not on Windows.

    Attributes:
        modules: module → samples in it.
        callers: innermost function of one's own package → samples in it or in what it called.
    """

    def __init__(self, package: str) -> None:
        self.modules: Counter[str] = Counter()
        self.callers: Counter[str] = Counter()
        self._package = package

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Take samples while the block runs."""
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
