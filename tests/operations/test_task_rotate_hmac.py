"""``task-rotate-hmac``: a write that nobody can read back, of a key that nobody is to see."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bulkops.api.messages import Response
from bulkops.errors import JobError
from bulkops.job.job import Job
from bulkops.journal.states import Outcome
from bulkops.operations import bind, wording
from bulkops.operations.aspects.hmac_key import DIGEST
from bulkops.operations.kinds.task_rotate_hmac import TaskRotateHmacSpec
from bulkops.operations.model import HmacKey, Observed, Operation, Resolved, Target, TaskRef
from bulkops.report.model import exit_code
from bulkops.report.model import report as report_of
from bulkops.report.text import lines
from bulkops.runner.hmac_key import key_of
from bulkops.runner.readback import LOSSES
from tests.engine.scripts import always, writes
from tests.engine.wire import Trouble
from tests.engine.world import PATH, World, job
from tests.kinds import TASK

KEY = "the key of the tests"
TARGET = Target("task-1", TASK)


def rotation(**operation: str) -> Job:
    """Return a job that bears a failure, with the key from where it is said to be."""
    made = job("task-rotate-hmac", rollout={"max_failures": "100%"})
    if not operation:
        return made
    spec = TaskRotateHmacSpec(task=TASK, **operation)
    return msgspec.structs.replace(made, spec=spec)


def test_it_is_always_planned_and_sends_the_key() -> None:
    """Whatever is shown; the operation and its words have the digest only."""
    key = HmacKey(KEY)
    resolved = Resolved(organization="acme", task=TaskRef("task-1", TASK), key=key)
    kind = bind("task-rotate-hmac", TaskRotateHmacSpec(task=TASK, key_env="KEY"), resolved)
    (operation,) = kind.decide(TARGET, {})
    assert isinstance(operation, Operation)
    assert operation.desired == {DIGEST: key.digest}
    request = kind.aspects[""].request(operation)
    assert (request.method, request.path) == ("PATCH", "/api/v2/tasks/task-1")
    assert msgspec.json.decode(request.body)["data"]["attributes"] == {"hmac-key": KEY}
    said = f"{operation} {kind.verb(operation)} {wording.change(operation)} {resolved}"
    assert KEY not in said + "".join(kind.notes([operation]))
    assert f"rotate → the HMAC key with SHA-256 {key.digest}" in said
    answer = Response(200, {}, b'{"data": {"id": "task-1", "type": "tasks"}}')
    assert kind.aspects[""].echo(answer) == Observed("task-1", {DIGEST: key.digest})
    assert kind.aspects[""].echo(Response(200)) is None


@pytest.mark.parametrize("given", [{}, {"key_env": "A", "key_file": "b"}])
def test_exactly_one_key_is_named(given: dict[str, str]) -> None:
    """None or two are refused."""
    with pytest.raises(ValueError, match="needs `key_env` or `key_file`, and not both"):
        TaskRotateHmacSpec(task=TASK, **given)


def test_a_key_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unset, empty or unreadable: before anything is asked; line ends are not the key's."""
    file = tmp_path / "key"
    monkeypatch.delenv("NO_KEY", raising=False)
    with pytest.raises(JobError, match="key_env = NO_KEY: holds no key"):
        key_of(rotation(key_env="NO_KEY"))
    with pytest.raises(JobError, match="can't be read: No such file"):
        key_of(rotation(key_file=str(file)))
    file.write_bytes(b"\xff")
    with pytest.raises(JobError, match="can't be read: it is not UTF-8 text"):
        key_of(rotation(key_file=str(file)))
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(JobError, match="holds no key"):
        key_of(rotation(key_file=str(file)))
    file.write_text(f"{KEY}\r\n", encoding="utf-8")
    from_file = key_of(rotation(key_file=str(file)))
    assert from_file is not None
    assert from_file.reveal() == KEY
    assert key_of(job()) is None


def test_the_journal_has_no_key() -> None:
    """Only its SHA-256; done, it says that nothing can be read back, and differs in nothing."""
    world = World(workspaces=0)
    replay = world.apply(rotation())
    assert world.task.hmac_key == KEY
    assert exit_code(replay) == 0
    content = world.disk.content(PATH)
    assert KEY.encode() not in content
    assert HmacKey(KEY).digest.encode() in content
    said = list(lines(report_of(replay)))
    assert "  verified: 0 of 1 operation, 1 can't be read back" in said


@pytest.mark.parametrize("fault", ["close-after", "close-before", "502-after", "html-200"])
def test_a_lost_answer_is_sent_again_after_settling(fault: str) -> None:
    """Nothing is read in between; what was done twice is as if done once."""
    world = World(workspaces=0)
    sent_at: list[float] = []
    world.wire.spies = [lambda request: sent_at.append(world.now()) if request.writes else None]
    world.wire.troubles = writes(Trouble(fault))
    world.apply(rotation())
    ((_, result),) = world.results
    assert (result.outcome, result.attempts) == (Outcome.SUCCEEDED, 2)
    assert sent_at[1] - sent_at[0] >= 10
    assert world.task.hmac_key == KEY


def test_what_stays_lost_is_in_doubt_and_is_sent_again_by_the_next_execution() -> None:
    """Given up after some losses, gone on with by the same command."""
    world = World(workspaces=0)
    world.start(rotation())
    world.wire.troubles = always(lambda request: request.writes, Trouble("503"))
    world.resume()
    ((_, result),) = world.results
    assert (result.outcome, len(world.wire.writes)) == (Outcome.IN_DOUBT, LOSSES)
    assert "it can't be read back" in result.reason
    world.wire.troubles = lambda _request: None
    assert exit_code(world.resume()) == 0
    assert world.task.hmac_key == KEY


def test_a_refusal_is_a_failure_and_is_tried_again_when_asked() -> None:
    """In the server's words; planned anew without anything to compare with."""
    world = World(workspaces=0)
    world.start(rotation())
    world.wire.troubles = writes(Trouble("403"))
    assert world.resume().count(Outcome.FAILED) == 1
    assert exit_code(world.resume(retry_failed=True)) == 0
    assert world.task.hmac_key == KEY


def test_an_answer_without_a_body_is_a_yes() -> None:
    """There is nothing it could have said."""
    world = World(workspaces=0)

    async def silent() -> Outcome:
        operations = (await world.executed()).operations
        return operations[f"task-rotate-hmac:{world.task.id}"].outcome or Outcome.FAILED

    world.start(rotation())
    send = world.wire.send

    async def without_body(request: object) -> Response:
        answer = await send(request)  # type: ignore[arg-type]  # a request
        return Response(204) if getattr(request, "writes", False) else answer

    world.wire.send = without_body  # type: ignore[method-assign]  # as such a server
    assert world.run(silent) is Outcome.SUCCEEDED


def test_a_journal_goes_on_with_its_own_key_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another key is refused before anything is sent; where all is done, none is needed."""
    world = World(workspaces=0)
    monkeypatch.setenv("ROTATED", KEY)
    world.start(rotation(key_env="ROTATED"))
    monkeypatch.setenv("ROTATED", "another")
    with pytest.raises(JobError, match="the key is not the one that was planned with"):
        world.resume()
    assert not world.wire.writes
    monkeypatch.setenv("ROTATED", KEY)
    assert exit_code(world.resume()) == 0
    monkeypatch.delenv("ROTATED")
    assert exit_code(world.resume()) == 0
