"""A kind from another package: the engine learns everything about it from the kind."""

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
    Skip,
    Spec,
    Target,
    TaskSpec,
)
from bulkops.operations.secret import Secret
from bulkops.plan import recorded
from bulkops.report.model import report
from bulkops.report.text import lines
from bulkops.runner.hmac_key import key_of
from bulkops.simulator.state import User
from tests.engine.world import PATH, World

UNDO = PATH.with_name("undo.jsonl")


class DescribeSpec(Spec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The spec of ``describe``."""

    schema_rule: ClassVar[Mapping[str, object]] = any_of("words", "other_words")

    words: str | None = None
    other_words: str | None = None

    def __post_init__(self) -> None:
        """Refuse a spec that sets nothing."""
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
        """Return the number of workspaces."""
        return (f"{len(operations)} are described",)


class PairSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A spec with two run tasks, neither of which replaces the other, and a secret."""

    audit: str
    pin_file: str = ""

    @property
    def run_tasks(self) -> Mapping[str, str]:
        """Both run tasks."""
        return {"task": self.task, "audit": self.audit}

    @property
    def secret(self) -> Secret | None:
        """The place that the spec names."""
        return Secret("pin_file", "pin-sha256", file=self.pin_file) if self.pin_file else None


class Pair(Kind):
    """A kind that names two run tasks and changes nothing."""

    name = "pair"
    spec_type = PairSpec
    aspects = {}  # noqa: RUF012 - it has none

    def decide(self, target: Target, observations: Observations) -> Sequence[Operation | Skip]:
        """Skip, with both names as the reason."""
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


def as_json(event: events.Event) -> Any:
    """Return an event as a program reads it."""
    return msgspec.json.decode(msgspec.json.encode(event))


def test_its_verb_is_in_plan_journal_report_and_json_and_in_its_undo() -> None:
    """A new verb appears everywhere, and the events still match their schema."""
    world = World(workspaces=3)
    validator = jsonschema.Draft202012Validator(events_schema())
    plan = world.start(job(kind="describe", words="Owned by payments."))
    assert plan.counts == {"describe": 3}
    assert list(plan.notes) == ["3 are described"]
    event = as_json(events.Plan.of(plan))
    assert event["actions"] == {"describe": 3}
    assert "describe" not in event
    validator.validate(event)
    replay = world.resume()
    assert {p.operation.verb for p in replay.operations.values()} == {"describe"}
    for operation, result in world.results:
        event = as_json(events.Result.of(operation, result))
        assert event["action"] == "describe"
        validator.validate(event)
    summary = report(replay)
    assert [row.action for row in summary.rows] == ["describe"] * 3
    assert "describe in acme" in next(iter(lines(summary)))
    undo = world.start_undo(PATH, UNDO)
    assert undo.counts == {"describe": 3}
    assert {o.key.partition(":")[0] for o in undo.operations} == {"describe"}
    assert world.resume(path=UNDO).count(Outcome.SUCCEEDED) == 3
    assert {one.description for one in world.simulator.world.workspaces.values()} == {None}


def test_its_words_are_used_beside_the_built_in_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its marker attribute selects its words; the built-in ones stay."""
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


def test_its_right_is_checked_unless_the_server_does_not_show_it() -> None:
    """If the server doesn't show the permission, the write is sent and the server decides."""
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
    """The schema requires one of two fields, as the code does."""
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


def test_two_specs_with_one_class_name_are_both_in_the_schema() -> None:
    """Two packages may use the same class name."""

    class Other(Describe):
        """Another one."""

        name = "other"

    schema: Any = schema_of({"describe": Describe, "other": Other})
    assert {"DescribeSpec", "other-DescribeSpec"} <= set(schema["$defs"])
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_run_tasks_it_names_are_looked_up_by_their_fields() -> None:
    """Run tasks in fields other than ``task`` and ``replaces`` are in the header, too."""
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
    with pytest.raises(JobError, match=r"operation\.audit = .* is also operation\.task"):
        world.plan(job(kind="pair", task="security-scan", audit=world.task.id))


def test_its_secret_is_read_from_the_place_in_its_spec(tmp_path: Any) -> None:
    """An error about the secret names the spec's own field."""
    pin = tmp_path / "pin"
    pin.write_text("1234\n")
    key = key_of(job(kind="pair", task="a", audit="b", pin_file=str(pin)))
    assert key is not None
    assert key.reveal() == "1234"
    with pytest.raises(JobError, match=r"operation\.pin_file = .*: can't be read"):
        key_of(job(kind="pair", task="a", audit="b", pin_file=str(tmp_path / "none")))
    assert key_of(job(kind="pair", task="a", audit="b")) is None


def test_a_kind_needs_only_a_name_a_spec_and_its_decisions() -> None:
    """``Kind`` has defaults for everything else, including the verbs."""
    pair = Pair(PairSpec(task="a", audit="b"), Resolved(organization="acme"))
    target, observed = Target("ws-1", "prod"), Observed("x", {})
    assert [
        pair.verb(Operation("pair", target, before, desired))
        for before, desired in ((None, {}), (observed, {}), (observed, None))
    ] == ["create", "update", "delete"]
    assert (pair.reversible, pair.destructive, pair.never_empty) == (True, False, False)
    assert (pair.verbs, list(pair.notes([]))) == ((), [])
