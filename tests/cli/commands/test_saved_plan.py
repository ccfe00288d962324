"""``plan --out PLAN`` and ``apply PLAN``: exactly what was reviewed is applied."""

from __future__ import annotations

import shutil
import signal
import stat
from pathlib import Path

import msgspec
import pytest

from bulkops.api.messages import Request
from tests.cli.support import TASK, World
from tests.conftest import Here

APPLYING = ("apply", "scan.plan", "--journal", "scan.jsonl")


def _planned(here: Here, *arguments: str) -> None:
    assert here("plan", "job.toml", "--out", "scan.plan", *arguments).code == 0


def _header(path: Path) -> dict[str, object]:
    line = path.read_bytes().splitlines()[0]
    return msgspec.json.decode(line, type=dict[str, object])


def test_a_saved_plan_is_applied_without_a_question(world: World, here: Here) -> None:
    """Without terminal and --yes, exactly the plan is applied; its journal has its digest."""
    done = here("plan", "job.toml", "--out", "scan.plan", "--json")
    end = done.objects[-1]
    assert (end["type"], end["saved"]) == ("plan", "scan.plan")
    done = here(*APPLYING)
    assert done.code == 0
    assert "scan.plan: planned at 20" in done.err
    assert "Plan: 12 to attach, 0 to update, 0 to detach; 0 skipped." in done.err
    assert world.all_desired()
    assert set(world.changed().values()) == {1}
    assert _header(world.journal)["plan"] == end["sha256"]


def test_text_names_the_command_that_applies_it(world: World, here: Here) -> None:
    """The last line of the plan names the file and the command; only its owner can read it."""
    done = here("plan", "job.toml", "--out", "my scan.plan")
    assert (
        done.lines[-1]
        == "Saved to my scan.plan. `bulkops apply 'my scan.plan'` carries out exactly this plan."
    )
    assert stat.S_IMODE((world.folder / "my scan.plan").stat().st_mode) == 0o600
    assert sorted(path.name for path in world.folder.iterdir()) == ["job.toml", "my scan.plan"]
    assert world.writes == 0


def test_the_job_file_is_not_needed_any_more(world: World, here: Here) -> None:
    """Neither a changed job file nor new workspaces change what is applied."""
    _planned(here)
    (world.folder / "job.toml").unlink()
    world.simulator.add_workspace("prod-new")
    assert here(*APPLYING).code == 0
    assert world.shown()["prod-new"] == []
    assert world.writes == 12


def test_targets_changed_since_are_left_unchanged(world: World, here: Here) -> None:
    """Set outside the job as desired: a skip; changed otherwise: a conflict, exit 3."""
    world.job(('"acme"', '"acme"'), ("[pace]", "[rollout]\nmax_failures = 5\n[pace]"))
    world.simulator.attach("prod-003", TASK)
    _planned(here)
    world.simulator.attach("prod-001", TASK, enforcement_level="mandatory")
    world.simulator.attach("prod-002", TASK, enforcement_level="advisory")
    world.simulator.detach("prod-003", TASK)
    done = here(*APPLYING)
    assert done.code == 3
    assert any(
        line.startswith("skipped") and "prod-001" in line and "set outside this job" in line
        for line in done.lines
    )
    conflicts = [line for line in done.lines if line.startswith("conflict")]
    assert any("prod-002" in line for line in conflicts)
    assert any("prod-003" in line for line in conflicts)
    assert world.shown()["prod-002"] == [("advisory", ("post_plan",))]
    assert world.shown()["prod-003"] == []
    assert world.writes == 9
    assert "Conflicting targets were changed outside this job and need a new plan" in done.err
    assert "--retry-failed" not in done.err
    again = here(*APPLYING, "--retry-failed")
    assert (again.code, world.writes) == (3, 9)


def test_the_same_command_resumes(world: World, here: Here) -> None:
    """A killed ``apply PLAN`` resumes without a question, and nothing is done twice."""
    _planned(here)
    world.kill(signal.SIGKILL, write=5, stage="after", arguments=APPLYING)
    done = here(*APPLYING)
    assert done.code == 0
    assert "Resuming scan.jsonl." in done.err
    assert world.all_desired()
    assert set(world.changed().values()) == {1}


def test_in_the_default_folder_a_plan_has_one_journal(world: World, here: Here) -> None:
    """Applied again, a plan resumes its own journal even if that is finished."""
    _planned(here)
    assert here("apply", "scan.plan").code == 0
    again = here("apply", "scan.plan")
    assert (again.code, world.writes) == (0, 12)
    assert "Nothing is left to do" in again.err
    assert len(list(world.folder.rglob("*.jsonl"))) == 1


@pytest.mark.parametrize("other", ["plan", "job"])
def test_another_plans_journal_is_refused(world: World, here: Here, other: str) -> None:
    """Neither another plan nor the plan's own job resumes it: exit 2, file unchanged."""
    _planned(here)
    assert here(*APPLYING).code == 0
    written = world.journal.read_bytes()
    _planned(here)
    done = here(*APPLYING) if other == "plan" else here(*world.applying)
    assert done.code == 2
    assert "is the journal of another job" in done.err
    assert world.journal.read_bytes() == written


def test_an_empty_plan_is_saved_as_well(world: World, here: Here) -> None:
    """Applied, it exits 0 without a journal."""
    for name in world.shown():
        world.simulator.attach(name, TASK, enforcement_level="mandatory")
    assert here("plan", "job.toml", "--out", "scan.plan", "--detailed-exitcode").code == 0
    done = here(*APPLYING)
    assert (done.code, done.out) == (0, "")
    assert "Nothing to do." in done.err
    assert not world.journal.exists()


def test_a_plans_undo(world: World, here: Here) -> None:
    """The journal of a saved plan is undone like any other."""
    before = world.shown()
    _planned(here)
    here(*APPLYING)
    assert here("undo", "scan.jsonl", "--yes").code == 0
    assert world.shown() == before


@pytest.mark.parametrize(
    "command",
    [("resume",), ("verify",), ("undo",), ("status",), ("report",), ("journal", "check")],
    ids=" ".join,
)
def test_a_plan_is_not_taken_for_a_journal(
    world: World, here: Here, command: tuple[str, ...]
) -> None:
    """A command that takes a journal names the plan as such, and the command that takes it."""
    _planned(here)
    requests = world.requests
    done = here(*command, "scan.plan")
    assert done.code == 2
    assert "scan.plan: is a saved plan, not a journal: `bulkops apply scan.plan`" in done.err
    assert world.requests == requests


@pytest.mark.parametrize("command", [("apply", "--yes"), ("plan",), ("check",), ("coverage",)])
def test_a_journal_is_not_taken_for_a_job_file(
    world: World, here: Here, command: tuple[str, ...]
) -> None:
    """A command that takes a job file says which command takes a journal: exit 2, nothing sent."""
    here(*world.applying)
    requests = world.requests
    done = here(*command, "scan.jsonl")
    assert (done.code, world.requests) == (2, requests)
    assert "scan.jsonl: is a journal, not a job file: `bulkops resume scan.jsonl`" in done.err


@pytest.mark.parametrize("command", ["plan", "check", "coverage"])
def test_a_plan_is_not_taken_for_a_job_file(world: World, here: Here, command: str) -> None:
    """A command that takes a job file says which command takes a plan: exit 2, nothing sent."""
    _planned(here)
    (world.folder / "scan.plan").rename(world.folder / "my plan")
    requests = world.requests
    done = here(command, "my plan")
    assert (done.code, world.requests) == (2, requests)
    assert "my plan: is a saved plan, not a job file: `bulkops apply 'my plan'`" in done.err


@pytest.mark.parametrize("command", [("resume",), ("verify",), ("undo",), ("status",), ("report",)])
def test_a_job_file_is_not_taken_for_a_journal(
    world: World, here: Here, command: tuple[str, ...]
) -> None:
    """A command that takes a journal says which command takes a job file, and leaves no lock."""
    world.job()
    done = here(*command, "job.toml")
    assert (done.code, world.requests) == (2, 0)
    assert "job.toml: is a job file, not a journal: `bulkops apply job.toml`" in done.err
    assert not (world.folder / "job.toml.lock").exists()


def _stale(world: World, here: Here, *arguments: str, **environment: str) -> str:
    requests = world.requests
    done = here(*APPLYING, *arguments, **environment)
    assert done.code == 13
    assert (world.requests, done.out) == (requests, "")
    assert not world.journal.exists()
    assert "`bulkops plan JOB --out PLAN`" in done.err
    return done.err


def test_another_organization_is_stale(world: World, here: Here) -> None:
    """TFE_ORGANIZATION of another one: exit 13, unless it was set when the plan was made."""
    _planned(here)
    message = _stale(world, here, TFE_ORGANIZATION="other")
    assert "is a plan for organization acme, not for other, which TFE_ORGANIZATION or" in message
    assert here("plan", "job.toml", "--out", "scan.plan", TFE_ORGANIZATION="other").code == 0
    assert here(*APPLYING, TFE_ORGANIZATION="other").code == 0


def test_an_organization_in_another_case_is_the_same(here: Here) -> None:
    """The server ignores it."""
    _planned(here)
    assert here(*APPLYING, TFE_ORGANIZATION="ACME").code == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"format":2', b'"format":3'),
        (b'"mandatory"', b'"advisory"'),
        (b"prod-007", b"prod-001"),
        (b"{", b"["),
        (b'"digest"', b'"plan"'),
    ],
    ids=["format", "level", "name", "first byte", "end"],
)
def test_a_changed_plan_is_stale(world: World, here: Here, old: bytes, new: bytes) -> None:
    """Whatever was changed in its file: exit 13, and nothing is sent."""
    _planned(here)
    path = world.folder / "scan.plan"
    text = path.read_bytes()
    assert old in text
    path.write_bytes(text.replace(old, new, 1))
    _stale(world, here)


def test_an_older_plan_is_replaced_and_nothing_else(world: World, here: Here) -> None:
    """A plan or an empty file is overwritten; a job file, a journal, a folder never: exit 2."""
    (world.folder / "scan.plan").touch()
    _planned(here)
    first = (world.folder / "scan.plan").read_bytes()
    _planned(here)
    assert (world.folder / "scan.plan").read_bytes() != first
    assert here(*APPLYING).code == 0
    requests = world.requests
    for place, what in (
        ("job.toml", "is a job file, and was not changed"),
        ("scan.jsonl", "is a journal, and was not changed"),
        (".", "was not changed"),
        ("missing/scan.plan", "there is no such folder"),
    ):
        before = {p: p.read_bytes() for p in world.folder.iterdir() if p.is_file()}
        done = here("plan", "job.toml", "--out", place)
        assert (done.code, done.out) == (2, "")
        assert what in done.err
        assert {p: p.read_bytes() for p in world.folder.iterdir() if p.is_file()} == before
    assert world.requests == requests


def test_a_plan_that_cant_be_written_is_an_error(world: World, here: Here) -> None:
    """The message has the system's reason: exit 1, also with ``--detailed-exitcode``."""
    name = "p" * 253  # what is written first has a longer one, and 255 bytes is the most
    for arguments in ((), ("--detailed-exitcode",)):
        done = here("plan", "job.toml", "--out", name, *arguments)
        assert done.code == 1
        assert f"{name}: can't be written: File name too long" in done.err
    assert [path.name for path in world.folder.iterdir()] == ["job.toml"]


def test_a_plan_may_travel(world: World, here: Here) -> None:
    """Under another name and in another folder, the same plan resumes its journal."""
    _planned(here)
    assert here(*APPLYING).code == 0
    (world.folder / "elsewhere").mkdir()
    shutil.move(world.folder / "scan.plan", world.folder / "elsewhere" / "other.txt")
    done = here("apply", "elsewhere/other.txt", "--journal", "scan.jsonl")
    assert (done.code, world.writes) == (0, 12)


def test_the_server_is_read_before_the_first_write(world: World, here: Here) -> None:
    """Nothing is planned again; bulkops reads only the state of the operations' targets."""
    _planned(here)
    requests: list[Request] = []
    world.simulator.before = requests.append
    assert here(*APPLYING).code == 0
    first_write = next(i for i, request in enumerate(requests) if request.writes)
    # The run task's name, /ping and the attachments: what is compared with what the plan saw.
    assert first_write == 3


def test_a_plan_with_a_gate_is_resumed_and_undone(world: World, here: Here) -> None:
    """The gate's folder is part of neither job: the same command resumes, and undoes in turn."""
    world.job(("[pace]", "[rollout]\nwaves=['1']\npause='manual'\ngate='true'\n[pace]"))
    _planned(here)
    assert here(*APPLYING).code == 6
    assert here(*APPLYING, "--continue").code == 0
    before = world.shown()
    # An undo, and its own undo, have no waves, pause or gate.
    for undone in ("scan.jsonl", "scan.undo.jsonl"):
        done = here("undo", undone, "--yes")
        assert (done.code, "Gate of wave" in done.err) == (0, False)
        assert here("undo", undone, "--yes").code == 0
    assert world.shown() == before
