"""``--metrics-file`` of the real commands."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bulkops.api.messages import Request
from bulkops.simulator.faults import Faults
from tests.cli.commands.test_reports import refused
from tests.cli.support import World, ended
from tests.conftest import Here

FILE = ("--metrics-file", "scan.prom")
END = "bulkops_execution_end_time_seconds"


@pytest.fixture(autouse=True)
def nothing_left_behind(world: World) -> Iterator[None]:
    """Whatever happened, no half-written file is left in the folder."""
    yield
    assert not list(world.folder.glob(".scan.prom*"))


def metrics(world: World) -> dict[str, float]:
    """Return the file's samples by name, those of an outcome by the outcome."""
    text = (world.folder / "scan.prom").read_text(encoding="utf-8")
    return {
        sample.labels.get("outcome", sample.name): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def labels(world: World) -> dict[str, str]:
    """Return the labels of ``bulkops_info``."""
    text = (world.folder / "scan.prom").read_text(encoding="utf-8")
    families = text_string_to_metric_families(text)
    (info,) = (family for family in families if family.name == "bulkops_info")
    return dict(info.samples[0].labels)


def test_a_finished_job(world: World, here: Here) -> None:
    """Counts, exit code 0 and both dates, readable by the collector; stdout is the same."""
    umask = os.umask(0o077)
    try:
        done = here(*world.applying, *FILE)
    finally:
        os.umask(umask)
    assert done.code == 0
    found = metrics(world)
    assert (found["succeeded"], found["pending"], found["bulkops_exit_code"]) == (12, 0, 0)
    assert found["bulkops_requests_total"] >= 12
    assert found["bulkops_in_flight"] == 0
    assert found[END] >= found["bulkops_execution_start_time_seconds"] > 1.7e9
    assert (world.folder / "scan.prom").stat().st_mode & 0o777 == 0o644
    values = labels(world)
    assert (values["job_name"], values["organization"], values["kind"]) == (
        "scan",
        "acme",
        "attach",
    )
    assert values["address"] == world.address
    assert values["run_id"].startswith("bulkops-")


def test_failures(world: World, here: Here) -> None:
    """Failures are counted, and the exit code is the command's; a later resume overwrites them."""
    refused(world, here)
    assert here("resume", "scan.jsonl", "--yes", *FILE).code == 3
    found = metrics(world)
    assert (found["failed"], found["succeeded"], found["bulkops_exit_code"]) == (3, 10, 3)
    again = ("resume", "scan.jsonl", "--retry-failed", "--yes", *FILE)
    assert here(*again).code == 0
    found = metrics(world)
    assert (found["failed"], found["succeeded"], found["bulkops_exit_code"]) == (0, 13, 0)


def test_an_undo_has_its_own_kind(world: World, here: Here) -> None:
    """An undo's metrics have their own kind, also when it is resumed."""
    here(*world.applying)
    assert here("undo", "scan.jsonl", "--yes", *FILE).code == 0
    assert labels(world)["kind"] == "undo of attach"
    assert metrics(world)["succeeded"] == 12
    assert here("resume", "scan.undo.jsonl", "--yes", *FILE).code == 0
    assert labels(world)["kind"] == "undo of attach"


def test_nothing_to_do_is_an_end_as_well(world: World, here: Here) -> None:
    """A nightly job that finds all as desired writes exit code 0, not the previous one."""
    refused(world, here)
    here("resume", "scan.jsonl", "--yes", *FILE)
    assert metrics(world)["bulkops_exit_code"] == 3
    world.job()
    here("apply", "job.toml", "--journal", "second.jsonl", "--yes")
    done = here("apply", "job.toml", "--journal", "third.jsonl", "--yes", *FILE)
    assert "Nothing to do." in done.err
    found = metrics(world)
    assert found["bulkops_exit_code"] == 0
    assert "succeeded" not in found


def test_an_error_before_anything_is_sent_is_an_end(world: World, here: Here) -> None:
    """A token that the server doesn't take: exit code 1 is in the file."""
    world.simulator.tokens = {}
    assert here(*world.applying, *FILE).code == 1
    assert metrics(world)["bulkops_exit_code"] == 1


def test_one_that_waits_for_its_turn_leaves_the_others_file(world: World, here: Here) -> None:
    """A command that exits with 11 leaves the metrics to the one that holds the journal."""
    world.simulator.faults = Faults.parse("POST:hang-before=100%", 0)
    first = world.start(*world.applying, *FILE, "--drain-timeout", "0")
    assert first.stderr is not None
    while "Journal: " not in first.stderr.readline():
        pass
    assert here(*world.applying, *FILE).code == 11
    assert "bulkops_exit_code" not in metrics(world)
    # Not killed: it may be writing its file.
    first.send_signal(signal.SIGTERM)
    assert ended(first).code == 143


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_is_an_end(world: World, number: signal.Signals, code: int) -> None:
    """Interrupted in the middle: its exit code, and how far it came."""
    world.job(("[pace]", "[pace]\nmax_at_once = 2"))
    arguments = (*world.applying, *FILE)
    assert world.kill(number, write=4, stage="before", arguments=arguments).code == code
    found = metrics(world)
    assert found["bulkops_exit_code"] == code
    assert found["succeeded"] == world.writes
    assert found["pending"] == 12 - world.writes


def test_a_killed_one_has_no_end(world: World) -> None:
    """After SIGKILL the file still says that it runs, with the run's id, for an alert."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    arguments = (*world.applying, *FILE)
    world.kill(signal.SIGKILL, write=6, stage="before", arguments=arguments)
    found = metrics(world)
    assert END not in found
    assert "bulkops_exit_code" not in found
    assert found["pending"] > 0


def test_metrics_are_written_during_the_job(
    world: World, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Periodically: how many operations are done, how many are in flight."""
    monkeypatch.setattr("bulkops.cli.run.metrics_file.EVERY_SECONDS", 0.001)
    world.job(("[pace]", "[pace]\nmax_at_once = 2"))
    observed: list[dict[str, float]] = []

    def look(_request: Request) -> None:
        observed.append(metrics(world))

    world.simulator.after = look
    assert here(*world.applying, *FILE).code == 0
    assert all(END not in one for one in observed)
    assert {one.get("in_doubt", 0) for one in observed} == {0}
    done = [one["succeeded"] for one in observed if "succeeded" in one]
    assert done == sorted(done)
    assert len(set(done)) > 2
    assert max(one.get("bulkops_in_flight", 0) for one in observed) > 0


@pytest.mark.parametrize("place", ["no/such/scan.prom", "folder"])
def test_if_it_cant_be_written_nothing_is_sent(world: World, here: Here, place: str) -> None:
    """Exit 1 names the file before any request."""
    (world.folder / "folder").mkdir()
    done = here(*world.applying, "--metrics-file", place)
    assert done.code == 1
    assert done.err.startswith(f"Error: --metrics-file {place}: ")
    assert world.requests == 0
    assert not world.journal.exists()


def test_a_device_is_not_replaced(world: World, here: Here) -> None:
    """As root a rename over it would succeed."""
    done = here(*world.applying, "--metrics-file", "/dev/null")
    assert (done.code, done.err) == (1, "Error: --metrics-file /dev/null: is not a regular file\n")
    assert not Path("/dev/null").is_file()


def test_a_deleted_folder_is_a_note(world: World, here: Here) -> None:
    """Once the job runs, unwritable metrics don't stop it; one note reports them."""
    place = world.folder / "metrics"
    place.mkdir()

    def remove(request: Request) -> None:
        if request.writes:
            world.simulator.before = None
            (place / "scan.prom").unlink()
            place.rmdir()

    world.simulator.before = remove
    done = here(*world.applying, "--metrics-file", "metrics/scan.prom")
    assert done.code == 0
    assert done.err.count("--metrics-file metrics/scan.prom: can't be written") == 1
    assert "the job continues without it" in done.err
    assert world.all_desired()


def test_a_file_that_can_not_be_replaced_is_a_note(world: World, here: Here) -> None:
    """A folder in its place: the job ends as it would, and nothing half-written is left."""

    def exchange(request: Request) -> None:
        if request.writes:
            world.simulator.before = None
            (world.folder / "scan.prom").unlink()
            (world.folder / "scan.prom").mkdir()

    world.simulator.before = exchange
    done = here(*world.applying, *FILE)
    assert done.code == 0
    assert "--metrics-file scan.prom: can't be written: Is a directory" in done.err
