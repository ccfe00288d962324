"""A kind as another package might add it: what the engine knows of it, it knows from the kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jsonschema
import msgspec
import pytest

from bulkops import events
from bulkops.errors import JobError
from bulkops.events.schema import events_schema
from bulkops.job.job import Job, job_from_builtins
from bulkops.job.schema import schema_of
from bulkops.journal.states import Outcome
from bulkops.operations import KINDS, AttributesKind, Kind, Words, WorkspaceAspect, any_of, wording
from bulkops.operations.model import (
    Observations,
    Observed,
    Operation,
    Resolved,
    Right,
    Secret,
    Skip,
    Spec,
    Target,
    TaskSpec,
)
from bulkops.plan import recorded
from bulkops.report.model import report
from bulkops.report.text import lines
from bulkops.runner.hmac_key import key_of
from bulkops.simulator.state import User
from tests.engine.world import PATH, World

UNDO = PATH.with_name("undo.jsonl")


class DescribeSpec(Spec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to call it."""

    schema_rule: ClassVar[Mapping[str, object]] = any_of("words", "other_words")

    words: str | None = None
    other_words: str | None = None

    def __post_init__(self) -> None:
        """Refuse to say nothing."""
        if self.words is None and self.other_words is None:
            raise ValueError("a describe needs `words` or `other_words`")


class Describe(AttributesKind):
    """Describe each workspace."""

    name = "describe"
    spec_type = DescribeSpec
    right = Right("can-describe", "this token can't describe it")
    changes = "describe"
    verbs = ("describe",)
    gone = "gone"

    def __init__(self, spec: DescribeSpec, resolved: Resolved) -> None:
        desired = {"description": spec.words or spec.other_words}
        aspect = WorkspaceAspect(resolved.organization, ("description",))
        super().__init__(spec, resolved, aspect, desired)

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Say how many."""
        return (f"{len(operations)} are described",)


class PairSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Two run tasks, neither of which replaces the other, and where a secret is."""

    audit: str
    pin_file: str = ""

    @property
    def run_tasks(self) -> Mapping[str, str]:
        """Both."""
        return {"task": self.task, "audit": self.audit}

    @property
    def secret(self) -> Secret | None:
        """Where it says."""
        return Secret("pin_file", "pin-sha256", file=self.pin_file) if self.pin_file else None


class Pair(Kind):
    """Does nothing with two run tasks."""

    name = "pair"
    spec_type = PairSpec
    aspects = {}  # noqa: RUF012 - it has none

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """Say which."""
        del observations
        task = self.resolved.task
        return (Skip(target, f"{task and task.name} and {self.resolved.others['audit'].name}"),)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Describe, Pair):
        monkeypatch.setitem(KINDS, kind.name, kind)


def job(**operation: object) -> Job:
    """Return a job on all workspaces."""
    document = {"name": "scan", "organization": "acme", "operation": operation}
    return job_from_builtins({**document, "select": {"all": True}})


def as_told(event: events.Event) -> Any:
    """Return an event as a program reads it."""
    return msgspec.json.decode(msgspec.json.encode(event))


def test_its_verb_is_in_plan_journal_report_and_json_and_in_its_undo() -> None:
    """Nobody but the kind has ever heard of it; the events keep to their schema."""
    world = World(workspaces=3)
    validator = jsonschema.Draft202012Validator(events_schema())
    plan = world.start(job(kind="describe", words="Owned by payments."))
    assert plan.counts == {"describe": 3}
    assert list(plan.notes) == ["3 are described"]
    told = as_told(events.Plan.of(plan))
    assert told["actions"] == {"describe": 3}
    assert "describe" not in told
    validator.validate(told)
    replay = world.resume()
    assert {p.operation.verb for p in replay.operations.values()} == {"describe"}
    for operation, result in world.results:
        event = as_told(events.Result.of(operation, result))
        assert event["action"] == "describe"
        validator.validate(event)
    told = report(replay)
    assert [row.action for row in told.rows] == ["describe"] * 3
    assert "describe in acme" in next(iter(lines(told)))
    undo = world.start_undo(PATH, UNDO)
    assert undo.counts == {"describe": 3}
    assert {o.key.partition(":")[0] for o in undo.operations} == {"describe"}
    assert world.resume(path=UNDO).count(Outcome.SUCCEEDED) == 3
    assert {one.description for one in world.simulator.world.workspaces.values()} == {None}


def test_its_words_are_learned_and_take_away_nobody_elses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the attribute that marks what it is about; those built in stay."""
    monkeypatch.setattr(wording, "WORDS", dict(wording.WORDS))
    mine = Words("description", lambda shown: f"called {(shown or {}).get('description')}")
    stolen = Words("enforcement-level", lambda _shown: "nonsense")
    wording.learn((mine, stolen))
    before = Observed("ws-1", {"description": "x"})
    operation = Operation("describe", Target("ws-1", "prod"), before, {"description": "y"})
    assert wording.change(operation) == "called x → called y"
    level = {"enforcement-level": "advisory", "stages": ["pre_plan"]}
    attach = Operation("attach", Target("ws-1", "prod"), None, level)
    assert wording.change(attach) == "advisory at pre_plan"


def test_its_right_is_asked_for_and_one_nobody_tells_is_no_obstacle() -> None:
    """A permission that the server doesn't show says nothing: it answers the write."""
    kind = job(kind="describe", words="x")
    assert len(World(workspaces=1).plan(kind).operations) == 1
    Describe.right, given = Right("can-update", "this token can't describe it"), Describe.right
    rights = User(name="engine", manage_workspaces=False)
    try:
        plan = World(workspaces=1, rights=rights).plan(kind)
    finally:
        Describe.right = given
    assert [skip.reason for skip in plan.blocked] == ["this token can't describe it"]


def test_its_rule_is_in_the_schema() -> None:
    """As in the code: one of two fields is needed."""
    schema: Any = schema_of(KINDS)
    validator = jsonschema.Draft202012Validator(schema)
    for operation, valid in (({}, False), ({"words": "x"}, True), ({"other_words": "x"}, True)):
        document = {
            "name": "scan",
            "operation": {"kind": "describe", **operation},
            "select": {"all": True},
        }
        assert validator.is_valid(document) is valid
    with pytest.raises(JobError, match="a describe needs"):
        job(kind="describe")


def test_two_wishes_of_one_name_are_both_in_the_schema() -> None:
    """Two packages know nothing of each other."""

    class Other(Describe):
        """Another one."""

        name = "other"

    schema: Any = schema_of({"describe": Describe, "other": Other})
    assert {"DescribeSpec", "other-DescribeSpec"} <= set(schema["$defs"])
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_run_tasks_it_names_are_looked_up_by_their_fields() -> None:
    """Beside ``task`` and ``replaces``, which the journal has by name; all are in the header."""
    world = World(workspaces=1)
    audit = world.simulator.add_task("audit")
    plan = world.start(job(kind="pair", task="security-scan", audit="audit"))
    assert [skip.reason for skip in plan.skips] == ["security-scan and audit"]
    assert plan.resolved.others["audit"].id == audit.id
    header = world.journaled().header
    assert header.resolved.others == plan.resolved.others
    assert recorded.kind_of(header).resolved.others["audit"].name == "audit"
    with pytest.raises(JobError, match=r"operation\.audit = \"none\": no such run task in acme"):
        world.plan(job(kind="pair", task="security-scan", audit="none"))
    with pytest.raises(JobError, match=r"operation\.audit = .* is operation\.task, too"):
        world.plan(job(kind="pair", task="security-scan", audit=world.task.id))


def test_its_secret_is_read_from_where_its_wish_says(tmp_path: Any) -> None:
    """And a message names its own field."""
    pin = tmp_path / "pin"
    pin.write_text("1234\n")
    key = key_of(job(kind="pair", task="a", audit="b", pin_file=str(pin)))
    assert key is not None
    assert key.reveal() == "1234"
    with pytest.raises(JobError, match=r"operation\.pin_file = .*: can't be read"):
        key_of(job(kind="pair", task="a", audit="b", pin_file=str(tmp_path / "none")))
    assert key_of(job(kind="pair", task="a", audit="b")) is None


def test_a_kind_has_defaults_for_all_but_its_name_its_wish_and_what_it_decides() -> None:
    """Those of ``Kind``; what it creates, changes and removes is called so."""
    pair = Pair(PairSpec(task="a", audit="b"), Resolved(organization="acme"))
    target, observed = Target("ws-1", "prod"), Observed("x", {})
    assert [
        pair.verb(Operation("pair", target, before, desired))
        for before, desired in ((None, {}), (observed, {}), (observed, None))
    ] == ["create", "update", "delete"]
    assert (pair.reversible, pair.destructive, pair.never_empty) == (True, False, False)
    assert (pair.verbs, list(pair.notes([]))) == ((), [])
