"""``journal list``: which journals the default place has, and which of them to resume."""

from __future__ import annotations

import signal

import pytest

from tests.cli.support import World
from tests.conftest import Here
from tests.journal.remote.tiny_s3 import TinyS3

PREFIX = "s3://journals/team"
STARTING = ("apply", "job.toml", "--yes")


def other_job(world: World) -> None:
    """Write a second job file."""
    world.job(('name = "scan"', 'name = "lint"'), name="lint.toml")


def test_journals_in_the_folder_are_listed(world: World, here: Here) -> None:
    """Each with its job, organization, start and end; no request is sent, and no token needed."""
    assert here(*STARTING).code == 0
    other_job(world)
    world.simulator.detach("prod-001", "security-scan")
    world.kill(signal.SIGKILL, write=1, stage="before", arguments=("apply", "lint.toml", "--yes"))
    requests = world.requests
    done = here("journal", "list", TFE_TOKEN="", TFE_ADDRESS="")
    assert (done.code, done.err, world.requests) == (0, "", requests)
    head, newest, oldest = (" ".join(line.split()) for line in done.lines)
    assert head == "JOURNAL JOB ORGANIZATION STARTED (UTC) STATE"
    assert newest.startswith(".bulkops/lint/")
    assert " lint acme 20" in newest
    assert newest.endswith(" not finished")
    assert oldest.startswith(".bulkops/scan/")
    assert oldest.endswith(" ended: complete")


def test_the_journals_of_one_job(world: World, here: Here) -> None:
    """``--job`` takes its exact name; another job's damage does not matter then."""
    assert here(*STARTING).code == 0
    (world.folder / ".bulkops" / "lint").mkdir()
    (world.folder / ".bulkops" / "lint" / "1.jsonl").write_bytes(b"garbage")
    done = here("journal", "list", "--job", "scan", "--json")
    (event,) = done.objects
    assert done.code == 0
    assert event == {
        "type": "listed",
        "journal": event["journal"],
        "job": "scan",
        "organization": "acme",
        "created_at": event["created_at"],
        "ended": "complete",
        "problem": "",
    }
    assert here("journal", "list", "--job", "sc*").out == ".bulkops: no journals of the job sc*.\n"


def test_what_cannot_be_read_is_listed_and_exit_1(world: World, here: Here) -> None:
    """The others are listed, too."""
    assert here(*STARTING).code == 0
    (world.folder / ".bulkops" / "lint").mkdir()
    (world.folder / ".bulkops" / "lint" / "1.jsonl").write_bytes(b"garbage")
    done = here("journal", "list")
    assert done.code == 1
    assert done.lines[1].endswith(" ended: complete")
    assert done.lines[2].startswith(".bulkops/lint/1.jsonl")
    assert "is not a bulkops journal" in done.lines[2]
    events = here("journal", "list", "--json").objects
    assert [bool(event["problem"]) for event in events] == [False, True]
    assert (events[1]["job"], events[1]["ended"]) == (None, None)


@pytest.mark.parametrize("place", [".bulkops", "elsewhere", PREFIX])
def test_no_journal_at_all_is_said(here: Here, bucket: TinyS3, place: str) -> None:
    """Exit 0; with ``--json`` stdout stays empty."""
    done = here("journal", "list", BULKOPS_JOURNALS=place)
    assert (done.code, done.out) == (0, f"{place}: no journals.\n")
    done = here("journal", "list", "--json")
    assert (done.code, done.out, done.err) == (0, "", f"{place}: no journals.\n")
    assert bucket.objects == {}


@pytest.mark.parametrize(
    ("number", "ended"), [(signal.SIGKILL, ""), (signal.SIGTERM, "SIGTERM")], ids=["kill", "term"]
)
def test_after_the_loss_of_a_disk_the_journal_in_a_bucket_is_found(
    world: World, here: Here, bucket: TinyS3, number: signal.Signals, ended: str
) -> None:
    """By its prefix, and it can be resumed by its address; the list writes nothing there."""
    world.environment["BULKOPS_JOURNALS"] = PREFIX
    world.kill(number, write=5, stage="after", arguments=STARTING)
    assert not (world.folder / ".bulkops").exists()
    bucket.asked.clear()
    done = here("journal", "list", "--job", "scan", "--json")
    assert done.code == 0, done.err
    (event,) = done.objects
    assert {asked.method for asked in bucket.asked} == {"GET"}
    assert (event["job"], event["ended"]) == ("scan", ended)
    journal = str(event["journal"])
    assert journal.startswith(f"{PREFIX}/scan/")
    resumed = here("resume", journal, "--yes")
    if number == signal.SIGKILL:
        # Its lease still has to run out.
        assert (resumed.code, "--wait" in resumed.err) == (11, True)
        return
    assert resumed.code == 0
    assert world.all_desired()
    (line,) = here("journal", "list").lines[1:]
    assert line.startswith(journal)
    assert line.endswith(" ended: complete")


def test_a_store_that_cannot_be_read_is_an_error(here: Here, bucket: TinyS3) -> None:
    """It is not an empty list: the bucket does not exist."""
    done = here("journal", "list", BULKOPS_JOURNALS="s3://no-such-bucket/team")
    assert (done.code, done.out) == (1, "")
    assert "s3://no-such-bucket/team: can't be read" in done.err
    assert bucket.objects == {}
