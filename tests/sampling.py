"""Sweeps over all combinations of some values, of which the default run takes a sample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import pytest


def swept(*axes: Iterable[Any], every: int) -> list[Any]:
    """Return all combinations; those beside each ``every``-th are for the long tests.

    The sample has each value of each axis; choose an ``every`` that has no divisor in common with
    the number of values of the last axis.
    """
    values = [[*axis] for axis in axes]
    combinations = [*product(*values)]
    sample = combinations[::every]
    for number, axis in enumerate(values):
        missing = [one for one in axis if all(taken[number] != one for taken in sample)]
        assert not missing, f"the default run would never have {missing}"
    return [one if number % every == 0 else _long(one) for number, one in enumerate(combinations)]


def first(number: int, values: Sequence[Any]) -> list[Any]:
    """Return all values; those after the first few are for the long tests."""
    return [*values[:number], *(_long((one,)) for one in values[number:])]


def long(*axes: Iterable[Any]) -> list[Any]:
    """Return all combinations, each for the long tests."""
    return [_long(one) for one in product(*axes)]


def _long(values: tuple[Any, ...]) -> Any:
    return pytest.param(*values, marks=pytest.mark.long)
