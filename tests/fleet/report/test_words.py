"""The result of a fleet at a glance."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bulkops.errors import ExitCode
from bulkops.fleet.report.model import ShardReport
from bulkops.fleet.report.words import fleet_verdict, sentences, shard_verdict
from bulkops.fleet.waves import State
from tests.fleet.report.samples import fleet, of_every_state, shard
from tests.report.html.samples import many

DONE = shard("done", many(3))
PARTLY = shard("partly", replace(many(3), exit_code=ExitCode.UNFULFILLED))
NOTHING = shard("nothing", state=State.DONE, note="nothing to do")
LATER = shard("later", state=State.NOT_BEGUN)
KILLED = shard("killed", replace(many(3), exit_code=None, ended=""), state=State.INTERRUPTED)
STOPPED = shard("stopped", replace(many(3), exit_code=ExitCode.STOPPED), state=State.FAILED)
BROKEN = shard("broken", state=State.FAILED, problem="its journal is damaged")
UNDONE = shard("undone", many(3), undone=True)
BLOCKED = shard("blocked", state=State.DONE, blocked=2)
RUNS = shard("runs", replace(many(3), exit_code=None, ended=""), state=State.RUNNING)


@pytest.mark.parametrize(
    ("shards", "verdict"),
    [
        ((), "Not started"),
        ((LATER,), "Not started"),
        ((DONE, LATER), "Unfinished"),
        ((DONE, KILLED), "Unfinished"),
        ((DONE, PARTLY), "Partly done"),
        ((DONE, BLOCKED), "Partly done"),
        ((DONE, NOTHING), "Done"),
        ((PARTLY, STOPPED, LATER), "Stopped"),
        ((STOPPED, BROKEN), "Failed"),
        ((BROKEN, RUNS), "Running"),
    ],
)
def test_the_verdict_on_a_fleet(shards: tuple[ShardReport, ...], verdict: str) -> None:
    """It is that on the worst shard, unless the fleet is running or not finished."""
    assert fleet_verdict(fleet(*shards)).words == verdict


def test_the_verdict_on_a_shard() -> None:
    """It is that on its journal; an error comes first."""
    every = (DONE, NOTHING, PARTLY, LATER, KILLED, STOPPED, BROKEN, UNDONE, BLOCKED)
    assert [shard_verdict(one).words for one in every] == [
        "Done", "Done", "Partly done", "Not started", "Unfinished", "Stopped", "Failed", "Undone",
        "Partly done",
    ]  # fmt: skip


def test_the_sentences_count_shards_and_operations() -> None:
    """Those without a journal have no operations."""
    first, second = sentences(of_every_state(), "workspace")
    assert first == "5 shards: 2 done, 2 failed, 1 not begun."
    assert second.startswith("313 of 324 workspaces changed, 5 failed")
    assert sentences(fleet(UNDONE, LATER), "operation") == ["2 shards: 1 undone, 1 not begun."]
    assert sentences(fleet(LATER), "operation") == ["1 shard: 1 not begun."]
    assert sentences(fleet(), "operation") == ["0 shards."]


def test_the_last_sentence_says_why_a_fleet_is_stopped() -> None:
    """And what to do about it."""
    stopped = "Stopped: 1 shard failed. --continue lets the other shards begin."
    assert sentences(replace(fleet(LATER), stopped="1 shard failed"), "operation")[-1] == stopped
    assert sentences(replace(of_every_state(), stopped="1 shard failed"), "run task")[2] == stopped
