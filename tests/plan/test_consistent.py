"""A journal is checked against its own job: changes that the job could not decide are found."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bulkops.errors import JobError, JournalDamaged, PlanStale
from bulkops.job.job import digest_of, job_from_builtins
from bulkops.journal.identity import Identity, digest_of_undo, identity_of
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.records import Execution, Header, Planned, Record, Skipped, decode
from bulkops.journal.replay import replay
from bulkops.operations import KINDS
from bulkops.operations.kinds.attach import Attach, AttachSpec
from bulkops.operations.model import Observed, Target, TaskRef
from bulkops.plan.consistent import disagreement_with_plan, disagreement_with_undone
from bulkops.plan.decidable import disagreement_of_operations
from bulkops.plan.recorded import job_of, kind_of
from bulkops.plan.saved import read_plan
from bulkops.plan.trusted import disagreement, open_journal, sound_journal
from tests.engine.world import HOLDER, PATH, World, job
from tests.engine.worlds import world_for
from tests.journal.samples import first
from tests.plan.forging import (
    KEPT,
    Forge,
    forge,
    forged,
    only_planned,
    records_of,
    replaced,
    with_header,
    with_planned,
    write,
)

UNDO = PATH.with_name("undo.jsonl")
AGAIN = PATH.with_name("again.jsonl")
DIGESTS = {
    "attach.jsonl": "159fb53bbb02f1207ab53630fe141a6dcf52e28962a98f86a2dac51866f69a1d",
    "detach.jsonl": "11fa21c3444cf53ea7ed37bdba886ff6645099d1a8fa29b27bc893a29bbd5625",
    "replace.jsonl": "aec5807086ed21c3a1bba6dfc5131720845d3a38b090ff18db884046b55c17ec",
    "task-delete.jsonl": "577697f61ca83198c6daeae7d9947ee93d9db9cf271c057231d8bdca3ad7e2e2",
    "task-disable.jsonl": "5b1a1d62212fa3532350e19b7f30481942d4abcbb3a62075cbaf62bbec866cd6",
    "task-enable.jsonl": "67bfe14b348ef99c208e8a0467f4fd2bb67b725524dd3513993a4a90f1cbbd47",
    "task-rotate-hmac.jsonl": "b6291d84eb8215c974a55d88d59af97c1dd612d1b9b7d155461514a21ef606a4",
    "task-update.jsonl": "733b27a4bd886c4ef698ae4a4df842d5968c2799c39839352ea082d2e310be94",
    "update.jsonl": "f6c5e6b30113dcf18cfa7ec8df3f9c731c8220d652eff5f6f2814eee81ecd4a1",
    "wide.jsonl": "8c5b264c2a0b3813afe68331595b42a560130aee3a3c2fda513006c3ef80008a",
    "workspace-lock.jsonl": "52a939433e0dcea050536141fed0a87db77ddad77716bf9083e143b4e9d92d56",
    "workspace-unlock.jsonl": "4fbe347b5aa7dfc7fa88317cedb88c29e82c954c11fafadb9c00eacd9e05c14c",
    "workspace-update.jsonl": "1ade1bb27fdf3a42d95c06b489a7e1800a7704473d84517f6c3cbc87e310c70c",
}
"""The digests of kept journals at the time of writing."""
JOURNALS = sorted(path.name for path in KEPT.glob("*.jsonl"))
OTHER = TaskRef("task-ffffffffffffffff", "cost-check")
MANDATORY: dict[str, object] = {"enforcement-level": "mandatory", "stages": ["post_plan"]}
ADVISORY: dict[str, object] = {"enforcement-level": "advisory", "stages": ["post_plan"]}


@pytest.mark.parametrize("name", JOURNALS)
def test_kept_journals_of_0_1_are_accepted(name: str) -> None:
    """Jobs, undos and retries of every kind agree with themselves."""
    assert open_journal(JournalFile(KEPT / name)).replay.operations


def test_kept_plans_of_0_1_are_accepted() -> None:
    """A plan that 0.1 saved is read, and its journal belongs to it."""
    plan = read_plan(KEPT / "saved.plan", trust_files=True).plan
    assert disagreement_with_plan(read(JournalFile(KEPT / "saved.jsonl")).replay, plan) == ""


@pytest.mark.parametrize("name", DIGESTS)
def test_digests_of_kept_jobs_are_unchanged(name: str) -> None:
    """The header's digest equals the one that this version computes."""
    header = read(JournalFile(KEPT / name)).replay.header
    assert header.digest == digest_of(header.job) == job_of(header).digest == DIGESTS[name]


def test_every_kept_journal_of_a_job_is_pinned() -> None:
    """For every kind."""
    assert {f"{kind}.jsonl" for kind in KINDS} < DIGESTS.keys()


def test_a_field_that_a_later_version_adds_changes_no_digest() -> None:
    """The digest is computed from ``operation`` as the header has it, not from defaults."""
    header = read(JournalFile(KEPT / "attach.jsonl")).replay.header
    operation: Any = header.job["operation"]
    del operation["stages"]
    assert digest_of(header.job) != job_of(header).digest
    changed = replaced(header, digest=digest_of(header.job))
    assert disagreement(forged("attach.jsonl", lambda records: [changed, *records[1:]])) == ""


def _with_lease(lease: str) -> Forge:
    def change(records: list[Record]) -> list[Record]:
        header = records[0]
        assert isinstance(header, Header)
        return with_header(job={**header.job, "journal": {"lease": lease}})(records)

    return change


@pytest.mark.parametrize("name", ["attach.jsonl", "attach.undo.jsonl"])
def test_a_header_may_have_a_lease(name: str) -> None:
    """It changes no digest, and an undo keeps it."""
    kept = forged(name, _with_lease("2m"))
    assert disagreement(kept) == ""
    assert job_of(kept.header).journal.lease_seconds == 120


def test_an_invalid_lease_in_a_header_is_named() -> None:
    """As in a job file: key, value, and what is allowed."""
    invalid = forged("attach.jsonl", _with_lease("1s"))
    with pytest.raises(JobError, match=r'the journal\'s job: journal.lease = "1s": not a duration'):
        job_of(invalid.header)


@pytest.mark.parametrize("kind", KINDS)
def test_journals_of_this_version_agree_with_themselves(kind: str) -> None:
    """A job of each kind, its undo, and the undo of that; also see ``World.executed``."""
    world = world_for(kind, 3)
    world.apply(job(kind))
    assert disagreement(world.journaled()) == ""
    if not KINDS[kind].reversible:
        return
    for of, path in ((PATH, UNDO), (UNDO, AGAIN)):
        world.start_undo(of, path)
        undo = world.resume(path=path)
        assert disagreement(undo) == ""
        assert disagreement_with_undone(undo, read(JournalFile(of, world.disk)).replay) == ""


def _detached(planned: Planned) -> Planned:
    return replaced(planned, before=Observed("wstask-1", MANDATORY), desired=None, verb="detach")


def _at(target: Target, number: int = 0) -> Forge:
    """Return what plans an operation of another target, of a journal that was not carried out."""

    def moved(planned: Planned) -> Planned:
        return replaced(planned, key=f"{planned.key.partition(':')[0]}:{target.id}", target=target)

    return lambda records: with_planned(moved, number)(only_planned(records))


def _all_detached(records: list[Record]) -> list[Record]:
    return [_detached(one) if isinstance(one, Planned) else one for one in only_planned(records)]


def _another_job(records: list[Record]) -> list[Record]:
    other = read(JournalFile(KEPT / "detach.jsonl")).replay.header.job
    return with_header(job=other)(_all_detached(records))


def _with_one_more(records: list[Record]) -> list[Record]:
    one = next(one for one in records if isinstance(one, Planned))
    kind = one.key.partition(":")[0]
    more = replaced(one, key=f"{kind}:ws-more", target=Target("ws-more", "prod-9"))
    return [*records, more]


def _with_fewer(records: list[Record]) -> list[Record]:
    header, one, two, _ = only_planned(records)
    return [header, one, two, two]


def _changed(**changes: object) -> Forge:
    return with_planned(lambda planned: replaced(planned, **changes))


FORGED: dict[str, tuple[str, Forge, str]] = {
    "detach in an attach job": (
        "attach.jsonl",
        _all_detached,
        "a job of kind attach could not have decided this",
    ),
    "detach, one of many": (
        "attach.jsonl",
        with_planned(_detached, 2),
        "a job of kind attach could not",
    ),
    "job of another digest": ("attach.jsonl", _another_job, "digest is not that of the job"),
    "digest of another job": ("attach.jsonl", with_header(digest="0" * 64), "digest is not"),
    "another organization": ("attach.jsonl", with_header(organization="evil"), "it is for evil"),
    "another run task": ("attach.jsonl", with_header(task=OTHER), "its task is cost-check"),
    "no run task": ("attach.jsonl", with_header(task=None), "it has no run task"),
    "one run task more": ("attach.jsonl", with_header(replaces=OTHER), "it has replaces, task"),
    "others": ("attach.jsonl", with_header(others={"audit": OTHER}), "it has audit, task"),
    "another old run task": ("replace.jsonl", with_header(replaces=OTHER), "its replaces is"),
    "an operation more": ("attach.jsonl", _with_one_more, "3 operations and 0 skips"),
    "an operation less": ("attach.jsonl", _with_fewer, "it has 2 and 0"),
    "more in the header": ("attach.jsonl", with_header(operations=4), "header states 4 operations"),
    "fewer in the header": (
        "attach.jsonl",
        with_header(operations=2),
        "header states 2 operations",
    ),
    "a skip more": (
        "attach.jsonl",
        lambda records: [*records, Skipped(Target("ws-9", "prod-9"), "so")],
        "it has 3 and 1",
    ),
    "another level": (
        "attach.jsonl",
        _changed(desired=ADVISORY),
        "a job of kind attach could not have decided this",
    ),
    "one attribute more": (
        "attach.jsonl",
        _changed(desired={**MANDATORY, "enabled": True}),
        "a job of kind attach could not have decided this",
    ),
    "another verb": (
        "attach.jsonl",
        _changed(verb="detach"),
        "a job of kind attach could not have decided this",
    ),
    "another aspect": ("attach.jsonl", _changed(aspect="old"), "has nothing called old to change"),
    "a cycle": ("attach.jsonl", _changed(after=("attach:ws-none",)), "is not planned"),
    "a run task for a workspace": (
        "attach.jsonl",
        _at(Target("task-fff", "cost-check")),
        "applies to the workspaces",
    ),
    "a workspace not selected": (
        "wide.jsonl",
        lambda records: [
            replaced(one, target=replaced(one.target, name="dev-1"))
            if isinstance(one, Planned)
            else one
            for one in records
        ],
        "does not select dev-1",
    ),
    "not what the old one had": (
        "replace.jsonl",
        with_planned(lambda p: replaced(p, desired={**MANDATORY, "stages": ["pre_plan"]})),
        "a job of kind replace could not have decided this",
    ),
    "detached before": (
        "replace.jsonl",
        with_planned(lambda planned: replaced(planned, after=()), 1),
        "a job of kind replace could not have decided this",
    ),
    "another run task disabled": (
        "task-disable.jsonl",
        _at(Target("task-fff", "cost-check")),
        "about another run task",
    ),
    "a run task's own workspaces": (
        "task-disable.jsonl",
        _at(Target("ws-1", "prod-1")),
        "applies to the run task",
    ),
    "deleted first": (
        "task-delete.jsonl",
        with_planned(lambda planned: replaced(planned, after=()), 3),
        "a job of kind task-delete could not have decided this",
    ),
    "a target that is no id": (
        "attach.jsonl",
        _at(Target("../../x?y#", "prod-1")),
        "is not an id",
    ),
    "another run task deleted": (
        "task-delete.jsonl",
        _at(Target("task-fff", "cost-check"), 3),
        "about another run task",
    ),
    "a key that is none": (
        "task-rotate-hmac.jsonl",
        _changed(desired={"hmac-key-sha256": 7}),
        "a job of kind task-rotate-hmac could not have decided this",
    ),
    "another setting": (
        "workspace-update.jsonl",
        _changed(desired={"terraform-version": "0.11.0", "auto-apply": True}),
        "a job of kind workspace-update could not have decided this",
    ),
    "a setting for an undo": (
        "workspace-update.jsonl",
        with_planned(
            lambda planned: replaced(
                planned, before=Observed(planned.target.id, {"global-remote-state": True})
            )
        ),
        "no server shows",
    ),
    "a state that is none": (
        "workspace-lock.jsonl",
        with_planned(lambda planned: replaced(planned, before=Observed(planned.target.id, {}))),
        "a job of kind workspace-lock could not have decided this",
    ),
    "unlocked by a lock": (
        "workspace-lock.jsonl",
        _changed(desired={"locked": False}, verb="unlock"),
        "a job of kind workspace-lock could not have decided this",
    ),
    "detach in the undo of an update": (
        "update.undo.jsonl",
        lambda records: with_planned(
            lambda one: replaced(one, key=f"detach:{one.target.id}", desired=None, verb="detach")
        )(only_planned(records)),
        "the undo of a job of kind update could not have decided this",
    ),
    "another kind in an undo": (
        "attach.undo.jsonl",
        _changed(verb="update"),
        "could not have decided this",
    ),
    "a setting in an undo": (
        "workspace-update.undo.jsonl",
        _changed(desired={"global-remote-state": True}),
        "no server shows",
    ),
    "an undo of another": ("attach.undo.jsonl", with_header(undo_of="bulkops-1"), "digest is not"),
    "an undo of what has none": (
        "task-delete.jsonl",
        with_header(undo_of="bulkops-1", digest=digest_of_undo("bulkops-1")),
        "which can't be undone",
    ),
    "another plan": ("saved.jsonl", with_header(plan="0" * 64), "digest is not"),
    "the plan of an attach": (
        "saved.jsonl",
        _all_detached,
        "a job of kind attach could not have decided this",
    ),
    "tried again otherwise": (
        "retried.jsonl",
        with_planned(_detached, 4),
        "a job of kind attach could not have decided this",
    ),
}


@pytest.mark.parametrize(("name", "change", "message"), FORGED.values(), ids=list(FORGED))
def test_an_undecidable_operation_is_found(
    name: str, change: Forge, message: str, tmp_path: Path
) -> None:
    """Every line is valid, but the job in it could not have decided the change."""
    path = tmp_path / name
    path.write_bytes((KEPT / name).read_bytes())
    forge(path, change)
    for opened in (open_journal, sound_journal):
        with pytest.raises(JournalDamaged, match=r"contradicts itself: .*") as damaged:
            opened(JournalFile(path))
        assert message in str(damaged.value)
        assert damaged.value.exit_code == 12


def test_an_extra_execution_allows_no_forgery() -> None:
    """Operations that were decided again may differ, but the job still limits them."""
    again = Execution(HOLDER, "0.1.0")

    def detaching(records: list[Record]) -> list[Record]:
        return [*_all_detached(records), again, again]

    assert "a job of kind attach could not have decided this" in disagreement(
        forged("attach.jsonl", detaching)
    )


def test_the_state_before_the_first_attempt_is_checked_too() -> None:
    """An undo restores it: a line that is replaced later can't smuggle it in."""

    def change(records: list[Record]) -> list[Record]:
        setting = Observed("ws", {"global-remote-state": True})
        changed = with_planned(lambda one: replaced(one, before=setting))(records)
        return [*changed, next(one for one in records if isinstance(one, Planned))]

    assert "no server shows" in disagreement(forged("workspace-update.jsonl", change))


def test_a_digest_of_bulkops_0_2_has_the_organizations_case() -> None:
    """Such a journal agrees with itself, and is that of the job in any case."""
    header = read(JournalFile(KEPT / "attach.jsonl")).replay.header
    document = {**header.job, "organization": "Acme"}
    digest = digest_of(document, any_case=False)
    assert digest != digest_of(document) == header.digest
    other = forged("attach.jsonl", with_header(job=document, organization="Acme", digest=digest))
    assert disagreement(other) == ""
    assert identity_of(other.header) == identity_of(header) == Identity(header.digest, "ACME")


@pytest.mark.parametrize("document", [{}, {"rollout": 1}, {"rollout": {}, "select": []}])
def test_an_invalid_job_in_a_header_is_reported(document: dict[str, object]) -> None:
    """It is reported like any other wrong digest."""
    replay = forged("attach.jsonl", with_header(job=document))
    assert disagreement(replay) == "its digest is not that of the job in it"


def test_a_kind_that_is_not_installed_is_named(tmp_path: Path) -> None:
    """Nothing is sent without it; a report needs no kind."""
    job = {
        **read(JournalFile(KEPT / "attach.jsonl")).replay.header.job,
        "operation": {"kind": "unknown"},
    }
    write(
        tmp_path / "scan.jsonl",
        with_header(job=job, digest=digest_of(job))(records_of(KEPT / "attach.jsonl")),
    )
    with pytest.raises(JobError, match=r'operation\.kind = "unknown"'):
        open_journal(JournalFile(tmp_path / "scan.jsonl"))
    assert sound_journal(JournalFile(tmp_path / "scan.jsonl")).replay.operations


def test_a_plan_that_does_not_agree_with_itself_is_stale(tmp_path: Path) -> None:
    """Its digest is not a signature: a forger computes it too."""
    data = (KEPT / "saved.plan").read_bytes()
    *lines, _ = data.replace(b'"wanted":{"enf', b'"wanted":{"xenf').splitlines(keepends=True)
    seal = b'{"type":"digest","sha256":"%b"}\n' % sha256(b"".join(lines)).hexdigest().encode()
    path = tmp_path / "scan.plan"
    path.write_bytes(b"".join([*lines, seal]))
    with pytest.raises(PlanStale, match="could not have decided"):
        read_plan(path)


def test_a_journal_must_match_its_saved_plan() -> None:
    """Digest, job, run task and operations must be those of the plan."""
    plan = read_plan(KEPT / "saved.plan", trust_files=True).plan
    messages = {
        disagreement_with_plan(forged("saved.jsonl", change), plan)
        for change in (
            with_header(task=OTHER),
            with_header(job=read(JournalFile(KEPT / "detach.jsonl")).replay.header.job),
            _with_one_more,
            _changed(desired=ADVISORY),
        )
    }
    assert {words.partition(" ")[2] for words in messages} >= {
        "job is not that of the plan",
        "has 4 operations, the plan 3",
    }
    assert any(words.endswith("is not as planned") for words in messages)


def test_an_undo_must_match_the_journal_that_it_undoes() -> None:
    """Refused: another run task, another job, or a change that the journal doesn't have."""
    undone = read(JournalFile(KEPT / "attach.jsonl")).replay
    other = read(JournalFile(KEPT / "detach.jsonl")).replay.header.job

    for change in (with_header(task=OTHER), with_header(job=other)):
        message = disagreement_with_undone(forged("attach.undo.jsonl", change), undone)
        assert message == "its job is not the one that it undoes"
    elsewhere = _at(Target("ws-9", "prod-9"))
    message = disagreement_with_undone(forged("attach.undo.jsonl", elsewhere), undone)
    assert message == "detach:ws-9 (prod-9) reverts no change of that journal"


def test_a_made_up_header_is_refused() -> None:
    """The small samples of the journal's tests never belonged to a job."""
    assert disagreement(replay(first(3))) == "its digest is not that of the job in it"


def test_a_jobs_digest_is_the_same_in_file_and_journal() -> None:
    """For any fields in any order."""
    wide = read(JournalFile(KEPT / "wide.jsonl")).replay.header
    assert job_from_builtins(wide.job).digest == wide.digest


def test_a_job_with_a_limit_covers_no_more_workspaces(tmp_path: Path) -> None:
    """``--limit 1`` allows one workspace."""
    world = World(workspaces=3)
    world.start(job("attach", select={"all": True, "limit": 2}))
    records = [*_records(world)]
    header = records[0]
    assert isinstance(header, Header)
    document = {**header.job, "select": {"all": True, "limit": 1}}
    changed = with_header(job=document, digest=digest_of(document))(records)
    write(tmp_path / "scan.jsonl", changed)
    with pytest.raises(JournalDamaged, match="covers 2 workspaces, its job at most 1"):
        open_journal(JournalFile(tmp_path / "scan.jsonl"))


def _records(world: World) -> list[Record]:
    return [decode(line) for line in world.disk.content(PATH).splitlines()]


class OwnAttach(Attach):
    """A kind as another package may have one."""


def test_a_kind_of_another_package_is_checked_by_its_verbs() -> None:
    """Its decisions may depend on more than the target, but the verb must be its own."""
    replay = forged("attach.jsonl", _changed(desired=ADVISORY))
    header = replay.header
    (step,) = job_of(header).steps
    assert isinstance(step.spec, AttachSpec)
    own = OwnAttach(step.spec, header.resolved)
    assert disagreement_of_operations(replay, job_of(header), kind_of(header))
    assert disagreement_of_operations(replay, job_of(header), own) == ""
    other = forged("attach.jsonl", _changed(desired=ADVISORY, verb="enable"))
    assert "could not have decided" in disagreement_of_operations(other, job_of(header), own)
