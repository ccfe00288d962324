"""A plan that reverts what an unfinished job did notes that job's journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands.test_apply import on_a_terminal
from tests.cli.support import TASK, World
from tests.conftest import Here

ONE_BY_ONE = ("[pace]", "[pace]\nmax_at_once = 1")
LEVEL = ('enforcement_level = "mandatory"\n', "")
ANOTHER = ('name = "scan"', 'name = "another"')
DETACH = (ANOTHER, ('"attach"', '"detach"'), LEVEL)
ADVISORY = (ANOTHER, ('"mandatory"', '"advisory"'))


@pytest.fixture(params=["default", "scan.jsonl"])
def journal(world: World, here: Here, request: pytest.FixtureRequest) -> Path:
    """The journal of a job that stopped after four of its twelve changes."""
    named = () if request.param == "default" else ("--journal", request.param)
    world.job(ONE_BY_ONE)
    _stop_after_four(world, here, *named)
    (path,) = world.folder.rglob("*.jsonl")
    return path.relative_to(world.folder)


def _stop_after_four(world: World, here: Here, *named: str) -> None:
    """Apply the job until its token is refused."""

    def refuse(_request: object) -> None:
        if world.writes >= 4:
            world.simulator.tokens = {}

    world.simulator.before = refuse
    assert here("apply", "job.toml", "--yes", *named).code == 1
    world.simulator.before = None
    world.simulator.tokens = None
    assert world.writes == 4


def _notes(here: Here, *arguments: str) -> list[str]:
    """Return the notes of an unconfirmed apply, with its journal in this folder."""
    done = here(*(arguments or ("apply", "job.toml", "--journal", "new.jsonl")))
    assert done.code in (0, 2), done
    lines = (done.out + done.err).splitlines()
    return [line.strip() for line in lines if "Note: " in line and "not finished" in line]


@pytest.mark.parametrize(
    ("changes", "effect"),
    [
        (DETACH, "reverts 4 of its changes"),
        (ADVISORY, "reverts 4 of its changes and prevents 8 more"),
    ],
    ids=["detach", "level"],
)
def test_the_note_names_the_journal_and_the_way_out(
    world: World,
    here: Here,
    journal: Path,
    changes: tuple[tuple[str, str], ...],
    effect: str,
) -> None:
    """The note counts the changes that are reverted and the pending ones that conflict."""
    world.job(*changes)
    expected = (
        f"Note: {journal} is not finished: this plan {effect}. Run `bulkops resume {journal}` or "
        f"`bulkops undo {journal}` first"
    )
    assert _notes(here) == [expected]
    in_default_folder = len(journal.parts) > 1
    assert _notes(here, "plan", "job.toml") == ([expected] if in_default_folder else [])


def test_changes_of_workspaces_that_inherit_their_mode_are_counted(
    world: World, here: Here
) -> None:
    """A job that leaves an inherited mode, since it is as desired, made its change nevertheless."""
    settings = (
        ('"attach"', '"workspace-update"'),
        (f'task = "{TASK}"\n', ""),
        (LEVEL[0], 'execution_mode = "remote"\nauto_apply = true\n'),
        ONE_BY_ONE,
    )
    world.job(*settings)
    _stop_after_four(world, here)
    world.job(*settings, ANOTHER, ("auto_apply = true", "auto_apply = false"))
    (note,) = _notes(here, "plan", "job.toml")
    assert "reverts 4 of its changes" in note


def test_the_organization_in_another_case_is_the_same_job(
    world: World, here: Here, journal: Path
) -> None:
    """The job resumes its journal, and a job that contradicts it is noted."""
    other = ('"acme"', '"ACME"')
    world.job(other, *ADVISORY)
    assert len(_notes(here)) == 1
    world.job(other)
    named = () if len(journal.parts) > 1 else ("--journal", str(journal))
    assert here("apply", "job.toml", "--yes", *named).code == 0
    assert list(world.folder.rglob("*.jsonl")) == [world.folder / journal]
    assert world.writes == 12


def test_a_saved_plan_notes_it_once(world: World, here: Here, journal: Path) -> None:
    """Noted when it was planned, and looked for again when it is applied."""
    world.job(*ADVISORY)
    here("plan", "job.toml", "--out", "scan.plan")
    done = here("apply", "scan.plan", "--journal", "new.jsonl", "--despite-unfinished")
    assert done.code == 0
    assert done.err.count(f"Note: {journal} is not finished") == 1


def test_a_job_that_agrees_or_is_about_something_else_gets_no_note(
    world: World, here: Here, journal: Path
) -> None:
    """The same spec, another run task, and the undo of that very journal."""
    world.job(ANOTHER)
    assert _notes(here) == []
    world.simulator.add_task("cost-check")
    world.job(*ADVISORY, (f'"{TASK}"', '"cost-check"'))
    assert _notes(here) == []
    assert _notes(here, "undo", str(journal)) == []


def test_a_job_on_another_server_gets_no_note(world: World, here: Here, journal: Path) -> None:
    """The same organization at another address is another one."""
    world.job(*ADVISORY)
    elsewhere = world.address.replace("127.0.0.1", "localhost")
    assert _notes(here, "plan", "job.toml", "--address", elsewhere) == []
    assert journal.exists()


def test_a_change_made_outside_the_job_since_is_not_counted(
    world: World, here: Here, journal: Path
) -> None:
    """Only a change that still holds can be reverted."""
    for name, shows in world.shown().items():
        if shows:
            world.simulator.detach(name, TASK)
            world.simulator.attach(name, TASK, stages=("pre_apply",))
    world.job(*DETACH)
    assert _notes(here) == []
    assert journal.exists()


def test_a_finished_job_causes_no_note(world: World, here: Here, journal: Path) -> None:
    """Another job may change what a finished job did."""
    assert here("resume", str(journal), "--yes").code == 0
    world.job(*DETACH)
    assert _notes(here) == []


def test_a_job_that_was_undone_causes_no_note(world: World, here: Here, journal: Path) -> None:
    """Its pending operations are nobody's wish any more; so other jobs aren't blocked."""
    world.job(*ADVISORY)
    assert len(_notes(here, "plan", "job.toml")) == (len(journal.parts) > 1)
    assert here("undo", str(journal), "--yes").code == 0
    assert _notes(here) == []
    assert _notes(here, "plan", "job.toml") == []


@pytest.mark.parametrize("damage", [b"", b"garbage\n", b'{"type":"intent"}\n', b"\xff\xfe\n"])
def test_a_journal_that_cant_be_read_is_passed_over(
    world: World, here: Here, journal: Path, damage: bytes
) -> None:
    """Other commands report an unreadable journal; a plan ignores it."""
    (world.folder / journal).write_bytes(damage)
    world.job(*ADVISORY)
    assert _notes(here) == []
    (world.folder / journal).unlink()
    (world.folder / journal).mkdir()
    assert _notes(here) == []


def test_a_torn_journal_is_noted_as_well(world: World, here: Here, journal: Path) -> None:
    """A journal with a torn tail is an unfinished job as well."""
    with (world.folder / journal).open("ab") as file:
        file.write(b'{"seq":99,"gro')
    world.job(*ADVISORY)
    (note,) = _notes(here)
    assert "reverts 4 of its changes" in note


def _stops(world: World, here: Here, journal: Path, *arguments: str) -> bool:
    """Return whether a command ends with 2, names the journal and the option, and sends nothing."""
    before, files = world.writes, set(world.folder.rglob("*.jsonl"))
    done = here(*arguments)
    assert (world.writes, set(world.folder.rglob("*.jsonl"))) == (before, files)
    last = done.err.splitlines()[-1]
    named = f"this plan contradicts {journal}, which is not finished" in last
    return done.code == 2 and named and f"`bulkops resume {journal}`" in last


@pytest.mark.parametrize("yes", [("--yes",), ("--confirm", TASK), ()], ids=" ".join)
def test_a_yes_without_a_question_is_not_enough(
    world: World, here: Here, journal: Path, yes: tuple[str, ...]
) -> None:
    """Exit 2 with the journal that comes first, unless ``--despite-unfinished``."""
    world.job(*ADVISORY)
    applying = ("apply", "job.toml", "--journal", "new.jsonl", *yes)
    assert _stops(world, here, journal, *applying)
    done = here(*applying, "--despite-unfinished")
    assert done.code == (0 if yes else 2)
    assert "Add --yes" in done.err or yes
    assert f"Note: {journal} is not finished" in done.err


def test_a_saved_plan_stops_as_well(world: World, here: Here, journal: Path) -> None:
    """The contradicting job may have started after the plan was reviewed."""
    world.job(*ADVISORY)
    here("plan", "job.toml", "--out", "scan.plan")
    assert _stops(world, here, journal, "apply", "scan.plan", "--journal", "new.jsonl")


def test_an_undo_stops_as_well(world: World, here: Here, journal: Path) -> None:
    """Undoing what another job changes is a contradiction as well."""
    world.job(*ADVISORY)
    arguments = ("apply", "job.toml", "--journal", "new.jsonl", "--despite-unfinished")
    assert here(*arguments, "--yes").code == 0
    world.job()
    assert here("resume", str(journal), "--yes").code in (3, 4)
    if _notes(here, "undo", "new.jsonl"):
        assert _stops(world, here, journal, "undo", "new.jsonl", "--yes")
        assert here("undo", "new.jsonl", "--yes", "--despite-unfinished").code == 0


def test_on_a_terminal_the_answer_counts(world: World, journal: Path) -> None:
    """The note is shown, and a yes is enough, since the user has read it."""
    world.job(*ADVISORY)
    arguments = ("apply", "job.toml", "--journal", "new.jsonl")
    code, screen = on_a_terminal(world, b"yes\n", *arguments)
    assert code == 0
    assert "is not finished: this plan reverts" in screen
    assert journal.exists()


def test_finished_it_stops_nothing(world: World, here: Here, journal: Path) -> None:
    """Once the other job came to its end, a yes is enough."""
    world.job(*ADVISORY)
    assert here("resume", str(journal), "--yes").code == 0
    assert here("apply", "job.toml", "--journal", "new.jsonl", "--yes").code == 0


def test_another_version_of_the_job_is_noted_and_starts_all_the_same(
    world: World, here: Here, journal: Path
) -> None:
    """Other waves make another job, with a journal of its own: an undo of everything needs both."""
    world.job(("[pace]", '[rollout]\nwaves = ["50%"]\n\n[pace]'))
    note = f"Note: {journal} is not finished: it is the journal of another version of this job."
    done = here("apply", "job.toml", "--journal", "new.jsonl", "--yes")
    assert done.code == 0
    assert note in done.err
    assert "to undo everything you need both" in done.err
