"""Journals and plans that others may have written: bulkops sends nothing because of them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from bulkops.api.messages import Request
from bulkops.journal.records import Header, Planned, Record, decode
from bulkops.operations.model import Observed, TaskRef
from tests.cli.support import TASK, World
from tests.conftest import Here
from tests.plan.forging import forge, only_planned, replaced, with_header

UNTRUSTED = "or pass --trust-files (BULKOPS_TRUST_FILES=1) if you trust them"
SENDING = [
    ("apply", "job.toml", "--journal", "scan.jsonl", "--yes"),
    ("resume", "scan.jsonl", "--yes"),
    ("verify", "scan.jsonl"),
    ("undo", "scan.jsonl", "--yes"),
]


def _detached(records: list[Record]) -> list[Record]:
    """Return the journal of an attach job, not carried out yet, that detaches everywhere."""
    gone: dict[str, object] = {"enforcement-level": "advisory", "stages": ["post_plan"]}
    return [
        replaced(one, before=Observed("wstask-1", gone), desired=None, verb="detach")
        if isinstance(one, Planned)
        else one
        for one in only_planned(records)
    ]


@pytest.fixture
def left(world: World) -> World:
    """A world with the journal of a job that was killed after four of its twelve changes."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.kill(signal.SIGKILL, write=4, stage="after")
    return world


@pytest.mark.parametrize("arguments", SENDING, ids=lambda words: words[0])
def test_a_forged_journal_is_exit_12_and_nothing_is_sent(
    left: World, here: Here, arguments: tuple[str, ...]
) -> None:
    """A journal with the job's digest but other operations is refused without a request."""
    forge(left.journal, _detached)
    data, requests = left.journal.read_bytes(), left.requests
    done = here(*arguments)
    assert (done.code, left.requests) == (12, requests)
    assert "scan.jsonl: contradicts itself: attach:ws-" in done.err
    assert "could not have decided" in done.err
    assert left.journal.read_bytes() == data


@pytest.mark.parametrize("more", [(), ("--retry-failed",), ("--confirm", TASK)])
def test_one_in_the_default_folder_stops_apply(
    left: World, here: Here, more: tuple[str, ...]
) -> None:
    """A forged journal in the default folder stops ``apply``, whichever job it claims."""
    folder = left.folder / ".bulkops" / "scan"
    folder.mkdir(parents=True)
    path = folder / "20990101T000000Z.jsonl"
    shutil.copy(left.journal, path)
    for change in (_detached, with_header(organization="evil"), with_header(digest="0" * 64)):
        shutil.copy(left.journal, path)
        forge(path, change)
        requests = left.requests
        done = here("apply", "job.toml", "--yes", *more)
        assert (done.code, left.requests) == (12, requests)
        assert f"{path.relative_to(left.folder)}: contradicts itself" in done.err


@pytest.mark.parametrize("arguments", [("status",), ("report",), ("report", "--format", "json")])
def test_a_forged_journal_is_not_reported(
    left: World, here: Here, arguments: tuple[str, ...]
) -> None:
    """``status`` and ``report`` refuse it; ``journal check`` says what is wrong with it."""
    forge(left.journal, _detached)
    command, *options = arguments
    done = here(command, "scan.jsonl", *options)
    assert (done.code, done.out) == (12, "")
    checked = here("journal", "check", "scan.jsonl")
    assert checked.code == 12
    assert "It contradicts itself: attach:ws-" in checked.err
    (event,) = here("journal", "check", "scan.jsonl", "--json").objects
    assert event["state"] == "disagreeing"
    assert "could not have decided" in str(event["problem"])
    assert here("journal", "repair", "scan.jsonl", "--accept-loss").code == 0
    assert here("status", "scan.jsonl").code == 12


@pytest.mark.parametrize("arguments", SENDING, ids=lambda words: words[0])
def test_another_run_task_under_the_jobs_name_is_found(
    left: World, here: Here, arguments: tuple[str, ...]
) -> None:
    """The job names the run task, and the server is asked which id has that name."""
    other = left.simulator.add_task("cost-check")
    forge(left.journal, with_header(task=TaskRef(other.id, TASK)))
    writes = left.writes
    done = here(*arguments)
    assert (done.code, left.writes) == (12, writes)
    assert f"its task {other.id} is not {TASK}, but cost-check" in done.err


def test_a_saved_plan_of_another_run_task_under_the_jobs_name_is_found(
    world: World, here: Here
) -> None:
    """The plan has an id, the job a name that is another run task's by now: exit 13."""
    assert here("plan", "job.toml", "--out", "scan.plan").code == 0
    tasks = world.simulator.world.organizations["acme"].tasks
    planned = tasks["scan-1"] = tasks.pop(TASK)
    planned.name = "scan-1"
    world.simulator.add_task(TASK)
    done = here("apply", "scan.plan", "--journal", "scan.jsonl")
    assert (done.code, world.writes) == (13, 0)
    assert f"its task {planned.id} is not {TASK}, but scan-1" in done.err


def test_a_job_whose_run_task_was_renamed_is_resumed(left: World, here: Here) -> None:
    """No other has its name: it is the one that the journal is about."""
    task = next(iter(left.simulator.world.organizations["acme"].tasks.values()))
    task.name = "security-scan-2"
    assert here("resume", "scan.jsonl", "--yes").code == 0
    assert here("verify", "scan.jsonl").code == 0
    assert here("undo", "scan.jsonl", "--yes").code == 0


def test_a_forged_undo_is_found(left: World, here: Here) -> None:
    """Each operation of an undo must be the inverse of one in the undone journal."""
    assert left.apply().code == 0

    def refuse(_request: object) -> None:
        if left.writes >= 16:
            left.simulator.tokens = {}

    left.simulator.before = refuse
    assert here("undo", "scan.jsonl", "--yes").code == 1
    left.simulator.before, left.simulator.tokens = None, None

    def restoring(records: list[Record]) -> list[Record]:
        level: dict[str, object] = {"enforcement-level": "advisory", "stages": ["pre_plan"]}
        return [
            replaced(one, key=f"update:{one.target.id}", desired=level, verb="update")
            if isinstance(one, Planned)
            else one
            for one in only_planned(records)
        ]

    forge(left.folder / "scan.undo.jsonl", restoring)
    requests = left.requests
    done = here("undo", "scan.jsonl", "--yes")
    assert (done.code, left.requests) == (12, requests)
    assert "reverts no change of that journal" in done.err


def test_a_plan_of_another_job_under_the_digest_of_a_plan_is_found(left: World, here: Here) -> None:
    """A detach whose journal claims the digest of an attach's plan is refused."""
    assert here("plan", "job.toml", "--out", "scan.plan").code == 0
    for name in left.shown():
        if not left.shown()[name]:
            left.simulator.attach(name, TASK)
    left.job(("attach", "detach"), ('enforcement_level = "mandatory"\n', ""), name="detach.toml")
    assert here("plan", "detach.toml", "--out", "detach.plan").code == 0
    journals = {}

    def refuse(request: Request) -> None:
        # The journal is there by then.
        if request.path.endswith("/ping"):
            left.simulator.tokens = {}

    for plan in ("scan", "detach"):
        left.simulator.before = refuse
        path = left.folder / f"{plan}.of-plan.jsonl"
        words = ("apply", f"{plan}.plan", "--journal", path.name, "--despite-unfinished")
        assert here(*words).code == 1
        left.simulator.before = left.simulator.tokens = None
        journals[plan] = path
    header = _header(journals["scan"])
    forge(journals["detach"], with_header(digest=header.digest, plan=header.plan))
    writes = left.writes
    done = here("apply", "scan.plan", "--journal", journals["detach"].name)
    assert (done.code, left.writes) == (12, writes)
    assert "its job is not that of the plan" in done.err


def _header(path: Path) -> Header:
    header = decode(path.read_bytes().splitlines()[0])
    assert isinstance(header, Header)
    return header


def _by_all(folder: Path) -> None:
    (folder / "scan.jsonl").chmod(0o666)


def _in_a_folder_of_all(folder: Path) -> None:
    folder.chmod(0o777)


def _of_another(folder: Path) -> None:
    os.chown(folder / "scan.jsonl", 12345, -1)


def _in_a_folder_of_another(folder: Path) -> None:
    os.chown(folder, 12345, -1)


root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
WAYS = [
    (_by_all, "scan.jsonl: is world-writable (mode 0666)"),
    (_in_a_folder_of_all, "is world-writable (mode 0777)"),
    pytest.param(_of_another, "scan.jsonl: belongs to user 12345", marks=root),
    pytest.param(_in_a_folder_of_another, "belongs to user 12345", marks=root),
]


@pytest.mark.parametrize(("give_away", "message"), WAYS)
@pytest.mark.parametrize("arguments", SENDING, ids=lambda words: words[0])
def test_what_others_may_have_written_is_refused(
    left: World,
    here: Here,
    arguments: tuple[str, ...],
    give_away: Callable[[Path], None],
    message: str,
) -> None:
    """A journal of another owner, or writable by everybody, or in such a folder: no request."""
    give_away(left.folder)
    requests = left.requests
    done = here(*arguments)
    assert (done.code, left.requests) == (2, requests)
    assert message in done.err
    assert UNTRUSTED in done.err
    assert here(*arguments, BULKOPS_TRUST_FILES="0").code == 2
    assert here(*arguments, BULKOPS_TRUST_FILES="").code == 2
    assert here("status", "scan.jsonl").code == 0
    if arguments[0] == "verify":
        assert here("verify", "scan.jsonl", "--trust-files").code == 3
        assert here("verify", "scan.jsonl", BULKOPS_TRUST_FILES="1").code == 3
    else:
        assert here(*arguments, "--trust-files").code == 0


@pytest.mark.parametrize("place", [".bulkops", ".bulkops/scan"])
def test_nothing_is_started_where_others_may_write(world: World, here: Here, place: str) -> None:
    """In the default folder, or in the one above, before any request."""
    (world.folder / ".bulkops" / "scan").mkdir(parents=True)
    (world.folder / place).chmod(0o777)
    requests = world.requests
    done = here("apply", "job.toml", "--yes")
    assert (done.code, world.requests) == (2, requests)
    assert f"{world.folder / place}: is world-writable" in done.err
    assert here("apply", "job.toml", "--yes", "--trust-files").code == 0


def test_a_folder_with_the_sticky_bit_is_trusted(left: World, here: Here) -> None:
    """As ``/tmp``: each file in it is its owner's alone."""
    left.folder.chmod(0o1777)
    assert here("resume", "scan.jsonl", "--yes").code == 0


def test_a_link_is_as_trusted_as_the_least_trusted_folder_on_its_way(
    left: World, here: Here
) -> None:
    """Anyone who may write to the link's folder can choose the file."""
    links = left.folder / "links"
    links.mkdir()
    links.chmod(0o777)
    (links / "scan.jsonl").symlink_to(left.journal)
    done = here("resume", "links/scan.jsonl", "--yes")
    assert done.code == 2
    assert f"{links}: is world-writable" in done.err
    links.chmod(0o755)
    left.folder.chmod(0o777)
    assert f"{left.folder}: is world-writable" in here("resume", "links/scan.jsonl", "--yes").err


def test_a_plan_that_others_may_have_written_is_refused(world: World, here: Here) -> None:
    """It is carried out without a question: exit 2, and no request."""
    assert here("plan", "job.toml", "--out", "scan.plan").code == 0
    (world.folder / "scan.plan").chmod(0o666)
    requests = world.requests
    done = here("apply", "scan.plan", "--journal", "scan.jsonl")
    assert (done.code, world.requests) == (2, requests)
    assert "scan.plan: is world-writable (mode 0666)" in done.err
    assert here("apply", "scan.plan", "--journal", "scan.jsonl", "--trust-files").code == 0


def test_folders_are_made_for_their_owner_alone(world: World, here: Here) -> None:
    """Whatever the umask, new folders belong to their owner, and the same command resumes there."""
    before = os.umask(0)
    try:
        assert here("apply", "job.toml", "--yes").code == 0
    finally:
        os.umask(before)
    for place in (".bulkops", ".bulkops/scan"):
        assert (world.folder / place).stat().st_mode & 0o022 == 0
    assert here("apply", "job.toml", "--yes").code == 0
