"""A write whose answer is lost is neither repeated blindly, nor forgotten, nor guessed."""

from __future__ import annotations

import asyncio

import anyio
import msgspec
import pytest

from bulkops.api.messages import Request, Response
from bulkops.errors import NoResponse
from bulkops.journal.records import Result
from bulkops.journal.states import Outcome
from bulkops.report.model import exit_code
from bulkops.runner.activity import Activity
from bulkops.simulator.faults import Fault
from bulkops.simulator.state import WorkspaceTask
from tests.engine import wire
from tests.engine.scripts import METHODS, Script, always, both, reads_back, writes
from tests.engine.wire import NEVER_LEFT, Trouble
from tests.engine.world import ADVISORY, PATH, World, job
from tests.engine.worlds import check_done, world_for
from tests.kinds import AS_DESIRED, CASES, TASK
from tests.sampling import swept
from tests.virtual_time import VirtualTimeLoop

STRUCK = [
    (kind, nth)
    for kind, case in CASES.items()
    if not case.write_only
    for nth in range(len(case.writes))
]
"""Each kind, and which of its writes to a target is struck."""

every_write = pytest.mark.parametrize(("kind", "nth"), STRUCK)
DONE_BUT_LOST = [
    "500-after", "502-after", "503-after", "504-after", "close-after", "reset-after", "hang-after",
    "cut",
]  # fmt: skip
LOST_ON_THE_WAY = [
    "500", "502-html", "502-empty", "503", "close-before", "reset-before", "hang-before",
]  # fmt: skip


LOOKS = 7
"""Readings of one target while a loss settles: after 0, 0.5, 1, 2, 4, 8 and 10 s."""


def unreadable() -> Script:
    """Let a proxy's page answer every reading of a target."""
    return reads_back(*[Trouble("html-200")] * LOOKS)


def only_result(world: World) -> Result:
    """Return the only result."""
    ((_, result),) = world.results
    return result


def struck(world: World, kind: str, nth: int) -> Result:
    """Return the n-th reported result, of as many as the kind has writes."""
    assert len(world.results) == len(CASES[kind].writes)
    return world.results[nth][1]


def every(kind: str, nth: int, trouble: Trouble) -> Script:
    """Let the trouble strike each of the requests with the n-th write's method."""
    return always(lambda request: request.method == CASES[kind].writes[nth], trouble)


def nth_write(nth: int, *troubles: Trouble | None) -> Script:
    """Let each trouble strike one write after the other, from the n-th on."""
    return writes(*[None] * nth, *troubles)


def check_once(world: World, kind: str, sent: int) -> None:
    """Check that each write was done once, though so many were sent."""
    check_done(world, kind)
    assert len(world.wire.writes) == sent


@pytest.mark.parametrize(("write", "fault"), swept(STRUCK, DONE_BUT_LOST, every=3))
def test_done_but_not_heard_of_is_adopted(write: tuple[str, int], fault: str) -> None:
    """Read back immediately and found as desired: adopted, not sent again."""
    kind, nth = write
    world = world_for(kind)
    world.wire.troubles = nth_write(nth, Trouble(fault))
    world.apply(job(kind))
    result = struck(world, kind, nth)
    assert (result.outcome, result.ours, result.attempts) == (Outcome.SUCCEEDED, True, 1)
    # A DELETE has no body to cut: its answer arrives.
    heard = CASES[kind].writes[nth] == "DELETE" and fault == "cut"
    assert ("its answer was lost" in result.reason) != heard
    check_once(world, kind, len(CASES[kind].writes))


@pytest.mark.parametrize("strict", [False, True])
def test_a_wait_for_lost_answers_tells_its_length(strict: bool) -> None:  # noqa: FBT001 - a case
    """While it settles, the execution says how many answers were lost and how long it waits."""
    world = World(workspaces=3)
    world.wire.troubles = writes(Trouble("reset-before"), None, None)
    world.start(job(rollout={"max_failures": 3, "strict": strict}))
    observed = list[Activity]()

    async def look() -> None:
        await anyio.sleep(4)
        assert world.execution is not None
        observed.append(world.execution.activity())

    async def executed() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(look)
            await world.executed()

    world.run(executed)
    assert (observed[0].in_flight, observed[0].waiting) == (1, 1)
    assert 6 <= observed[0].settle_seconds < 7


@pytest.mark.parametrize(("write", "fault"), swept(STRUCK, LOST_ON_THE_WAY, every=3))
def test_lost_on_the_way_is_sent_again_only_after_settling(
    write: tuple[str, int], fault: str
) -> None:
    """As before at first and past ``settle``: sent again, under a new intent."""
    kind, nth = write
    world = world_for(kind)
    sent_at: list[float] = []
    world.wire.spies = [lambda request: sent_at.append(world.now()) if request.writes else None]
    world.wire.troubles = nth_write(nth, Trouble(fault))
    world.apply(job(kind))
    result = struck(world, kind, nth)
    assert (result.outcome, result.ours, result.attempts) == (Outcome.SUCCEEDED, True, 2)
    check_done(world, kind)
    assert sent_at[nth + 1] - sent_at[nth] >= 10
    intents = world.disk.content(PATH).count(b'"type":"intent"')
    assert intents == len(CASES[kind].writes) + 1


@pytest.mark.parametrize(
    ("write", "fault", "seconds"),
    swept(STRUCK, ["close-after", "504-after", "hang-after"], [0.01, 0.5, 5.0, 9.9], every=5),
)
def test_an_effect_that_lands_late_is_waited_for(
    write: tuple[str, int], fault: str, seconds: float
) -> None:
    """An effect, or a read that shows it, may come within ``settle``: done once."""
    kind, nth = write
    world = world_for(kind)
    world.wire.troubles = nth_write(nth, Trouble(fault, lands_after=seconds))
    world.apply(job(kind))
    assert struck(world, kind, nth).outcome is Outcome.SUCCEEDED
    check_once(world, kind, len(CASES[kind].writes))


@pytest.mark.parametrize(("seconds", "seen"), [(0.3, 0.5), (0.9, 1), (1.5, 2), (3, 4), (6, 8)])
@pytest.mark.parametrize("kind", METHODS)
def test_a_late_effect_is_seen_long_before_it_settles(
    kind: str, seconds: float, seen: float
) -> None:
    """Nothing else is left to do: read at growing intervals, and over when it is done."""
    world = World(workspaces=20, attached=kind != "attach")
    world.start(job(kind))
    world.wire.troubles = writes(
        *[None] * 12, Trouble("close-after", lands_after=seconds), *[None] * 7
    )
    began = world.elapsed
    assert exit_code(world.resume()) == 0
    took = world.elapsed - world.pause - began
    assert seen < took < seen + 1
    assert len(world.wire.writes) == 20


def test_a_lost_removal_of_a_replace_is_adopted_at_once() -> None:
    """Nothing follows it: it is done when a reading shows it, as a detach is."""
    world = world_for("replace", 20)
    world.start(job("replace"))
    world.wire.troubles = writes(*[None] * 39, Trouble("close-after"))
    began = world.elapsed
    assert exit_code(world.resume()) == 0
    assert world.elapsed - world.pause - began < 3
    check_done(world, "replace")


def test_a_lost_answer_costs_no_reading_while_others_can_start() -> None:
    """The rate is shared: it is read back early only if there is nothing else to send."""
    world = World(workspaces=200)
    looks: list[int] = []
    world.wire.spies = [
        lambda request: (
            looks.append(len(world.wire.writes))
            if not request.writes and "/workspaces/ws-" in request.path
            else None
        )
    ]
    world.wire.troubles = writes(Trouble("reset-before"))
    assert exit_code(world.apply(job())) == 0
    # At once; when it settles and before, all others are done.
    assert looks[0] < 20
    assert set(looks[1:]) == {200}
    assert len(looks) <= 3


@pytest.mark.parametrize("kind", ["attach", "detach", "workspace-update"])
def test_one_list_shows_what_many_lost_answers_did(kind: str) -> None:
    """Every second answer is lost: early readings take one request for all of them."""
    world = world_for(kind, 40)
    world.start(job(kind, rollout={"max_failures": "100%"}))
    world.wire.troubles = writes(*[Trouble("close-after", lands_after=3.0), None] * 20)
    began, asked = world.elapsed, len(world.wire.asked)
    assert exit_code(world.resume()) == 0
    assert 5 < world.elapsed - world.pause - began < 7
    assert len(world.wire.writes) == 40
    # A ping, 20 readings at once and 20 of what is done, the first and last list, and others.
    lists = len(world.wire.asked) - asked - 40 - 1 - 20 - 20 - 2
    assert 4 <= lists <= 12


def test_an_unreadable_list_keeps_no_target_from_being_read() -> None:
    """The list saves requests; without it, each target is read by itself."""
    world = World(workspaces=8)
    world.start(job(rollout={"max_failures": "100%"}))
    began = world.elapsed

    def no_list(request: Request) -> Trouble | None:
        waiting = world.execution is not None and world.execution.activity().waiting
        listed = waiting and "relationships" in request.path
        return Trouble("html-200") if listed else None

    world.wire.troubles = both(
        writes(*[Trouble("close-after", lands_after=1.5), None] * 4), no_list
    )
    assert exit_code(world.resume()) == 0
    assert world.elapsed - world.pause - began < 3


def test_a_suspended_process_reads_back_when_it_continues() -> None:
    """The times of several early readings have passed meanwhile."""
    world = World(workspaces=40)
    world.start(job(pace={"max_at_once": 1}))

    def stall(request: Request) -> None:
        if request.writes and len(world.wire.writes) == 10:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualTimeLoop)
            loop.stall(5.0)

    world.wire.spies = [stall]
    world.wire.troubles = writes(Trouble("close-after", lands_after=1.0))
    assert exit_code(world.resume()) == 0
    assert len(world.wire.writes) == 40


@every_write
def test_each_loss_waits_for_settle(kind: str, nth: int) -> None:
    """The second effect lands late and is found."""
    world = world_for(kind)
    world.wire.troubles = nth_write(
        nth, Trouble("reset-before"), Trouble("close-after", lands_after=9.0)
    )
    world.apply(job(kind))
    assert struck(world, kind, nth).outcome is Outcome.SUCCEEDED
    check_once(world, kind, len(CASES[kind].writes) - 1 + 2)


@every_write
def test_a_request_that_never_left_is_sent_again(kind: str, nth: int) -> None:
    """A refused connection loses nothing: no reading, no waiting."""
    world = world_for(kind)
    world.wire.troubles = nth_write(nth, Trouble(NEVER_LEFT), Trouble(NEVER_LEFT))
    world.apply(job(kind))
    result = struck(world, kind, nth)
    assert (result.outcome, result.attempts, result.reason) == (Outcome.SUCCEEDED, 3, "")
    check_done(world, kind)


@every_write
def test_a_429_is_not_a_failure(kind: str, nth: int) -> None:
    """It wasn't carried out: the client waits and sends it again, as often as necessary."""
    world = world_for(kind)
    world.wire.troubles = nth_write(nth, *[Trouble("429")] * 8)
    world.apply(job(kind, rollout={"max_failures": 0}))
    assert struck(world, kind, nth).outcome is Outcome.SUCCEEDED
    check_done(world, kind)


@every_write
def test_a_server_that_can_not_be_reached_stops_the_job(kind: str, nth: int) -> None:
    """No operation fails: the same command resumes when the server is back."""
    world = world_for(kind)
    world.wire.troubles = every(kind, nth, Trouble(NEVER_LEFT))
    with pytest.raises(NoResponse, match="connection refused"):
        world.apply(job(kind))
    reported = world.journaled()
    assert (reported.count(Outcome.FAILED), reported.ended and reported.ended.how) == (0, "error")
    world.wire.troubles = lambda _request: None
    assert exit_code(world.resume()) == 0
    check_done(world, kind)


@every_write
def test_a_write_that_is_always_answered_503_fails(kind: str, nth: int) -> None:
    """Reads work: the operation fails after some attempts, not never."""
    world = world_for(kind)
    world.wire.troubles = every(kind, nth, Trouble("503"))
    world.apply(job(kind))
    result = struck(world, kind, nth)
    assert result.outcome is Outcome.FAILED
    assert "503" in result.reason
    assert world.effects().total() == nth
    assert 2 <= len(world.wire.writes) - nth <= 10
    others = [reported for at, (_, reported) in enumerate(world.results) if at > nth]
    assert all("not tried" in reported.reason for reported in others)


@every_write
def test_what_is_unreadable_for_a_moment_is_read_again(kind: str, nth: int) -> None:
    """A proxy's page instead of the list: it is done, not in doubt."""
    world = world_for(kind)
    world.wire.troubles = both(
        nth_write(nth, Trouble("reset-after")), reads_back(Trouble("html-200"))
    )
    world.apply(job(kind, rollout={"max_failures": "100%"}))
    assert struck(world, kind, nth).outcome is Outcome.SUCCEEDED
    check_once(world, kind, len(CASES[kind].writes))


@every_write
def test_what_can_not_be_read_back_is_in_doubt(kind: str, nth: int) -> None:
    """Lost and unreadable past ``settle``: in doubt, and read back by the next execution."""
    world = world_for(kind)
    world.start(job(kind, rollout={"max_failures": "100%"}))
    world.wire.troubles = both(nth_write(nth, Trouble("reset-after")), unreadable())
    world.resume()
    # Its follower is pending, and has no result.
    assert len(world.results) == nth + 1
    _, result = world.results[nth]
    assert result.outcome is Outcome.IN_DOUBT
    assert "could not be read back" in result.reason
    world.wire.troubles = lambda _request: None
    replay = world.resume()
    assert replay.count(Outcome.SUCCEEDED) == len(replay.operations)
    check_once(world, kind, len(CASES[kind].writes))


def test_a_refusal_after_a_loss_that_can_not_be_read_back_is_in_doubt() -> None:
    """The 422 may be due to the lost attach of this job."""
    world = World(workspaces=1)
    world.start(job(rollout={"max_failures": "100%"}))
    # The first effect lands past the bound that is assumed, so the second attach is refused.
    world.wire.troubles = both(
        writes(Trouble("close-after", lands_after=10.08)),
        reads_back(*[None] * LOOKS, *[Trouble("html-200")] * LOOKS),
    )
    world.resume()
    assert [request.method for request in world.wire.writes] == ["POST", "POST"]
    assert only_result(world).outcome is Outcome.IN_DOUBT
    world.wire.troubles = lambda _request: None
    replay = world.resume()
    (progress,) = replay.having(Outcome.SUCCEEDED)
    assert progress.result is not None
    assert progress.result.ours
    assert world.effects() == {"prod-0": 1}


def test_a_change_outside_the_job_after_a_loss_is_a_conflict() -> None:
    """The attach was lost, and another one has another level: left alone."""
    world = World(workspaces=1)
    world.wire.troubles = writes(
        Trouble("reset-before", meanwhile=lambda: attach_outside_the_job(world))
    )
    world.apply(job())
    result = only_result(world)
    assert result.outcome is Outcome.CONFLICT
    assert "the server shows advisory at post_plan" in result.reason
    assert world.shown("prod-0") == ADVISORY
    assert len(world.wire.writes) == 1


def attach_outside_the_job(world: World, enforcement_level: str = "advisory") -> None:
    """Attach the run task to the first workspace outside the job."""
    world.simulator.attach("prod-0", TASK, enforcement_level=enforcement_level)


@pytest.mark.parametrize("kind", ["update", "detach"])
def test_a_new_attachment_is_not_the_planned_one(kind: str) -> None:
    """The same attributes under another id: a conflict, not ours."""
    world = world_for(kind)

    def attach_again() -> None:
        world.simulator.detach("prod-0", TASK)
        attach_outside_the_job(world)

    world.wire.troubles = writes(Trouble("reset-before", meanwhile=attach_again))
    world.apply(job(kind))
    assert only_result(world).outcome is Outcome.CONFLICT
    assert world.shown("prod-0") == ADVISORY


def test_a_new_attachment_as_desired_is_not_ours() -> None:
    """Done, but under another id: an undo leaves it."""
    world = world_for("update")

    def attach_again() -> None:
        world.simulator.detach("prod-0", TASK)
        attach_outside_the_job(world, "mandatory")

    world.wire.troubles = writes(Trouble("reset-before", meanwhile=attach_again))
    world.apply(job("update"))
    result = only_result(world)
    assert (result.outcome, result.ours) == (Outcome.SUCCEEDED, False)


def test_a_duplicate_past_settle_is_reported() -> None:
    """An effect later than ``settle``, on a server that accepts duplicates: it differs."""
    world = World(workspaces=1)
    world.simulator.duplicate_attach = "accept"
    world.wire.troubles = writes(Trouble("close-after", lands_after=10.08))
    replay = world.apply(job())
    assert len(world.shown("prod-0")) == 2
    assert replay.verified is not None
    assert "2 attachments" in next(iter(replay.verified.differing.values()))


@pytest.mark.parametrize(("fault", "sent"), [("html-200", 2), ("html-200-after", 1)])
@every_write
def test_an_unreadable_answer_counts_as_lost(kind: str, nth: int, fault: str, sent: int) -> None:
    """A proxy's page with status 200 says nothing about the write: it is read back."""
    world = world_for(kind)
    world.wire.troubles = nth_write(nth, Trouble(fault))
    world.apply(job(kind))
    result = struck(world, kind, nth)
    assert (result.outcome, result.ours) == (Outcome.SUCCEEDED, True)
    check_once(world, kind, len(CASES[kind].writes) - 1 + sent)


@pytest.mark.parametrize("kind", ["update", "attach"])
def test_an_answer_about_another_attachment_counts_as_lost(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """It shows what is desired, but elsewhere: it is read back, and the change is sent again."""
    elsewhere = {"workspace": {"data": {"type": "workspaces", "id": "ws-another"}}}
    row = {"type": "workspace-tasks", "attributes": AS_DESIRED, "relationships": elsewhere}
    body = msgspec.json.encode({"data": {"id": "wstask-another", **row}})
    fault = Fault(kind="another", effect=False, answer=Response(200, {}, body))
    monkeypatch.setitem(wire.OWN, "another", fault)
    world = world_for(kind)
    world.wire.troubles = nth_write(0, Trouble("another"))
    world.apply(job(kind))
    assert struck(world, kind, 0).outcome is Outcome.SUCCEEDED
    check_once(world, kind, 2)


def test_a_long_list_is_read_to_its_end() -> None:
    """The attachment is on the second page of its workspace's list."""
    world = World(workspaces=1)
    for number in range(150):
        world.simulator.add_task(f"other-{number}")
        world.simulator.attach("prod-0", f"other-{number}")
    world.wire.troubles = writes(Trouble("close-after"))
    world.apply(job())
    assert only_result(world).outcome is Outcome.SUCCEEDED
    assert world.effects() == {"prod-0": 1}


def test_a_row_on_two_pages_is_one_attachment() -> None:
    """Rows move between pages while they are read: both pages are read again."""
    world = World(workspaces=1)
    for number in range(100):
        world.simulator.add_task(f"other-{number}")
        world.simulator.attach("prod-0", f"other-{number}")

    world.simulator.attach("prod-0", "other-0")

    def whole_list() -> dict[str, WorkspaceTask]:
        return world.simulator.attachments("prod-0", TASK)[0].workspace.tasks

    def put_at_the_end_of_page_one() -> None:
        tasks = whole_list()
        rows = sorted(tasks.items(), key=lambda row: row[1].task.name != TASK)
        rows.insert(99, rows.pop(0))
        tasks.clear()
        tasks.update(rows)

    def move_a_row_back() -> None:
        tasks = whole_list()
        rows = list(tasks.items())
        tasks.clear()
        tasks.update([rows[-1], *rows[:-1]])

    world.wire.troubles = both(
        writes(Trouble("close-after", meanwhile=put_at_the_end_of_page_one)),
        reads_back(Trouble("slow", meanwhile=move_a_row_back)),
    )
    world.apply(job())
    assert only_result(world).outcome is Outcome.SUCCEEDED
    looks = [r for r in world.wire.asked if not r.writes and "/workspaces/ws-" in r.path]
    assert len(looks) == 4
