"""What to do after a fleet's command."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bulkops.fleet.report.model import ShardReport
from bulkops.fleet.report.next_steps import next_steps
from bulkops.fleet.waves import Course, State
from tests.fleet.report.samples import fleet, shard

DONE = shard("done")
LATER, LAST = shard("later", state=State.NOT_BEGUN), shard("last", state=State.NOT_BEGUN)
KILLED = shard("killed", state=State.INTERRUPTED)
PAUSED = shard("paused", state=State.PAUSED)
RUNS = shard("runs", state=State.RUNNING, problem="is in use")
BROKEN = shard("broken", state=State.FAILED, problem="no such run task")
UNABLE = shard("unable", state=State.NOT_BEGUN, problem="no such run task")
FIX = "Fix what the line of broken says, then run the same command again."


@pytest.mark.parametrize(
    ("shards", "course", "steps"),
    [
        ((DONE,), Course.FINISHED, []),
        ((KILLED, LATER), Course.GO, ["Not finished. The same command resumes every shard."]),
        (
            (BROKEN, LATER),
            Course.STOPPED,
            [
                "Stopped: 1 shard failed: 1 shard did not begin. The same command with --continue "
                "begins what is left.",
                FIX,
            ],
        ),
        ((RUNS,), Course.WAIT, ["A shard is running in another process."]),
        (
            (RUNS, LATER),
            Course.WAIT,
            ["A shard is running in another process; 1 shard did not begin."],
        ),
        (
            (PAUSED,),
            Course.PAUSED,
            ["Paused. The same command with --continue continues past the pause."],
        ),
        (
            (DONE, LATER),
            Course.GO,
            [
                "later did not begin, and no process seems to run. The same command begins what "
                "is left."
            ],
        ),
        (
            (LATER, LAST),
            Course.GO,
            [
                "later and 1 more did not begin, and no process seems to run. The same command "
                "begins what is left."
            ],
        ),
        ((DONE, BROKEN), Course.FINISHED, [FIX]),
        (
            (UNABLE, BROKEN),
            Course.FINISHED,
            [FIX.replace("broken", "each of the 2 failed shards")],
        ),
    ],
)
def test_the_next_steps(shards: tuple[ShardReport, ...], course: Course, steps: list[str]) -> None:
    """Why it isn't finished comes before what has to be fixed."""
    stopped = "1 shard failed" if course is Course.STOPPED else ""
    assert [*next_steps(replace(fleet(*shards), stopped=stopped), course)] == steps


def test_a_signal_stops_a_command_between_two_shards() -> None:
    """Nothing is interrupted then, and yet the command hasn't finished."""
    steps = next_steps(fleet(DONE, LATER), Course.FINISHED, signal="SIGTERM")
    assert [*steps] == ["Not finished. The same command resumes every shard."]


def test_a_stop_has_its_reason() -> None:
    """Another command than the one just entered is named."""
    stopped = replace(fleet(LATER, BROKEN), stopped="1 shard failed")
    assert [*next_steps(stopped, Course.STOPPED, "bulkops fleet apply f.toml")] == [
        "Stopped: 1 shard failed: 1 shard did not begin. `bulkops fleet apply f.toml --continue` "
        "begins what is left.",
        "Fix what the line of broken says, then run `bulkops fleet apply f.toml`.",
    ]
