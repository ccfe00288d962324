"""What a fleet's report says of its exit code and of its sections."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bulkops.errors import ExitCode
from bulkops.fleet.report.model import ShardReport
from bulkops.fleet.waves import State
from tests.fleet.report.samples import fleet, shard
from tests.report.html.samples import many, of_every_outcome

DONE = shard("done", many(3))
LATER = shard("later", state=State.NOT_BEGUN)
RUNS = shard("runs", replace(many(3), exit_code=None, ended=""), state=State.RUNNING)
KILLED = shard("killed", replace(many(3), exit_code=None, ended=""), state=State.INTERRUPTED)
DAMAGED = shard("damaged", state=State.FAILED, problem="?", failed_with=ExitCode.JOURNAL_DAMAGED)
BLOCKED = shard("blocked", blocked=1)


@pytest.mark.parametrize(
    ("shards", "stopped", "code"),
    [
        ((DONE,), "", ExitCode.DONE),
        ((DONE, RUNS), "", None),
        ((DONE, LATER), "", ExitCode.ERROR),
        ((DONE, LATER), "1 shard failed", ExitCode.STOPPED),
        ((KILLED,), "", ExitCode.ERROR),
        ((DONE, DAMAGED), "", ExitCode.JOURNAL_DAMAGED),
        ((DONE, BLOCKED), "", ExitCode.UNFULFILLED),
    ],
)
def test_the_exit_code_is_that_of_watch(
    shards: tuple[ShardReport, ...], stopped: str, code: ExitCode | None
) -> None:
    """The worst of all shards; what has not begun counts."""
    assert replace(fleet(*shards), stopped=stopped).exit_code is code


def test_an_interrupted_shard_has_a_section_only_if_something_went_wrong() -> None:
    """Its line has its counts already."""
    interrupted = {"ended": "SIGINT", "exit_code": ExitCode.INTERRUPTED}
    assert shard("a", replace(many(3), **interrupted, counts={"succeeded": 3})).succeeded
    assert not shard("a", replace(of_every_outcome(), **interrupted)).succeeded
