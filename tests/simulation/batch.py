"""Many seeds, one after the other, as fast as one core goes."""

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


class Told(msgspec.Struct):
    """What came of some seeds.

    Attributes:
        met: kind of fault, stop, resume, outcome → how often it was really met.
        seconds: of CPU.
        failed: the traceback of the first that failed, empty for none.
    """

    met: Counter[str]
    seconds: float
    failed: str = ""


def run(first: int, count: int) -> Counter[str]:
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
    return met


def told(first: int, count: int) -> Told:
    """Run so many seeds and return what another process can be told of them."""
    began = time.process_time()
    try:
        met, failed = run(first, count), ""
    except Exception:  # noqa: BLE001 - whatever fails is what this is for
        met, failed = Counter[str](), traceback.format_exc()
    return Told(met, time.process_time() - began, failed)


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
