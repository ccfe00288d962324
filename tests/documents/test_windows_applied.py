"""The ready job with a window does what its first lines say, in virtual time."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from bulkops.api.messages import Request
from bulkops.errors import ExitCode
from bulkops.job.file import load_job
from bulkops.report.model import exit_code
from tests.engine.world import ADVISORY, EPOCH, PATH, World

JOBS = Path(__file__).resolve().parents[2] / "jobs"
MANDATORY = [("mandatory", ("post_plan",))]
UNDO = PATH.with_name("undo.jsonl")
TASK = "license-check"
OPENS, CLOSES = "2026-11-25T07:00:00+00:00", "2026-11-25T15:00:00+00:00"
"""The window of the day after ``EPOCH``, a Tuesday evening."""


def test_the_job_with_a_window_is_killed_resumed_and_undone() -> None:
    """It rests in the evening and is killed; in the morning it is killed and resumed, then undone.

    No write leaves outside the window, except those of the undo.
    """
    world = World(workspaces=30)
    world.simulator.add_task(TASK)
    for name in world.names:
        world.simulator.attach(name, TASK)
    world.simulator.add_workspace("dev-1")
    world.simulator.attach("dev-1", TASK)
    sent: list[datetime] = []

    def spy(request: Request) -> None:
        if request.writes:
            sent.append(EPOCH + timedelta(seconds=world.now()))

    world.wire.spies.append(spy)
    plan = world.start(load_job(JOBS / "office-hours.toml"))
    assert len(plan.operations) == 30

    assert world.until_stopped(after=3600.0) is None
    world.disk.power_on()
    assert sent == []

    world.pause = 0
    assert exit_code(world.resume(exit_outside_window=True)) == ExitCode.PAUSED
    assert sent == []

    # In the middle of the writes that follow the rest.
    opens = datetime.fromisoformat(OPENS) - EPOCH
    assert world.until_stopped(after=opens.total_seconds() - world.elapsed + 1.0) is None
    world.disk.power_on()
    assert 0 < len(sent) < 30
    done = world.resume()
    assert exit_code(done) == ExitCode.DONE
    assert world.all_shown(TASK) == [MANDATORY] * 30
    assert world.shown("dev-1", TASK) == ADVISORY
    assert world.effects() == dict.fromkeys(world.names, 1)
    assert datetime.fromisoformat(OPENS) <= min(sent)
    assert max(sent) < datetime.fromisoformat(CLOSES)

    world.astray = 12 * 3600.0
    world.start_undo(PATH, UNDO)
    assert exit_code(world.resume(path=UNDO)) == ExitCode.DONE
    assert world.all_shown(TASK) == [ADVISORY] * 30
