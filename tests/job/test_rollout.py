"""Waves, pauses and the failure tolerance, for any numbers."""

from __future__ import annotations

import itertools
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.errors import JobError
from bulkops.job.job import job_from_builtins, job_to_builtins
from bulkops.job.rollout import Rollout, SizedWave, wave_pause_seconds

DOCUMENT: dict[str, object] = {
    "name": "scan",
    "organization": "acme",
    "operation": {"kind": "detach", "task": "scan"},
    "select": {"all": True},
}
SIZES = st.one_of(
    st.integers(1, 500).map(str), st.integers(1, 100).map(lambda percent: f"{percent}%")
)


def ends(waves: tuple[str | SizedWave, ...], operations: int) -> list[int]:
    """Return where each wave of that many operations ends."""
    return [step.end for step in Rollout(waves=waves).steps(operations)]


@pytest.mark.parametrize(
    ("waves", "operations", "expected"),
    [
        ((), 10, [10]),
        (("1", "10%", "100%"), 300, [1, 30, 300]),
        (("1", "10%", "100%"), 11, [1, 2, 11]),
        (("1", "10%", "100%"), 5, [1, 5]),
        (("1", "10%"), 300, [1, 30, 300]),
        (("5", "10%"), 20, [5, 20]),
        (("500",), 20, [20]),
        (("1%",), 1, [1]),
        (("1", "10%"), 0, [0]),
    ],
)
def test_waves_are_counted_from_the_first_operation(
    waves: tuple[str | SizedWave, ...], operations: int, expected: list[int]
) -> None:
    """Percentages are rounded up, and empty waves are left out."""
    assert ends(waves, operations) == expected


@given(st.lists(SIZES, max_size=6), st.integers(0, 1000))
def test_every_operation_is_in_exactly_one_wave(sizes: list[str], operations: int) -> None:
    """Whatever the sizes, no wave is empty, and together they cover all operations without gaps."""
    numbers = sorted({s for s in sizes if s.isdigit()}, key=int)
    percentages = sorted({s for s in sizes if not s.isdigit()}, key=lambda s: int(s[:-1]))
    steps = Rollout(waves=(*numbers, *percentages)).steps(operations)
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert steps[0].start == 0
    assert steps[-1].end == operations
    assert [step.last for step in steps] == [False] * (len(steps) - 1) + [True]
    assert sum(step.size for step in steps) == operations
    for earlier, later in itertools.pairwise(steps):
        assert earlier.end == later.start
        assert later.start < later.end


def test_a_wave_may_have_a_tolerance_of_its_own() -> None:
    """A wave's own percentage is of its own operations, rounded down."""
    waves = (SizedWave("10", max_failures=0), SizedWave("50%", max_failures="10%"), "100%")
    tolerated = [step.tolerated for step in Rollout(waves=waves).steps(100)]
    assert tolerated == [0, 4, None]


def test_a_tolerance_in_quotes_is_the_same_whole_number() -> None:
    """``max_failures = "2"`` gives the job of ``max_failures = 2``, in a wave as well."""
    quoted: dict[str, object] = {"waves": [{"size": "5", "max_failures": "0"}], "max_failures": "2"}
    plain: dict[str, object] = {"waves": [{"size": "5", "max_failures": 0}], "max_failures": 2}
    jobs = [job_from_builtins({**DOCUMENT, "rollout": rollout}) for rollout in (quoted, plain)]
    assert jobs[0] == jobs[1]
    assert job_to_builtins(jobs[0]) == job_to_builtins(jobs[1])
    assert jobs[0].digest == jobs[1].digest
    assert jobs[0].rollout.tolerated(1000) == 2


@pytest.mark.parametrize("waves", [["2", "1"], ["10%", "10%"], ["1", "50%", "5", "20%"]])
def test_waves_that_do_not_grow_are_refused(waves: list[str]) -> None:
    """Each wave must end after the previous one, by number and by percentage."""
    with pytest.raises(JobError, match="each must end after the previous one"):
        job_from_builtins({**DOCUMENT, "rollout": {"waves": waves}})


def test_a_pause_is_in_seconds() -> None:
    """A pause that is manual, or not set, is 0 seconds."""
    assert [wave_pause_seconds(Rollout(pause=p)) for p in ("5m", "manual", None)] == [
        300.0,
        0.0,
        0.0,
    ]


def test_an_undo_has_one_wave() -> None:
    """An undo has no waves, pause or gate; the tolerance stays."""
    asked = Rollout(waves=("1",), pause="5m", gate="check", max_failures=3, strict=True)
    back = asked.effective("bulkops-1")
    assert back == Rollout(max_failures=3, strict=True)
    assert [wave.end for wave in back.steps(10)] == [10]
    assert asked.effective("") is asked


@pytest.mark.parametrize(
    ("rollout_", "problem"),
    [
        ({"waves": ["0"]}, 'rollout.waves[0] = "0": not a number or a percentage'),
        ({"waves": [{"size": "1", "pause": "5m"}]}, "rollout.waves[0] = {…}: not a number"),
        ({"pause": "later"}, 'rollout.pause = "later": not a duration'),
        ({"gate": ""}, 'rollout.gate = "": not a shell command'),
        ({"max_operations": 0}, "rollout.max_operations = 0: not a whole number of at least 1"),
    ],
)
def test_an_error_lists_the_allowed_values(rollout_: dict[str, object], problem: str) -> None:
    """An error names the field, its value, and what is allowed."""
    with pytest.raises(JobError, match=re.escape(problem)):
        job_from_builtins({**DOCUMENT, "rollout": rollout_})


def test_numbers_may_have_leading_zeros() -> None:
    """``"02"`` is 2, in ``waves`` as in ``max_failures``; it is the same job."""
    rollout = Rollout(waves=("01", "05%"), max_failures="02")
    zeros = job_from_builtins({**DOCUMENT, "rollout": msgspec.to_builtins(rollout)})
    assert ends(zeros.rollout.waves, 100) == [1, 5, 100]
    assert zeros.rollout.max_failures == 2
    assert zeros.digest == digest(waves=["1", "5%"])
    with pytest.raises(JobError, match="each must end after the previous one"):
        digest(waves=["1", "01"])
    with pytest.raises(JobError, match="not a number or a percentage"):
        digest(waves=["000"])


def digest(**rollout_: object) -> str:
    """Return the digest of a job with this ``[rollout]``."""
    return job_from_builtins({**DOCUMENT, "rollout": rollout_}).digest


def test_only_the_ends_of_waves_are_in_the_digest() -> None:
    """A pause, a gate or a tolerance can change between executions of the same job."""
    plain = digest(waves=["1", "10%"])
    assert digest(waves=["1", "10%"], pause="5m", gate="check", strict=True) == plain
    assert digest(waves=["1", {"size": "10%", "max_failures": 0}], max_operations=9) == plain
    assert len({plain, digest(), digest(waves=["2", "10%"])}) == 3
    assert digest(max_failures=3) == digest()
