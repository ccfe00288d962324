"""Runs many seeds on one core."""

from __future__ import annotations

import gc
import logging
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tests.simulation.run import simulate


class Outcome(msgspec.Struct):
    """The result of some seeds, in a form that another process can receive.

    Attributes:
        met: kind of fault, stop, resume, outcome → how often it was actually met.
        seconds: CPU time.
        failed: traceback of the first seed that failed, empty if none did.
    """

    met: Counter[str]
    seconds: float
    failed: str = ""


def run(first: int, count: int) -> Counter[str]:
    """Run this many seeds and return the sum of what they met.

    Raises:
        Violation: the first seed that fails; other exceptions pass too. A note tells how to replay
            it.
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
    return met


def run_batch(first: int, count: int) -> Outcome:
    """Run this many seeds and return their result for another process."""
    began = time.process_time()
    try:
        met, failed = run(first, count), ""
    except Exception:  # noqa: BLE001 - whatever fails is what this is for
        met, failed = Counter[str](), traceback.format_exc()
    return Outcome(met, time.process_time() - began, failed)


@contextmanager
def quick() -> Iterator[None]:
    """Skip logging, and garbage collection of objects that stay alive anyway."""
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
