"""Waves over shards, for any names and sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.checking import read_table
from bulkops.errors import JobError
from bulkops.fleet import rollout
from bulkops.fleet.rollout import FleetRollout
from tests.docstrings import rows

SHARDS = ["acme-canary", "acme-eu", "acme-us", "beta", "gamma", "7"]
WAVES: dict[tuple[str, ...], list[str]] = {
    (): ["7 acme-canary acme-eu acme-us beta gamma"],
    ("acme-eu",): ["acme-eu", "7 acme-canary acme-us beta gamma"],
    ("acme-*",): ["acme-canary acme-eu acme-us", "7 beta gamma"],
    ("Acme-C*", "BETA"): ["acme-canary", "beta", "7 acme-eu acme-us gamma"],
    ("acme-canary", "50%", "100%"): ["acme-canary", "7 acme-eu", "acme-us beta gamma"],
    ("acme-canary", "3"): ["acme-canary", "7 acme-eu", "acme-us beta gamma"],
    ("acme-canary", "1", "17%"): ["acme-canary", "7", "acme-eu acme-us beta gamma"],
    ("3", "acme-*"): ["7 acme-canary acme-eu", "acme-us", "beta gamma"],
    ("acme-*", "acme-eu", "1"): ["acme-canary acme-eu acme-us", "7 beta gamma"],
    ("[7]",): ["7", "acme-canary acme-eu acme-us beta gamma"],
    ("7",): ["7 acme-canary acme-eu acme-us beta gamma"],
    ("*",): ["7 acme-canary acme-eu acme-us beta gamma"],
}
ENTRIES = st.one_of(
    st.integers(1, 12).map(str),
    st.integers(1, 100).map(lambda percent: f"{percent}%"),
    st.sampled_from(["a*", "*1", "[ab]*", "*"]),
)
NAMES = st.sets(st.from_regex(r"[abc][0-9]", fullmatch=True), min_size=1, max_size=12)


@pytest.mark.parametrize("waves", WAVES, ids=str)
def test_shards_are_in_waves_by_name_and_by_size(waves: tuple[str, ...]) -> None:
    """Sizes count the shards of earlier waves; a shard is in one wave, and no wave is empty."""
    assert [" ".join(wave) for wave in FleetRollout(waves).steps(SHARDS)] == WAVES[waves]
    assert [" ".join(wave) for wave in FleetRollout(waves).steps(reversed(SHARDS))] == WAVES[waves]


def test_the_table_has_every_kind_of_entry() -> None:
    """The docstring's table lists them."""
    documented = rows(rollout, "entry")
    assert list(documented) == [
        *('``"acme-eu"``', '``"acme-*"``', '``"3"``', '``"25%"``', "none, after the last")
    ]


def test_no_shard_has_no_wave() -> None:
    """Without shards there are no waves."""
    assert FleetRollout(("1", "100%")).steps([]) == []


@given(st.lists(ENTRIES, max_size=5, unique=True), NAMES)
def test_every_shard_is_in_exactly_one_wave(entries: list[str], names: set[str]) -> None:
    """Whatever the entries, no wave is empty, and a size is where its wave ends at the earliest."""
    try:
        steps = FleetRollout(tuple(entries)).steps(names)
    except ValueError:
        return
    assert all(steps)
    assert sorted(name for wave in steps for name in wave) == sorted(names)
    assert all(list(wave) == sorted(wave) for wave in steps)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"waves": ["2", "acme-*", "1"]}, "counted from the first shard, so each must end after"),
        ({"waves": ["20%", "a", "20%"]}, "each must end after the previous one: 20%, 20%"),
        ({"waves": ["a", "1", "a"]}, 'waves: "a" is listed twice: remove one of them'),
        ({"waves": ["a.b"]}, "not a shard's name or a glob such as"),
        ({"waves": ["re:a"]}, "not a shard's name or a glob such as"),
        ({"waves": [1]}, 'Put it in quotes: "1"'),
        ({"max_failed_shards": "10%"}, "not a whole number of at least 0"),
        ({"max_failures": "110%"}, 'a percentage from "0%" to "100%"'),
    ],
    ids=str,
)
def test_a_wrong_rollout_is_refused(table: dict[str, object], words: str) -> None:
    """The message says what is allowed."""
    with pytest.raises(JobError) as caught:
        read_table(table, FleetRollout, "fleet.toml", "rollout")
    assert str(caught.value).startswith("fleet.toml: rollout")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("rollout_", "failed", "failures", "stops"),
    [
        (FleetRollout(), 0, 1000, False),
        (FleetRollout(), 1, 0, True),
        (FleetRollout(max_failed_shards=2), 2, 1000, False),
        (FleetRollout(max_failed_shards=2), 3, 0, True),
        (FleetRollout(max_failures=5), 0, 5, False),
        (FleetRollout(max_failures=5), 0, 6, True),
        (FleetRollout(max_failures="5%"), 0, 10, False),
        (FleetRollout(max_failures="5%"), 0, 11, True),
        (FleetRollout(max_failures="0"), 0, 1, True),
    ],
)
def test_a_fleet_stops_by_shards_or_by_operations(
    rollout_: FleetRollout, failed: int, failures: int, *, stops: bool
) -> None:
    """More than tolerated stop it; a percentage is of the 219 planned operations, rounded down."""
    assert bool(rollout_.exceeded(failed, failures, 219)) is stops
