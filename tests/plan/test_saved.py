"""A saved plan's file is read back as it was written, or refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.client.api import Client
from bulkops.errors import BulkopsError, JobError, PlanStale
from bulkops.operations import KINDS
from bulkops.operations.aspects.attachment import attributes_of
from bulkops.operations.model import Observed, Operation, Resolved, Skip, Target, TaskRef
from bulkops.operations.steps import Step
from bulkops.plan.model import Plan
from bulkops.plan.saved import is_saved_plan, read_plan, save_plan
from tests.engine.world import HOLDER, job

LEVELS = st.sampled_from(["advisory", "mandatory", "\u202e", "é\n"])
ATTRIBUTES = st.fixed_dictionaries(
    {"enforcement-level": LEVELS, "stages": st.lists(st.sampled_from(["pre_plan", "post_plan"]))}
)
NAMES = st.text(max_size=8)
SEEN = st.builds(Observed, NAMES, ATTRIBUTES)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a plan of a few operations and skips, with names as no server would have them."""
    targets = [Target(f"ws-{n}", name) for n, name in enumerate(draw(st.lists(NAMES, max_size=6)))]
    operations: list[Operation] = []
    skips: list[Skip] = []
    for target in targets:
        if draw(st.booleans()):
            skips.append(Skip(target, draw(NAMES), blocked=draw(st.booleans())))
            continue
        before, desired = draw(st.none() | SEEN), attributes_of("mandatory", ["post_plan"])
        verb = "attach" if before is None else "update"
        if before is None or before.attributes != desired:
            operations.append(Operation("attach", target, before, desired, verb=verb))
    notes = tuple(draw(st.lists(NAMES, max_size=2)))
    return Plan(job(), BINDING, operations, skips, notes)


BINDING = Resolved(organization="acme", task=TaskRef("task-1", "security-scan"))


def _saved(path: Path, plan: Plan) -> str:
    return save_plan(path, plan, _client(), HOLDER)


@cache
def _client() -> Client:
    """Return a client, which takes 20 ms to load the system's certificates."""
    return Client("https://tfe.example", "secret-token", random=Random(1))


def _small() -> Plan:
    observed = Observed("wstask-1", {"enforcement-level": "advisory", "stages": ["post_plan"]})
    desired = {"enforcement-level": "mandatory", "stages": ["post_plan"]}
    operations = [
        Operation("attach", Target("ws-1", "prod-1"), None, desired),
        Operation("attach", Target("ws-2", "prod-2"), observed, desired),
    ]
    return Plan(job(), BINDING, operations, [Skip(Target("ws-3", "é"), "as wanted")])


@settings(deadline=None, max_examples=60)
@given(plan=plans())
def test_a_plan_is_read_back_as_saved(tmp_path_factory: pytest.TempPathFactory, plan: Plan) -> None:
    """Job, run tasks, operations in order, skips and notes, with the file's digest."""
    path = tmp_path_factory.getbasetemp() / "scan.plan"
    digest = _saved(path, plan)
    read = read_plan(path)
    made = msgspec.structs.replace(plan, saved=digest, address="https://tfe.example")
    assert read.plan == made
    assert (read.plan.address, read.made_by) == ("https://tfe.example", HOLDER)
    assert read.plan.digest == f"plan {digest}"
    assert is_saved_plan(path)


def test_a_saved_plan_has_no_token(tmp_path: Path) -> None:
    """Of the client it has only the address."""
    _saved(tmp_path / "scan.plan", _small())
    assert b"secret-token" not in (tmp_path / "scan.plan").read_bytes()


def test_any_changed_byte_is_found(tmp_path: Path) -> None:
    """With any bit flipped it is still recognized as a plan, and refused as changed."""
    path = tmp_path / "scan.plan"
    _saved(path, _small())
    data = path.read_bytes()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        assert is_saved_plan(path), place
        with pytest.raises(PlanStale) as stale:
            read_plan(path)
        assert stale.value.exit_code == 13


def test_a_cut_or_extended_plan_is_refused(tmp_path: Path) -> None:
    """Cut at any byte, even at the end of a line, or with anything appended."""
    path = tmp_path / "scan.plan"
    _saved(path, _small())
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(PlanStale):
            read_plan(path)
    for more in (b"\n", b"{}\n", data):
        path.write_bytes(data + more)
        with pytest.raises(PlanStale):
            read_plan(path)


def test_swapped_lines_are_found(tmp_path: Path) -> None:
    """Each line is valid by itself, but their order is part of the plan."""
    path = tmp_path / "scan.plan"
    _saved(path, _small())
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1], lines[2] = lines[2], lines[1]
    path.write_bytes(b"".join(lines))
    with pytest.raises(PlanStale):
        read_plan(path)


def test_a_replaced_plan_is_refused(tmp_path: Path) -> None:
    """When it is read a second time, its digest must be the same."""
    path = tmp_path / "scan.plan"
    _saved(path, _small())
    digest = read_plan(path).plan.digest
    assert read_plan(path, digest).plan.digest == digest
    _saved(path, msgspec.structs.replace(_small(), skips=[]))
    with pytest.raises(PlanStale):
        read_plan(path, digest)


def test_two_plans_of_one_job_have_different_digests(tmp_path: Path) -> None:
    """A journal belongs to one of them."""
    client = Client("https://tfe.example", "any")
    digests = {save_plan(tmp_path / "scan.plan", _small(), client, HOLDER) for _ in range(3)}
    assert len(digests) == 3


@pytest.mark.parametrize("text", ["", "# a job\n", 'name = "x"\n', 'operation = {kind = "a"}\n'])
def test_a_job_file_is_never_taken_for_a_plan(tmp_path: Path, text: str) -> None:
    """No TOML document starts with a brace."""
    path = tmp_path / "job.toml"
    path.write_text(text)
    assert not is_saved_plan(path)
    assert not is_saved_plan(tmp_path / "missing.toml")
    assert not is_saved_plan(tmp_path)


def test_an_unreadable_plan_is_reported_with_the_reason(tmp_path: Path) -> None:
    """The file is named."""
    with pytest.raises(BulkopsError, match=r"scan\.plan: can't be read: No such file"):
        read_plan(tmp_path / "scan.plan")


def test_a_kind_that_this_version_does_not_know_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan of another package's kind, read without that package."""
    path = tmp_path / "scan.plan"
    with monkeypatch.context() as installed:
        installed.setitem(KINDS, "theirs", KINDS["attach"])
        _saved(path, msgspec.structs.replace(_small(), job=unknown_kind()))
    with pytest.raises(JobError, match=r"scan\.plan: operation.kind = \"theirs\""):
        read_plan(path)


def unknown_kind() -> object:
    """Return a job of a kind that is not installed here."""
    return msgspec.structs.replace(job(), steps=(Step("theirs", job().steps[0].spec),))
