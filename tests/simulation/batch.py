"""Many seeds, one after the other, as fast as one core goes."""

from __future__ import annotations

import gc
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.simulation.run import simulate


def run(first: int, count: int, on_run: Callable[[int], None] = lambda _seed: None) -> Counter[str]:
    """Run so many seeds and return what they met, added up.

    Raises:
        Violation: of the first seed that fails; any other exception likewise. A note says how to
            replay it.
    """
    met: Counter[str] = Counter()
    with quick():
        for seed in range(first, first + count):
            try:
                met.update(simulate(seed).met)
            except BaseException as error:
                error.add_note(
                    f"seed {seed}, replay it by: python -m tests.simulation --seed {seed}"
                )
                raise
            on_run(seed)
    return met


@contextmanager
def quick() -> Iterator[None]:
    """Spare the log, and the garbage collector's walks through what stays anyway."""
    log, threshold = logging.getLogger("bulkops"), gc.get_threshold()
    level = log.level
    log.setLevel(logging.CRITICAL)
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        gc.unfreeze()
        log.setLevel(level)
