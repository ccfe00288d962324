"""Describes the machine of a measurement, and formats figures."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median


def machine(*packages: str) -> str:
    """Return one line with the cores, Python, the kernel, and the packages' versions."""
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.python_implementation()} "
        f"{platform.python_version()}, {platform.system()} {platform.release()}"
        + (f"; {versions}" if versions else "")
    )


class Busy:
    """Measures how busy all cores are from now on, because a busy machine distorts measurements.

    Linux only (``/proc/stat``).
    """

    def __init__(self) -> None:
        self._before = _ticks()

    def share(self) -> float | None:
        """Return the busy share of the time since, from 0 to 1; ``None`` if it is unknown."""
        now = _ticks()
        if now is None or self._before is None or now[1] == self._before[1]:
            return None
        return (now[0] - self._before[0]) / (now[1] - self._before[1])


def _ticks() -> tuple[int, int] | None:
    try:
        first = Path("/proc/stat").read_text().splitlines()[0]
    except OSError:
        return None
    # user nice system idle iowait irq softirq steal
    ticks = [int(number) for number in first.split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def spread(values: Sequence[float], form: str = ".3f") -> str:
    """Return the median and, if there are several, the range: ``0.981 (0.979 to 0.984)``."""
    if len(values) == 1:
        return format(values[0], form)
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"
