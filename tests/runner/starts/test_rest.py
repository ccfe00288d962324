"""Outside its windows a job rests: nothing begins, and everything else goes on as before."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import datetime, timedelta
from functools import partial
from xml.etree import ElementTree

import anyio
import msgspec
import pytest

from bulkops.api.messages import Request
from bulkops.errors import ExitCode, JobError, JournalWriteFailed
from bulkops.events import Status
from bulkops.job.job import Job, job_from_builtins
from bulkops.journal.states import How, Outcome
from bulkops.report import csv_table, html, junit, markdown, text
from bulkops.report.json_document import document
from bulkops.report.model import exit_code, report
from bulkops.simulator.core import Simulator
from tests.engine.permits import Lost
from tests.engine.wire import Trouble
from tests.engine.world import EPOCH, MANDATORY, PATH, World, job

SIZE = 16
OPENS = "2026-11-25T07:00:00.000Z"
"""The second opening of ``WINDOWS``; the world begins at 21:00 UTC."""

WINDOWS = ["Tue 22:00-22:01 Europe/Berlin", "Wed 08:00-16:00 Europe/Berlin"]
"""The first one closes after a few operations of a job that has one in flight."""

LAST = "prod-9"
"""The last workspace by name."""

UNDO = PATH.with_name("undo.jsonl")


def windowed(*windows: str, kind: str = "attach", **rollout: object) -> Job:
    """Return a job with one operation in flight and these windows, else ``WINDOWS``."""
    table = {"windows": list(windows or WINDOWS), "max_failures": "100%", **rollout}
    return job(kind, rollout=table, pace={"max_at_once": 1})


def slow(*, attached: bool = False) -> World:
    """Return a world in which the first of ``WINDOWS`` is too short for a job."""
    return World(workspaces=SIZE, latency=3.0, attached=attached)


def at(world: World) -> datetime:
    """Return the date and time of the world."""
    return EPOCH + timedelta(seconds=world.elapsed)


def sent_at(world: World) -> list[datetime]:
    """Return a list to which the time of each write is added as it leaves."""
    times: list[datetime] = []

    def spy(request: Request) -> None:
        if request.writes:
            times.append(at(world))

    world.wire.spies.append(spy)
    return times


def outside(times: list[datetime]) -> list[datetime]:
    """Return the times outside ``WINDOWS``."""
    first = datetime.fromisoformat("2026-11-24T21:01Z")
    opens, closes = (datetime.fromisoformat(f"2026-11-25T{hour}:00Z") for hour in ("07", "15"))
    return [time for time in times if not (time < first or opens <= time < closes)]


def test_what_is_in_flight_finishes_and_the_rest_waits_for_the_next_window() -> None:
    """When its window closes, the job rests until the next opens, and then ends as usual."""
    world = slow()
    times = sent_at(world)
    replay = world.apply(windowed())
    assert replay.ended is not None
    assert replay.ended.how == How.COMPLETE
    assert world.all_shown() == [MANDATORY] * SIZE
    assert outside(times) == []
    began, ended = world.rests
    assert (began.until, began.local, began.zone) == (
        OPENS,
        "2026-11-25T08:00:00+01:00",
        "Europe/Berlin",
    )
    assert 0 < sum(f"{time:%H}" == "21" for time in times) < SIZE
    assert (ended.until, ended.at) == ("", OPENS)
    assert len(replay.executions) == 1
    assert replay.rest is None


def test_a_rest_is_no_outage_and_fails_nothing() -> None:
    """Hours without a request are not an outage, and no operation fails because of them."""
    world = slow()
    replay = world.apply(windowed(max_failures=0))
    assert replay.count(Outcome.SUCCEEDED) == SIZE
    assert all(result.attempts == 1 for _operation, result in world.results)
    assert len(world.wire.writes) == SIZE


def test_after_a_rest_the_server_is_read_again() -> None:
    """What was changed outside the job during the rest is a conflict, and not overwritten."""
    world = slow(attached=True)
    world.start(windowed(kind="update"))

    async def work() -> None:
        def change() -> None:
            last = world.simulator.attachments(LAST, "security-scan")[0]
            last.stages = ("pre_apply",)

        asyncio.get_running_loop().call_later(5 * 3600, change)
        await world.executed()

    world.run(work)
    replay = world.journaled()
    assert replay.count(Outcome.CONFLICT) == 1
    assert world.shown(LAST) == [("advisory", ("pre_apply",))]
    assert replay.count(Outcome.SUCCEEDED) == SIZE - 1


def test_a_signal_ends_a_rest_at_once() -> None:
    """It ends as after any signal, and the next execution rests for what is left of the time."""
    world = slow()
    world.start(windowed())

    async def work() -> None:
        def interrupt() -> None:
            assert world.execution is not None
            world.execution.interrupt("SIGTERM", 5.0)

        asyncio.get_running_loop().call_later(3600.0, interrupt)
        await world.executed()
        assert anyio.current_time() == pytest.approx(3600.0, abs=0.1)

    world.run(work)
    stopped = world.journaled()
    assert stopped.ended is not None
    assert stopped.ended.how == "SIGTERM"
    assert report(stopped).rest is None
    done = world.resume()
    assert exit_code(done) == ExitCode.DONE
    assert [rest.until for rest in world.rests] == [OPENS, OPENS, ""]


def test_killed_while_it_rests() -> None:
    """The journal says until when it rested; resumed, it does every change once, in a window."""
    world = slow()
    times = sent_at(world)
    world.start(windowed())
    assert world.until_stopped(after=4 * 3600.0) is None
    world.disk.power_on()
    left = world.journaled()
    assert left.rest is not None
    assert left.rest.until == OPENS
    assert report(left, killed=True).rest is None
    done = world.resume()
    assert exit_code(done) == ExitCode.DONE
    assert world.effects() == dict.fromkeys(world.names, 1)
    assert outside(times) == []


def test_instead_of_resting_it_ends_with_6() -> None:
    """With ``--exit-outside-window``, what is in flight finishes, and nothing else begins."""
    world = slow()
    world.start(windowed())
    replay = world.resume(exit_outside_window=True)
    assert replay.ended is not None
    assert (replay.ended.how, exit_code(replay)) == (How.WINDOW, ExitCode.PAUSED)
    done = replay.count(Outcome.SUCCEEDED)
    assert 0 < done < SIZE
    resting = report(replay).rest
    assert resting is not None
    assert resting.until == OPENS
    shown = msgspec.json.decode("".join(document(report(replay))))["rest"]
    assert shown.keys() == {"at", "until", "local", "zone"}
    again = world.resume(exit_outside_window=True)
    assert exit_code(again) == ExitCode.PAUSED
    assert again.count(Outcome.SUCCEEDED) == done
    world.pause = 12 * 3600.0
    world.resume(exit_outside_window=True)
    assert exit_code(world.resume(exit_outside_window=True)) == ExitCode.DONE
    assert world.effects() == dict.fromkeys(world.names, 1)


def test_every_report_says_until_when_it_rests() -> None:
    """In the same words in all formats; the JSON report has the same fields as status."""
    world = slow()
    world.start(windowed())
    made = report(world.resume(exit_outside_window=True))
    words = "outside its windows until 2026-11-25 08:00:00 Europe/Berlin (2026-11-25 07:00:00 UTC)"
    rest = msgspec.json.decode("".join(document(made)))["rest"]
    assert rest == msgspec.to_builtins(Status.of(made))["rest"]
    assert rest["until"] == OPENS
    rows = list(csv.DictReader(io.StringIO("".join(csv_table.document(made)))))
    assert {row["reason"] for row in rows if row["outcome"] == "pending"} == {words}
    suites = ElementTree.fromstring("".join(junit.document(made)))  # noqa: S314 - its own text
    assert {one.attrib["message"] for one in suites.iter("skipped")} == {f"not started: {words}"}
    (named,) = [one for one in suites.iter("property") if one.attrib["name"] == "rest_until"]
    assert named.attrib["value"] == OPENS
    assert words in "".join(markdown.document(made))
    assert words.partition("until ")[2] in "".join(html.document(made))
    assert f"  {words}" in list(text.lines(made))


@pytest.mark.parametrize("hours", [9.0, 10.5])
def test_a_wall_clock_that_is_set_is_noticed_within_a_minute(hours: float) -> None:
    """Set forward during a rest, it opens the window a minute later at most."""
    world = slow()
    world.start(windowed())

    async def work() -> None:
        def jump() -> None:
            world.astray = hours * 3600

        asyncio.get_running_loop().call_later(3600.0, jump)
        await world.executed()

    world.run(work)
    assert exit_code(world.journaled()) == ExitCode.DONE
    assert 3600.0 < world.elapsed - world.pause < 3600.0 + 60 + 200


def test_a_wall_clock_that_is_set_back_is_believed() -> None:
    """The job then rests until the window that opens first by that clock."""
    world = slow()
    world.start(windowed())

    async def work() -> None:
        def jump() -> None:
            world.astray = -2 * 3600.0

        asyncio.get_running_loop().call_later(3600.0, jump)
        await world.executed()

    world.run(work)
    assert exit_code(world.journaled()) == ExitCode.DONE
    before_midnight = "2026-11-24T21:00:00.000Z"
    untils = [rest.until for rest in world.rests]
    assert untils == [OPENS, before_midnight, ""]


def test_what_an_outage_held_up_does_not_begin_outside_the_window() -> None:
    """Sent again are only operations that were sent before the window closed."""
    world = World(workspaces=SIZE, server=partial(Simulator, rate=30))
    times = sent_at(world)
    began: list[float] = []

    def trouble(request: Request) -> Trouble | None:
        if request.writes and len(world.simulator.effects) >= 1:
            began.append(world.now())
        return Trouble("503") if began and world.now() < 90 else None

    world.wire.troubles = trouble
    rollout = {"windows": WINDOWS, "max_failures": "100%"}
    replay = world.apply(job(rollout=rollout, pace={"max_at_once": 12}))
    assert exit_code(replay) == ExitCode.DONE
    assert world.effects() == dict.fromkeys(world.names, 1)
    sent = [request.path for request in world.wire.writes]
    late = {path for path, time in zip(sent, times, strict=True) if time in outside(times)}
    early = {path for path, time in zip(sent, times, strict=True) if time < min(outside(times))}
    assert 0 < len(late) < SIZE // 2
    assert late <= early


def test_what_failed_is_retried_once_not_after_every_rest() -> None:
    """``--retry-failed`` concerns what had failed before the execution began."""
    world = World(workspaces=60, latency=3.0)
    names = world.simulator.world.organizations["acme"].workspaces
    refused = {names[name].id for name in world.names[:2]}

    def trouble(request: Request) -> Trouble | None:
        return Trouble("403") if request.writes and _of(request) in refused else None

    def attempts() -> int:
        return sum(_of(request) in refused for request in world.wire.writes)

    async def briefly() -> None:
        def interrupt() -> None:
            assert world.execution is not None
            world.execution.interrupt("SIGINT", 60.0)

        asyncio.get_running_loop().call_later(30.0, interrupt)
        await world.executed()

    world.wire.troubles = trouble
    world.start(windowed("21:00-21:03 UTC", WINDOWS[1]))
    world.run(briefly)
    assert attempts() == 2
    world.resume(retry_failed=True)
    assert len(world.rests) == 2
    assert attempts() == 4


def _of(request: Request) -> str:
    """Return the id of the workspace that a request is about."""
    return next((part for part in request.path.split("/") if part.startswith("ws-")), "")


def test_an_undo_has_no_windows() -> None:
    """Whoever reverts a change at night need not wait for the morning."""
    world = World(workspaces=3)
    world.apply(windowed())
    plan = world.start_undo(PATH, UNDO)
    assert plan.rollout.windows == ()
    began = world.elapsed
    undone = world.resume(path=UNDO)
    assert exit_code(undone) == ExitCode.DONE
    assert world.elapsed - began < 60
    assert not any(world.all_shown())


def test_a_journal_that_another_process_took_over_ends_the_rest() -> None:
    """The permit is asked every minute, so that no process rests for nothing."""
    world = slow()
    world.start(windowed())
    world.permit = Lost(world.now, at=7200.0)
    with pytest.raises(JournalWriteFailed):
        world.resume()
    assert world.elapsed - world.pause < 7200.0 + 61


def test_a_job_with_nothing_left_does_not_rest() -> None:
    """A finished job is verified at any time."""
    world = World(workspaces=2)
    world.apply(windowed("21:00-22:00 UTC"))
    world.pause = 0
    world.astray = 5 * 3600.0
    assert exit_code(world.resume()) == ExitCode.DONE
    assert world.rests == []


def test_pauses_and_gates_do_not_wait_for_a_window() -> None:
    """Only operations do: a wave that ends just before the closing is paused and gated."""
    world = slow()
    replay = world.apply(windowed(waves=["2"], pause="1h", gate="true"))
    assert exit_code(replay) == ExitCode.DONE
    passed = [wave for wave in world.waves if wave.reached == "passed"]
    assert passed[0].at < "2026-11-24T22:30"
    assert passed[1].at > OPENS
    assert world.effects() == dict.fromkeys(world.names, 1)


def test_an_unknown_time_zone_sends_nothing() -> None:
    """The journal of another machine may name one: an error in words."""
    world = World(workspaces=2)
    world.start(windowed("08:00-16:00 Europe/Atlantis"))
    asked = len(world.wire.asked)
    with pytest.raises(JobError, match=r"windows\[0\] = .*: time zone Europe/Atlantis: not in"):
        world.resume()
    assert len(world.wire.asked) == asked


def test_windows_are_no_part_of_the_digest() -> None:
    """A job with other windows resumes the same journal, and a job without has no such field."""
    one, other, none = windowed(), windowed("00:00-24:00 UTC"), job(pace={"max_at_once": 1})
    assert one.digest == other.digest == none.digest


STEPS = (
    {"kind": "attach", "task": "security-scan", "enforcement_level": "mandatory"},
    {"kind": "workspace-update", "terraform_version": "1.9.8"},
)


def of_steps() -> Job:
    """Return a job of two steps on each workspace, which the first of ``WINDOWS`` interrupts."""
    return job_from_builtins(
        {
            "name": "scan",
            "organization": "acme",
            "operation": list(STEPS),
            "select": {"all": True},
            "rollout": {"windows": WINDOWS, "max_failures": "100%"},
            "pace": {"max_at_once": 3},
        }
    )


def begun_and_whole(world: World) -> tuple[int, int]:
    """Return on how many workspaces the first step is done, and on how many both are."""
    first = {name for name in world.names if world.shown(name)}
    workspaces = world.simulator.world.organizations["acme"].workspaces
    second = {name for name in world.names if workspaces[name].terraform_version == "1.9.8"}
    return len(first), len(first & second)


def test_a_workspace_that_has_begun_is_finished_after_its_window() -> None:
    """No workspace rests between two steps: the last ones are finished, and no other one begins."""
    world = World(workspaces=SIZE, latency=4.0)
    times = sent_at(world)
    world.start(of_steps())
    replay = world.resume(exit_outside_window=True)
    assert exit_code(replay) == ExitCode.PAUSED
    first, whole = begun_and_whole(world)
    assert 0 < first == whole < SIZE
    late = outside(times)
    assert 0 < len(late) <= 3
    assert max(late) < datetime.fromisoformat("2026-11-24T21:01:10Z")
    world.pause = 12 * 3600.0
    assert exit_code(world.resume()) == ExitCode.DONE
    assert begun_and_whole(world) == (SIZE, SIZE)


@pytest.mark.parametrize(("seconds", "late"), [(60.5, 0), (62.0, 3)])
def test_killed_after_its_window_between_two_steps(seconds: float, late: int) -> None:
    """Resumed outside every window, nothing is sent; in the next one, each change is made once."""
    world = World(workspaces=SIZE, latency=4.0)
    times = sent_at(world)
    world.start(of_steps())
    assert world.until_stopped(after=seconds - world.elapsed) is None
    world.disk.power_on()
    first, whole = begun_and_whole(world)
    assert whole < first
    sent = len(times)
    outside_again = world.resume(exit_outside_window=True)
    assert outside_again.ended is not None
    assert outside_again.ended.how == How.WINDOW
    assert len(times) == sent
    assert exit_code(world.resume()) == ExitCode.DONE
    assert begun_and_whole(world) == (SIZE, SIZE)
    assert world.effects() == dict.fromkeys(world.names, 2)
    assert len(outside(times)) == late


def test_what_comes_after_other_targets_waits_for_the_next_window() -> None:
    """A run task is deleted after its detaches: it is not one of their workspaces."""
    # The last of ten detaches is in flight when the first window closes.
    world = World(workspaces=10, latency=3.0, attached=True)
    times = sent_at(world)
    world.start(windowed(kind="task-delete"))
    replay = world.resume(exit_outside_window=True)
    assert replay.count(Outcome.SUCCEEDED) == 10
    assert replay.ended is not None
    assert replay.ended.how == How.WINDOW
    assert exit_code(world.resume()) == ExitCode.DONE
    assert (len(times), outside(times)) == (11, [])
