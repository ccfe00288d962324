"""Which journal ``bulkops apply`` starts, resumes or refuses."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import msgspec
import pytest

from tests.cli.support import World, ended
from tests.conftest import Here


def _interrupted(world: World, here: Here, *arguments: str) -> None:
    """Leave a job unfinished: its token is refused from the fourth write on."""
    world.simulator.before = lambda _request: _refuse_after(world, 4)
    done = here(*arguments)
    world.simulator.before = None
    world.simulator.tokens = None
    assert done.code == 1
    assert 0 < world.writes < 12


def _refuse_after(world: World, writes: int) -> None:
    if world.writes >= writes:
        world.simulator.tokens = {}


def _folder(world: World) -> list[Path]:
    return sorted((world.folder / ".bulkops" / "scan").glob("*.jsonl"))


def test_a_new_journal_is_named_before_anything_is_sent(world: World, here: Here) -> None:
    """``--journal FILE`` is created; its header has the job in it, never a token."""
    assert here(*world.applying).code == 0
    header = msgspec.json.decode(world.journal.read_bytes().splitlines()[0])
    assert header["type"] == "header"
    assert (header["address"], header["organization"]) == (world.address, "acme")
    assert world.journal.stat().st_mode & 0o077 == 0


def test_an_unfinished_journal_is_resumed(world: World, here: Here) -> None:
    """The same command resumes the journal and does nothing twice."""
    _interrupted(world, here, *world.applying)
    done = here(*world.applying)
    assert done.code == 0
    assert done.err.startswith("Resuming scan.jsonl.\n")
    assert world.all_desired()
    assert set(world.changed().values()) == {1}


def test_resuming_asks_as_well(world: World, here: Here) -> None:
    """An unfinished journal without --yes and terminal: exit 2, nothing is sent."""
    _interrupted(world, here, *world.applying)
    before = world.requests
    done = here("apply", "job.toml", "--journal", "scan.jsonl")
    assert done.code == 2
    assert "Add --yes" in done.err
    assert world.requests == before


def test_a_finished_journal_sends_no_change(world: World, here: Here) -> None:
    """A finished journal is only compared with the server, needs no --yes, and exits 0."""
    here(*world.applying)
    done = here("apply", "job.toml", "--journal", "scan.jsonl")
    assert done.code == 0
    assert "Nothing is left to do" in done.err
    assert "  verified: 12 of 12 operations" in done.lines
    assert world.writes == 12


def test_a_finished_journal_that_has_drifted_is_exit_3(world: World, here: Here) -> None:
    """Drift after a finished job is shown, exit 3, and not corrected."""
    here(*world.applying)
    world.simulator.detach("prod-004", "security-scan")
    done = here(*world.applying)
    assert done.code == 3
    assert "  verified: 11 of 12 operations, 1 drifted" in done.lines
    assert any("prod-004" in line and "not attached" in line for line in done.lines)
    assert world.writes == 12


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('"mandatory"', '"advisory"'), "another job"),
        (("all = true", 'names = ["prod-*"]'), "another job"),
        (('"acme"', '"other"'), "another job"),
    ],
    ids=["level", "selection", "organization"],
)
def test_another_jobs_journal_is_refused(
    world: World, here: Here, change: tuple[str, str], says: str
) -> None:
    """Another job's journal is refused: exit 2, nothing sent, file unchanged."""
    _interrupted(world, here, *world.applying)
    before, journal = world.requests, world.journal.read_bytes()
    world.job(change)
    done = here(*world.applying)
    assert done.code == 2
    assert says in done.err
    assert "bulkops resume scan.jsonl" in done.err
    assert (world.requests, world.journal.read_bytes()) == (before, journal)


@pytest.mark.parametrize(
    "change",
    [
        ("[pace]", "[pace]\nrate = 200\nmax_at_once = 2"),
        ("[pace]", "[rollout]\nmax_failures = 9\n[pace]"),
        ("[pace]", '[journal]\nlease = "2m"\n[pace]'),
    ],
    ids=["pace", "max_failures", "lease"],
)
def test_pace_tolerance_and_lease_may_change(
    world: World, here: Here, change: tuple[str, str]
) -> None:
    """A job with another pace, tolerance or lease resumes the same journal."""
    _interrupted(world, here, *world.applying)
    world.job(change)
    assert here(*world.applying).code == 0
    assert set(world.changed().values()) == {1}


def test_the_default_journal_is_in_the_jobs_folder(world: World, here: Here) -> None:
    """Without ``--journal`` one named by UTC time is started in .bulkops/<job>/, and named."""
    done = here("apply", "job.toml", "--yes")
    (journal,) = _folder(world)
    assert f"Journal: {journal.relative_to(world.folder)}" in done.err
    assert journal.name.startswith("20")
    assert journal.name.endswith("Z.jsonl")


def test_the_newest_unfinished_default_journal_is_resumed(world: World, here: Here) -> None:
    """Without ``--journal`` the same command resumes; once that is done it starts a new journal."""
    _interrupted(world, here, "apply", "job.toml", "--yes")
    assert here("apply", "job.toml", "--yes").code == 0
    assert len(_folder(world)) == 1
    world.simulator.detach("prod-001", "security-scan")
    assert here("apply", "job.toml", "--yes").code == 0
    assert len(_folder(world)) == 2
    assert world.all_desired()
    assert world.writes == 13


def test_another_jobs_default_journal_is_unchanged(world: World, here: Here) -> None:
    """A changed job of the same name starts its own journal beside the unfinished one."""
    _interrupted(world, here, "apply", "job.toml", "--yes")
    (first,) = _folder(world)
    before = first.read_bytes()
    world.job(("all = true", 'names = ["prod-01*"]'))
    assert here("apply", "job.toml", "--yes").code == 0
    assert len(_folder(world)) == 2
    assert first.read_bytes() == before


@pytest.mark.parametrize("journal", ["job.toml/scan.jsonl", "/dev/null/scan.jsonl"])
def test_a_journal_that_cant_be_written_is_exit_14(world: World, here: Here, journal: str) -> None:
    """A journal below a regular file can't be: exit 14, nothing is sent, and what to do."""
    done = here("apply", "job.toml", "--yes", "--journal", journal)
    assert done.code == 14
    assert "choose another place for the journal" in done.err
    assert world.requests == 0


def test_a_default_folder_that_cant_be_made_is_exit_14(world: World, here: Here) -> None:
    """A file at ``.bulkops``: exit 14, nothing is sent, and the message says what to do."""
    (world.folder / ".bulkops").write_text("in the way")
    done = here("apply", "job.toml", "--yes")
    assert done.code == 14
    assert ".bulkops" in done.err
    assert "choose another place for the journal" in done.err
    assert world.requests == 0


def test_a_full_disk_is_exit_14_and_stops_sending(world: World, here: Here) -> None:
    """A full disk ends the job with 14; the same command resumes it later."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    # -B: Python's own caches would be cut to that size, too, and stay so for other tests.
    command = shlex.join([sys.executable, "-B", "-m", "bulkops", *world.applying])
    done = ended(world.start_program(["/bin/bash", "-c", f"ulimit -f 5; exec {command}"]))
    assert done.code == 14
    assert 0 < world.writes < 12
    assert "then run the same command again" in done.err
    assert here(*world.applying).code == 0
    assert world.all_desired()
    assert set(world.changed().values()) == {1}


def test_an_unfinished_journal_that_was_undone_is_not_resumed(world: World, here: Here) -> None:
    """The rest of its job alone would be done: a new journal has all of it."""
    _interrupted(world, here, "apply", "job.toml", "--yes")
    (journal,) = _folder(world)
    assert here("undo", str(journal), "--yes").code == 0
    assert not any(world.shown().values())
    assert here("apply", "job.toml", "--yes").code == 0
    assert len(_folder(world)) == 3
    assert world.all_desired()
