"""Which shards are this process's, on each platform."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.errors import JobError
from bulkops.fleet import index
from bulkops.fleet.fleet import Fleet
from bulkops.fleet.index import PLATFORMS, Position, own_shards, position
from tests.docstrings import rows
from tests.fleet.test_fleet import fleet

NAMES = "abcdefgh"
EIGHT = fleet('job = "scan.toml"\n' + "".join(f'[[shard]]\nname = "{n}"\n' for n in NAMES[::-1]))
FOUND = fleet('job = "scan.toml"\norganizations = ["*"]\n')
THIRD_OF_4: dict[str, dict[str, str]] = {
    "AWS Batch": {"AWS_BATCH_JOB_ARRAY_INDEX": "2", "AWS_BATCH_JOB_ARRAY_SIZE": "4"},
    "Cloud Run": {"CLOUD_RUN_TASK_INDEX": "2", "CLOUD_RUN_TASK_COUNT": "4"},
    "GitLab": {"CI_NODE_INDEX": "3", "CI_NODE_TOTAL": "4"},
    "Slurm": {
        "SLURM_ARRAY_TASK_ID": "12",
        "SLURM_ARRAY_TASK_COUNT": "4",
        "SLURM_ARRAY_TASK_MIN": "10",
    },
}
THIRD_OF_ALL = {"JOB_COMPLETION_INDEX": "2"}


def owned(of: Fleet, at: Position | None) -> str:
    """Return the names of this process's shards."""
    return "".join(shard.name for shard in own_shards(of, at))


def taken(option: str | None = None, **env: str) -> str:
    """Return the names of this process's shards, of eight listed ones."""
    return owned(EIGHT, position(option, env))


@pytest.mark.parametrize("platform", THIRD_OF_4)
def test_each_platform_numbers_its_processes(platform: str) -> None:
    """The third of four processes takes the third and the seventh shard by name."""
    assert taken(**THIRD_OF_4[platform]) == "cg"


def test_kubernetes_numbers_its_processes() -> None:
    """It gives no count: an index takes one listed shard."""
    assert taken(**THIRD_OF_ALL) == "c"
    assert [taken(JOB_COMPLETION_INDEX=str(number)) for number in range(8)] == list(NAMES)


def test_the_shards_of_earlier_waves_have_lower_indices() -> None:
    """So they run even if a platform starts the lowest first, and only some at a time."""
    text = 'job = "scan.toml"\n' + "".join(f'[[shard]]\nname = "{n}"\n' for n in NAMES)
    waved = fleet(text + '[rollout]\nwaves = ["h", "d", "50%"]\n')
    numbered = [Position(number, None, "any") for number in range(8)]
    assert [owned(waved, at) for at in numbered] == list("hdabcefg")
    assert owned(waved, Position(0, 4, "any")) == "hc"


def test_the_option_counts_from_one() -> None:
    """``--shard 3/4`` is the third of four."""
    assert taken("3/4") == "cg"
    assert "".join(taken(f"{number}/3") for number in (1, 2, 3)) == "adgbehcf"


def test_the_table_has_every_platform() -> None:
    """The docstring's table has the variables that are read."""
    documented = rows(index, "platform")
    del documented["``--shard i/n``"]
    assert documented == {
        one.name: [
            f"``{one.index}``",
            f"``{one.count}``" if one.count else "that of the listed shards",
            str(one.first) if isinstance(one.first, int) else "MIN",
        ]
        for one in PLATFORMS
    }
    assert set(documented) == {*THIRD_OF_4, "Kubernetes"}


@pytest.mark.parametrize("env", [{}, {"CI_NODE_TOTAL": "1"}, {"JOB_COMPLETION_INDEX": ""}])
def test_alone_a_process_takes_all(env: dict[str, str]) -> None:
    """A count without an index says nothing, and empty is unset."""
    assert position(None, env) is None
    assert taken(**env) == NAMES


@pytest.mark.parametrize(
    ("option", "env"),
    [
        ("9/9", {}),
        (None, {"JOB_COMPLETION_INDEX": "8"}),
        (None, {"CI_NODE_INDEX": "12", "CI_NODE_TOTAL": "12"}),
    ],
)
def test_beyond_the_shards_there_is_nothing_to_do(option: str | None, env: dict[str, str]) -> None:
    """More processes than shards are no error."""
    assert taken(option, **env) == ""


@pytest.mark.parametrize("option", ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "1 / 4", "a/b"])
def test_a_wrong_option_is_refused(option: str) -> None:
    """The message says how it is written."""
    with pytest.raises(JobError, match=re.escape('not I/N with I from 1 to N, such as "2/8"')):
        position(option, {})


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"JOB_COMPLETION_INDEX": "-1"}, 'JOB_COMPLETION_INDEX = "-1": not a whole number'),
        ({"JOB_COMPLETION_INDEX": "²"}, 'JOB_COMPLETION_INDEX = "²": not a whole number'),
        ({"CI_NODE_INDEX": "1"}, 'CI_NODE_TOTAL = "": not a whole number'),
        ({"CI_NODE_INDEX": "0", "CI_NODE_TOTAL": "4"}, "CI_NODE_INDEX = 0 is not one of 4 from 1"),
        ({"CI_NODE_INDEX": "5", "CI_NODE_TOTAL": "4"}, "CI_NODE_INDEX = 5 is not one of 4 from 1"),
        (
            {**THIRD_OF_4["Slurm"], "SLURM_ARRAY_TASK_ID": "14"},
            "SLURM_ARRAY_TASK_ID = 14 is not one of 4 from 10 on",
        ),
        (
            {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "4"},
            'SLURM_ARRAY_TASK_MIN = "": not a whole number',
        ),
    ],
)
def test_a_variable_that_makes_no_sense_is_refused(env: dict[str, str], words: str) -> None:
    """An array with gaps would leave shards to nobody."""
    with pytest.raises(JobError, match=re.escape(words)):
        position(None, env)


AGREEING = [("3/4", env) for env in THIRD_OF_4.values()]


@pytest.mark.parametrize(
    ("option", "env"),
    [*AGREEING, ("3/4", THIRD_OF_ALL), (None, THIRD_OF_ALL | THIRD_OF_4["GitLab"])],
)
def test_two_that_agree_are_one(option: str | None, env: dict[str, str]) -> None:
    """A count that one of them doesn't give is the other's."""
    assert taken(option, **env) == "cg"


@pytest.mark.parametrize(
    ("option", "env"),
    [
        ("2/4", THIRD_OF_4["GitLab"]),
        ("3/5", THIRD_OF_4["GitLab"]),
        ("2/8", THIRD_OF_ALL),
        (None, THIRD_OF_4["GitLab"] | {"JOB_COMPLETION_INDEX": "3"}),
        ("3/5", THIRD_OF_ALL | THIRD_OF_4["Slurm"]),
    ],
)
def test_two_that_disagree_are_refused(option: str | None, env: dict[str, str]) -> None:
    """The message names both."""
    with pytest.raises(JobError, match="disagree about which shards are this process's") as caught:
        position(option, env)
    assert str(caught.value).count(" and ") >= 1
    assert option is None or f"--shard {option}" in str(caught.value)


@given(
    st.sets(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1), st.integers(1, 9), st.data()
)
def test_each_found_shard_has_one_owner_whatever_else_is_found(
    names: set[str], count: int, data: st.DataObject
) -> None:
    """Processes that see different lists agree on the owner of what they all see."""
    owners: dict[str, set[int]] = {}
    for number in range(count):
        seen = data.draw(st.sets(st.sampled_from(sorted(names)))) | {min(names)}
        for shard in own_shards(FOUND.found(seen), Position(number, count, "test")):
            owners.setdefault(shard.name, set()).add(number)
    assert all(len(numbers) == 1 for numbers in owners.values())
    everything = FOUND.found(names)
    parts = [own_shards(everything, Position(number, count, "test")) for number in range(count)]
    assert sorted(shard.name for part in parts for shard in part) == sorted(names)


def test_the_owner_of_a_found_shard_stays_the_same_in_later_versions() -> None:
    """A restart with a newer version must not move what another process still runs."""
    found = FOUND.found(NAMES)
    assert [owned(found, Position(number, 3, "test")) for number in range(3)] == [
        "gh",
        "acde",
        "bf",
    ]


def test_found_shards_need_a_count() -> None:
    """Kubernetes gives none, and the list may change between two starts."""
    at = position(None, THIRD_OF_ALL)
    with pytest.raises(JobError, match=r"list the shards as \[\[shard\]\], or pass --shard I/N"):
        own_shards(FOUND.found(NAMES), at)
    assert owned(FOUND.found(NAMES), None) == NAMES
    assert owned(FOUND.found(NAMES), position("1/1", {})) == NAMES
