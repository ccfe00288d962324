"""The notifications of whole executions, in virtual time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path

import anyio
import msgspec
import pytest

from bulkops.client.permit import ALWAYS, Permit
from bulkops.errors import JournalTakenOver, JournalWriteFailed, NoResponse, Unauthorized
from bulkops.job.gate import GateCall
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import ends_of, is_complete, read
from bulkops.journal.records import Notified
from bulkops.journal.replay import Replay
from bulkops.journal.states import Outcome
from bulkops.journal.writer import Journal
from bulkops.notify.attempt import PATIENCE, Attempt
from bulkops.notify.delivery import ATTEMPT_SECONDS, Delivery, attempted
from bulkops.notify.notices import BEAT_SECONDS, GRACE
from bulkops.notify.receivers import Heartbeat
from bulkops.runner.interruption import LAST_SECONDS
from tests.engine.world import PATH, World, job
from tests.notify.hooks import HANGS, NOBODY, UNTRUSTED, Hooks, Scripted, notices
from tests.runner.test_runner import interrupted, refusing

SLOW = {"rollout": {"waves": ["1"], "pause": "4m"}}
"""A job that takes more than four minutes."""


def world_telling(hooks: Hooks, workspaces: int = 3, **how: object) -> World:
    """Return a world whose executions tell these hooks."""
    world = World(workspaces=workspaces)
    world.notices = notices(hooks, **how)  # type: ignore[arg-type]  # the test's own
    return world


def outcomes(replay: Replay) -> list[tuple[str, int, str]]:
    """Return event, attempts and problem of each notification of the last execution."""
    return [(one.event, one.attempts, one.reason) for one in replay.notified]


def test_a_job_tells_that_it_has_started_and_finished() -> None:
    """Each time the event that --json prints, and a sentence; the journal has both outcomes."""
    hooks = Hooks()
    world = world_telling(hooks)
    replay = world.apply(job())
    first, last = (one.members for one in hooks.sent)
    assert (first["event"], first["type"], first["counts"]) == ("started", "status", {"pending": 3})
    assert (last["event"], last["type"], last["exit_code"]) == ("finished", "report", 0)
    assert str(first["text"]).startswith("Started: scan: attach security-scan in acme")
    assert str(last["text"]).splitlines()[1] == "3 succeeded of 3 operations; complete."
    assert outcomes(replay) == [("started", 1, ""), ("finished", 1, "")]
    assert world.journaled().notified == replay.notified


def test_nothing_of_the_url_is_in_the_journal() -> None:
    """The journal names the variable."""
    world = world_telling(Hooks(NOBODY))
    world.apply(job())
    content = world.disk.content(PATH)
    assert b'"receiver":"WEBHOOK"' in content
    assert b"s3cret" not in content
    assert b"hooks.example" not in content


def test_a_plain_job_has_no_such_record() -> None:
    """Its journal is as it was before there was [notify]."""
    world = World(workspaces=3)
    world.apply(job())
    assert b'"type":"notified"' not in world.disk.content(PATH)
    assert b'"notify"' not in world.disk.content(PATH)


def test_each_body_is_signed() -> None:
    """As HCP Terraform signs its own notifications: HMAC-SHA512, in hex."""
    hooks = Hooks()
    world_telling(hooks, key="k3y").apply(job())
    for one in hooks.sent:
        expected = hmac.new(b"k3y", one.request.body, hashlib.sha512).hexdigest()
        assert one.request.headers["x-bulkops-notification-signature"] == expected
        assert one.request.headers["content-type"] == "application/json"


def test_without_a_key_nothing_is_signed() -> None:
    """There is no header with the signature of an empty key."""
    hooks = Hooks()
    world_telling(hooks).apply(job())
    assert [list(one.request.headers) for one in hooks.sent] == [["content-type"]] * 2


def test_only_chosen_events_are_sent() -> None:
    """A job that finishes tells nothing if only "stopped" is wanted."""
    hooks = Hooks()
    assert world_telling(hooks, on=("stopped",)).apply(job()).notified == []
    assert hooks.sent == []


def test_a_manual_pause_is_paused_and_the_next_execution_has_resumed() -> None:
    """A job that waits for --continue is paused; then it has started again, and finished."""
    hooks = Hooks()
    world = world_telling(hooks)
    world.apply(job(rollout={"waves": ["1"], "pause": "manual"}))
    world.resume(continue_paused=True)
    assert hooks.events == ["started", "paused", "started", "finished"]
    texts = [str(one.members["text"]).partition(":")[0] for one in hooks.sent]
    assert texts == ["Started", "Paused", "Resumed", "Finished"]


@pytest.mark.parametrize(("status", "event"), [(1, "stopped"), (7, "paused")])
def test_a_gate_stops_or_pauses(status: int, event: str) -> None:
    """A gate that failed has stopped the job; an inconclusive one has paused it."""
    hooks = Hooks()
    world = world_telling(hooks)

    async def gate(_call: GateCall) -> int:
        return status

    world.gate = gate
    world.apply(job(rollout={"waves": ["1"], "gate": "check"}))
    assert hooks.events == ["started", event]


def test_too_many_failures_stop() -> None:
    """A job that its tolerance ends is stopped; starting it without --continue tells nothing."""
    hooks = Hooks()
    world = world_telling(hooks)
    world.start(job(rollout={"max_failures": 0}))
    refusing(world, names={*world.names})
    world.resume()
    world.resume()
    assert hooks.events == ["started", "stopped"]
    assert "stopped by the failure tolerance" in str(hooks.sent[1].members["text"])


def test_a_signal_stops() -> None:
    """Whoever interrupts a job, the others are told."""
    hooks = Hooks()
    world = world_telling(hooks)
    world.start(job(**SLOW))
    interrupted(world, at=60.0, drain=5.0, signals=("SIGTERM",))
    assert hooks.events == ["started", "stopped"]
    assert "stopped by SIGTERM" in str(hooks.sent[1].members["text"])


def test_an_error_stops() -> None:
    """A token that is revoked ends the job: people are told, and the error is raised as it is."""
    hooks = Hooks()
    world = world_telling(hooks)
    world.start(job())
    world.simulator.tokens = {}
    with pytest.raises(Unauthorized):
        world.resume()
    assert hooks.events == ["started", "stopped"]
    assert "the token is missing, expired or revoked" in str(hooks.sent[1].members["text"])
    assert [one.event for one in world.journaled().notified] == ["started", "stopped"]


def test_a_journal_that_cannot_be_written_stops() -> None:
    """There is no record of it, so the message alone says that the job has stopped."""
    hooks = Hooks()
    world = world_telling(hooks)
    world.start(job())
    world.disk.fail_sync = world.disk.syncs + 3
    with pytest.raises(JournalWriteFailed):
        world.resume()
    assert hooks.events == ["started", "stopped"]
    assert "stopped by an error" in str(hooks.sent[1].members["text"])


def test_a_journal_that_was_taken_over_does_not_stop() -> None:
    """The job goes on in the other process, which tells so itself."""
    hooks = Hooks()
    world = world_telling(hooks)
    world.start(job())

    def keep(
        on_end: Callable[[JournalWriteFailed], None],
        seconds: float,  # noqa: ARG001 - it is lost at the first change
    ) -> AbstractAsyncContextManager[Permit]:
        taken = JournalTakenOver("another process has it")
        world.wire.spies.append(lambda request: on_end(taken) if request.writes else None)
        return nullcontext(ALWAYS)

    contents = read(JournalFile(PATH, world.disk))
    execution = world.prepared(world.hold_of(PATH)._replace(keep=keep), contents)
    with pytest.raises(JournalTakenOver):
        world.run(execution.run)
    assert hooks.events == ["started"]


def test_an_undo_tells_as_well() -> None:
    """Its text says that it is an undo."""
    world, back = World(workspaces=3), Path("no-such-folder", "back.jsonl")
    world.apply(job())
    world.start_undo(PATH, back)
    hooks = Hooks()
    world.notices = notices(hooks)
    world.resume(path=back)
    assert hooks.events == ["started", "finished"]
    assert str(hooks.sent[1].members["text"]).startswith("Finished: scan: undo of attach")
    assert hooks.sent[1].members["undo_of"]


def test_a_shard_says_which_one_it_is() -> None:
    """As all events of a shard do."""
    hooks = Hooks()
    world_telling(hooks, shard="eu").apply(job())
    assert [one.members["shard"] for one in hooks.sent] == ["eu", "eu"]
    assert str(hooks.sent[0].members["text"]).startswith("Started: eu: scan: ")


def test_the_next_steps_are_in_the_text() -> None:
    """What a person runs next."""
    hooks = Hooks()
    world_telling(hooks, next_steps=lambda made: [f"Look at {made.job}."]).apply(job())
    assert str(hooks.sent[1].members["text"]).endswith("\nLook at scan.")


def test_what_fails_is_sent_again() -> None:
    """After 1, 2 and 4 seconds, the same bytes; the journal says how often."""
    hooks = Hooks(500, NOBODY, 429, 200)
    replay = world_telling(hooks, on=("started",)).apply(job(**SLOW))
    assert outcomes(replay) == [("started", 4, "")]
    assert [round(one.at - hooks.sent[0].at) for one in hooks.sent] == [0, 1, 3, 7]
    assert len({one.request.body for one in hooks.sent}) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (301, "answered 301: redirects are not followed, so name the final URL"),
        (404, "answered 404"),
        (UNTRUSTED, str(UNTRUSTED)),
    ],
)
def test_what_cannot_help_is_not_sent_again(answer: int | NoResponse, reason: str) -> None:
    """A redirect, a refusal, an untrusted certificate: one attempt."""
    hooks = Hooks(answer)
    replay = world_telling(hooks, on=("started",)).apply(job(**SLOW))
    assert outcomes(replay) == [("started", 1, reason)]
    assert len(hooks.sent) == 1


def test_it_is_given_up_after_some_minutes() -> None:
    """No attempt begins later than ``PATIENCE`` after the first one."""
    hooks = Hooks(500)
    replay = world_telling(hooks, on=("started",)).apply(
        job(rollout={"waves": ["1"], "pause": "9m"})
    )
    times = [one.at - hooks.sent[0].at for one in hooks.sent]
    assert PATIENCE - 60 < times[-1] <= PATIENCE
    assert outcomes(replay) == [("started", len(times), "answered 500")]


@pytest.mark.parametrize("answer", [HANGS, 500, NOBODY, 301, ZeroDivisionError()], ids=str)
def test_no_receiver_is_in_the_way(answer: Scripted) -> None:
    """The job makes the same requests at the same times, whatever the receiver does."""
    plain, told = World(workspaces=3), world_telling(Hooks(answer), beats=Hooks(answer))
    times = []
    for world in (plain, told):
        asked: list[tuple[float, str]] = []
        world.wire.spies.append(lambda r, w=world, to=asked: to.append((w.now(), r.path)))  # type: ignore[misc]  # the defaults bind
        assert world.apply(job()).count(Outcome.SUCCEEDED) == 3
        times.append(asked)
    assert times[0] == times[1]
    assert told.elapsed - plain.elapsed <= GRACE + 0.1


def test_the_end_waits_for_what_is_on_its_way_and_says_what_was_lost() -> None:
    """A receiver that hangs costs ``GRACE`` seconds at the end, and the journal says so."""
    hooks = Hooks(HANGS)
    replay = world_telling(hooks).apply(job())
    assert hooks.events == ["started", "finished"]
    assert outcomes(replay) == [
        ("started", 1, "no answer yet; given up at the end of the job"),
        ("finished", 1, "no answer yet; given up at the end of the job"),
    ]


def test_a_hanging_attempt_ends() -> None:
    """Then the next one is made."""
    hooks = Hooks(HANGS, 200)
    assert outcomes(world_telling(hooks, on=("started",)).apply(job(**SLOW))) == [
        ("started", 2, "")
    ]
    assert round(hooks.sent[1].at - hooks.sent[0].at) == ATTEMPT_SECONDS + 1


def test_a_start_is_not_told_after_the_end() -> None:
    """What is still being retried then is given up: nobody reads "Started" below "Finished"."""
    hooks = Hooks(500, 500, 500, 200)
    replay = world_telling(hooks).apply(job())
    assert hooks.events[-1] == "finished"
    assert [one for one in outcomes(replay) if one[0] == "finished"] == [("finished", 3, "")]
    assert outcomes(replay)[0][0] == "started"
    assert outcomes(replay)[0][2] == "answered 500"


def test_receivers_do_not_wait_for_each_other() -> None:
    """One that hangs doesn't keep the other one from being told."""
    hanging, hooks = Hooks(HANGS), Hooks()
    world = World(workspaces=3)
    world.notices = notices(hanging, hooks)
    world.apply(job())
    assert hooks.events == ["started", "finished"]


def test_a_second_signal_ends_the_wait() -> None:
    """The command ends at once, and the journal says what was not delivered."""
    hooks = Hooks(HANGS)
    world = world_telling(hooks, on=("stopped",))
    world.start(job(**SLOW))
    began = world.elapsed

    async def twice() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(signals)
            await world.executed()

    async def signals() -> None:
        for seconds in (60, 1):
            await anyio.sleep(seconds)
            assert world.execution is not None
            world.execution.interrupt("SIGTERM", 5.0)

    world.run(twice)
    assert world.elapsed - began - world.pause == pytest.approx(61, abs=0.1)
    assert [one[0] for one in outcomes(world.journaled())] == ["stopped"]


def test_heartbeats_are_sent_while_the_job_runs() -> None:
    """One when it begins, and one a minute; the journal has none that arrived."""
    beats = Hooks()
    replay = world_telling(Hooks(), on=("stopped",), beats=beats).apply(job(**SLOW))
    assert [round((one.at - beats.sent[0].at) / BEAT_SECONDS, 2) for one in beats.sent] == [
        *range(len(beats.sent))
    ]
    assert len(beats.sent) == 5
    assert {(one.request.method, one.request.body) for one in beats.sent} == {("GET", b"")}
    assert replay.notified == []


def test_heartbeats_that_failed_are_in_the_journal() -> None:
    """Once, at the end."""
    beats = Hooks(200, NOBODY, 500, 200)
    replay = world_telling(Hooks(), on=("stopped",), beats=beats).apply(job(**SLOW))
    assert outcomes(replay) == [
        ("heartbeat", 5, "2 of 5 not delivered, the last time: answered 500")
    ]


def test_heartbeats_go_on_after_one_that_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of one is a warning; without the next ones, a monitor would call the job dead."""
    seen = []

    async def second_raises(beat: Callable[[], Awaitable[Attempt]]) -> Attempt:
        seen.append(beat)
        if len(seen) == 2:
            raise ZeroDivisionError
        return await attempted(beat)

    monkeypatch.setattr("bulkops.notify.notices.attempted", second_raises)
    beats = Hooks()
    with caplog.at_level("WARNING", "bulkops"):
        world_telling(Hooks(), on=(), beats=beats).apply(job(**SLOW))
    times = [round((one.at - beats.sent[0].at) / BEAT_SECONDS, 2) for one in beats.sent]
    assert times == [0, 2, 3, 4]
    assert [one.msg for one in caplog.records] == ["notifications_failed"]


def test_the_next_execution_has_notifications_of_its_own() -> None:
    """A report is about the last execution; the journal keeps those of all."""
    hooks = Hooks(404, 200)
    world = world_telling(hooks)
    world.apply(job(rollout={"waves": ["1"], "pause": "manual"}))
    replay = world.resume(continue_paused=True)
    assert outcomes(replay) == [("started", 1, ""), ("finished", 1, "")]
    assert world.disk.content(PATH).count(b'"type":"notified"') == 4


def test_a_journal_with_notifications_after_its_end_is_complete() -> None:
    """Whoever reads only its last line finds the end that they follow."""
    world = world_telling(Hooks())
    world.apply(job())
    file = JournalFile(PATH, world.disk)
    assert world.disk.content(PATH).splitlines()[-1].startswith(b'{"seq":')
    assert b'"type":"notified"' in world.disk.content(PATH).splitlines()[-1]
    assert is_complete(file)
    _, ended = ends_of(file)
    assert ended is not None
    assert ended.how == "complete"


def test_what_follows_the_end_is_written_together() -> None:
    """In a bucket each group is an object, and only the last few are looked at for the end."""
    world = World(workspaces=3)
    others = [Hooks(500, 200), Hooks(500, 500, 200), Hooks(HANGS)]
    world.notices = notices(Hooks(), *others, on=("finished",))
    world.apply(job())
    lines = map(msgspec.json.decode, world.disk.content(PATH).splitlines())
    *_, ended, first, second, third, fourth = lines
    assert ended["type"] == "end"
    assert {one["type"] for one in (first, second, third, fourth)} == {"notified"}
    assert {one["group"] for one in (first, second, third, fourth)} == {first["seq"]}
    assert [one.get("attempts", 1) for one in (first, second, third, fourth)] == [1, 2, 3, 1]


@pytest.mark.parametrize(
    ("drain", "signals", "seconds"),
    [(3.0, 1, 3.0), (3.0, 2, LAST_SECONDS), (0.1, 1, LAST_SECONDS), (60.0, 1, GRACE)],
)
def test_after_a_signal_a_journal_that_cannot_be_written_waits_no_longer(
    drain: float, signals: int, seconds: float
) -> None:
    """The record of the end fails: what people are told then is limited by the drain as well."""
    hooks = [Hooks(HANGS), Hooks(HANGS)]
    worlds = [world_telling(one, on=("stopped",)) for one in hooks]
    for world in worlds:
        world.start(job(**SLOW))
    signal = partial(interrupted, at=60.0, drain=drain, signals=("SIGTERM",) * signals)
    before = worlds[0].disk.syncs
    signal(worlds[0])
    # The last sync is that of what became of the notification.
    worlds[1].disk.fail_sync = worlds[0].disk.syncs - before + worlds[1].disk.syncs - 1
    began = worlds[1].elapsed
    with pytest.raises(ExceptionGroup) as caught:
        signal(worlds[1])
    assert caught.group_contains(JournalWriteFailed)
    assert hooks[1].events == ["stopped"]
    assert worlds[1].elapsed - began - worlds[1].pause == pytest.approx(60 + seconds, abs=0.1)


@pytest.mark.parametrize(
    ("drain", "signals", "seconds"),
    [(3.0, 1, 3.0), (3.0, 2, LAST_SECONDS), (0.1, 1, LAST_SECONDS), (60.0, 1, GRACE)],
)
def test_after_a_signal_the_end_waits_no_longer_than_the_drain(
    drain: float, signals: int, seconds: float
) -> None:
    """A CI system kills the command soon; the last message still has a second to get out."""
    hooks = Hooks(HANGS)
    world = world_telling(hooks, on=("stopped",))
    world.start(job(**SLOW))
    began = world.elapsed
    interrupted(world, at=60.0, drain=drain, signals=("SIGTERM",) * signals)
    assert hooks.events == ["stopped"]
    assert world.elapsed - began - world.pause == pytest.approx(60 + seconds, abs=0.1)


class NeverEntered(AbstractAsyncContextManager[None]):
    """A connection that can't be opened.

    Attributes:
        exits: how often it was closed.
    """

    exits = 0

    async def __aenter__(self) -> None:
        raise ZeroDivisionError

    async def __aexit__(self, *_: object) -> None:
        self.exits += 1


def test_a_connection_that_was_not_opened_is_not_closed() -> None:
    """Only what was entered is left, and the job succeeds."""
    connection = NeverEntered()
    replay = world_telling(Hooks(), connections=[connection]).apply(job())
    assert connection.exits == 0
    assert replay.count(Outcome.SUCCEEDED) == 3


@asynccontextmanager
async def broken(*, entered: bool) -> AsyncIterator[None]:
    """A connection that can't be opened, or not be closed."""
    if not entered:
        raise ZeroDivisionError
    yield
    raise ZeroDivisionError


def in_message(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Have no message be built."""
    monkeypatch.setattr("bulkops.notify.notices.report", lambda *_a, **_k: 1 / 0)
    return {}


def in_record(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Have no record of a notification be written."""
    post = Journal.post

    def refused(journal: Journal, record: object) -> object:
        if isinstance(record, Notified):
            raise ZeroDivisionError
        return post(journal, record)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(Journal, "post", refused)
    return {}


@pytest.mark.parametrize(
    "fault",
    [
        in_message,
        in_record,
        lambda _: {"next_steps": lambda _report: 1 / 0},
        lambda _: {"connections": [broken(entered=False)]},
        lambda _: {"connections": [broken(entered=True)]},
        lambda patch: patch.setattr(Delivery, "run", lambda _: 1 / 0) or {},
        lambda patch: patch.setattr(Heartbeat, "beat", property(lambda _: 1 / 0)) or {},
    ],
    ids=["message", "record", "next steps", "open", "close", "delivery", "beat"],
)
def test_an_exception_ends_no_job(
    fault: Callable[[pytest.MonkeyPatch], dict[str, object]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Wherever it is raised, there is one warning, and every operation succeeds."""
    plain = World(workspaces=3)
    plain.apply(job())
    world = world_telling(Hooks(404), beats=Hooks(500), **fault(monkeypatch))  # type: ignore[arg-type]  # the test's own
    with caplog.at_level("WARNING", "bulkops"):
        replay = world.apply(job())
    assert replay.count(Outcome.SUCCEEDED) == 3
    assert replay.ended is not None
    assert replay.ended.how == "complete"
    assert world.elapsed - plain.elapsed <= GRACE + 0.1
    (warning,) = caplog.records
    assert warning.msg == "notifications_failed"
    assert vars(warning)["error"] == "ZeroDivisionError"
