"""``task-rotate-hmac``: a write that can't be read back, of a key that must stay secret."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bulkops.api.messages import Request, Response
from bulkops.client.permit import ALWAYS, Permit
from bulkops.errors import JobError
from bulkops.job.job import Job
from bulkops.journal.states import Outcome
from bulkops.operations import bind, wording
from bulkops.operations.aspects.hmac_key import DIGEST
from bulkops.operations.kinds.task_rotate_hmac import TaskRotateHmacSpec
from bulkops.operations.model import Observed, Operation, Resolved, Target, TaskRef
from bulkops.operations.secret import HmacKey
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
    """Return a job that tolerates failures, with the key from the given place."""
    base = job("task-rotate-hmac", rollout={"max_failures": "100%"})
    if not operation:
        return base
    spec = TaskRotateHmacSpec(task=TASK, **operation)
    return msgspec.structs.replace(base, spec=spec)


def test_it_is_always_planned_and_sends_the_key() -> None:
    """It is planned whatever the server shows; operation and texts have only the digest."""
    key = HmacKey(KEY)
    resolved = Resolved(organization="acme", task=TaskRef("task-1", TASK), key=key)
    kind = bind("task-rotate-hmac", TaskRotateHmacSpec(task=TASK, key_env="KEY"), resolved)
    (operation,) = kind.decide(TARGET, {})
    assert isinstance(operation, Operation)
    assert operation.desired == {DIGEST: key.digest}
    request = kind.aspects[""].request(operation)
    assert (request.method, request.path) == ("PATCH", "/api/v2/tasks/task-1")
    assert msgspec.json.decode(request.body)["data"]["attributes"] == {"hmac-key": KEY}
    texts = f"{operation} {kind.verb(operation)} {wording.change(operation)} {resolved}"
    assert KEY not in texts + "".join(kind.notes([operation]))
    assert f"rotate → the HMAC key with SHA-256 {key.digest}" in texts
    answer = Response(200, {}, b'{"data": {"id": "task-1", "type": "tasks"}}')
    assert kind.aspects[""].echo(answer) == Observed("task-1", {DIGEST: key.digest})
    assert kind.aspects[""].echo(Response(200)) is None


@pytest.mark.parametrize("given", [{}, {"key_env": "A", "key_file": "b"}])
def test_exactly_one_key_is_required(given: dict[str, str]) -> None:
    """A spec with no key, or two, is refused."""
    with pytest.raises(ValueError, match="needs either `key_env` or `key_file`"):
        TaskRotateHmacSpec(task=TASK, **given)


def test_a_missing_key_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unset, empty or unreadable keys are errors before any request; line ends are ignored."""
    file = tmp_path / "key"
    monkeypatch.delenv("NO_KEY", raising=False)
    with pytest.raises(JobError, match="key_env = NO_KEY: contains no key"):
        key_of(rotation(key_env="NO_KEY"))
    with pytest.raises(JobError, match="can't be read: No such file"):
        key_of(rotation(key_file=str(file)))
    file.write_bytes(b"\xff")
    with pytest.raises(JobError, match="can't be read: it is not UTF-8 text"):
        key_of(rotation(key_file=str(file)))
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(JobError, match="contains no key"):
        key_of(rotation(key_file=str(file)))
    file.write_text(f"{KEY}\r\n", encoding="utf-8")
    from_file = key_of(rotation(key_file=str(file)))
    assert from_file is not None
    assert from_file.reveal() == KEY
    assert key_of(job()) is None


def test_the_journal_has_no_key() -> None:
    """The journal has only the SHA-256; verify reports that the key can't be read back."""
    world = World(workspaces=0)
    replay = world.apply(rotation())
    assert world.task.hmac_key == KEY
    assert exit_code(replay) == 0
    content = world.disk.content(PATH)
    assert KEY.encode() not in content
    assert HmacKey(KEY).digest.encode() in content
    texts = list(lines(report_of(replay)))
    assert "  verified: 0 of 1 operation, 1 can't be read back" in texts


@pytest.mark.parametrize("fault", ["close-after", "close-before", "502-after", "html-200"])
def test_a_lost_answer_is_sent_again_after_settling(fault: str) -> None:
    """Nothing is read in between, since writing twice is the same as writing once."""
    world = World(workspaces=0)
    sent_at: list[float] = []
    world.wire.spies = [lambda request: sent_at.append(world.now()) if request.writes else None]
    world.wire.troubles = writes(Trouble(fault))
    world.apply(rotation())
    ((_, result),) = world.results
    assert (result.outcome, result.attempts) == (Outcome.SUCCEEDED, 2)
    assert sent_at[1] - sent_at[0] >= 10
    assert world.task.hmac_key == KEY


def test_after_several_lost_answers_it_is_in_doubt_until_resumed() -> None:
    """The next execution sends the key again."""
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


def test_a_refusal_is_a_failure_and_can_be_retried() -> None:
    """The failure has the server's error; a retry plans it again without a comparison."""
    world = World(workspaces=0)
    world.start(rotation())
    world.wire.troubles = writes(Trouble("403"))
    assert world.resume().count(Outcome.FAILED) == 1
    assert exit_code(world.resume(retry_failed=True)) == 0
    assert world.task.hmac_key == KEY


def test_an_answer_without_a_body_is_a_success() -> None:
    """An answer could not show the key anyway."""
    world = World(workspaces=0)

    async def silent() -> Outcome:
        operations = (await world.executed()).operations
        return operations[f"task-rotate-hmac:{world.task.id}"].outcome or Outcome.FAILED

    world.start(rotation())
    send = world.wire.send

    async def without_body(request: Request, permit: Permit = ALWAYS) -> Response:
        answer = await send(request, permit)
        return Response(204) if request.writes else answer

    world.wire.send = without_body  # type: ignore[method-assign]  # as such a server
    assert world.run(silent) is Outcome.SUCCEEDED


def test_a_journal_resumes_only_with_its_own_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another key is refused before any request; if everything is done, no key is needed."""
    world = World(workspaces=0)
    monkeypatch.setenv("ROTATED", KEY)
    world.start(rotation(key_env="ROTATED"))
    monkeypatch.setenv("ROTATED", "another")
    with pytest.raises(JobError, match="the key is not the one used for the plan"):
        world.resume()
    assert not world.wire.writes
    monkeypatch.setenv("ROTATED", KEY)
    assert exit_code(world.resume()) == 0
    monkeypatch.delenv("ROTATED")
    assert exit_code(world.resume()) == 0
