"""``--log-file FILE``: the real command against a simulated server, and what is in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bulkops.simulator.faults import Faults
from tests.cli.support import HMAC_KEY, TOKEN, World, ended
from tests.conftest import Here

LOG = "log.jsonl"
REQUEST = {
    "method",
    "route",
    "path",
    "status",
    "attempt",
    "seconds",
    "request_id",
    "error",
}
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")


def logged(world: World) -> list[dict[str, Any]]:
    """Return the file's events."""
    lines = (world.folder / LOG).read_text(encoding="utf-8").splitlines()
    return [msgspec.json.decode(line) for line in lines]


def test_a_job_with_faults_is_logged_line_by_line(world: World) -> None:
    """The file has every request with fields, run id and operation; stderr is unchanged."""
    world.simulator.faults = Faults.parse("POST:close-after=20%,POST:503=10%,GET:503=30%", seed=1)
    done = world.run("--log-file", LOG, *world.applying)
    assert done.code == 0
    assert "request_finished" not in done.err
    log = logged(world)
    for event in log:
        assert {"event", "level", "timestamp"} <= event.keys()
    requests = [event for event in log if event["event"] == "request_finished"]
    assert len(requests) == world.requests
    for request in requests:
        assert request.keys() >= REQUEST
        assert (request["status"] is None) == (request["error"] is not None)
        assert (request["request_id"] is None) == (request["status"] in (None, 503))
    assert {r["status"] for r in requests} >= {None, 201, 503}
    assert {r["attempt"] for r in requests} >= {1, 2}

    started = next(n for n, event in enumerate(log) if event["event"] == "execution_started")
    run_id = log[started]["run_id"]
    assert run_id in world.journal.read_text(encoding="utf-8").splitlines()[0]
    assert {event.get("run_id") for event in log[started:]} == {run_id}
    writes = [event for event in requests if event["method"] != "GET"]
    assert {event["route"] for event in writes} == {"/workspaces/{workspace_id}/tasks"}
    assert len({event["operation"] for event in writes}) == 12
    for event in writes:
        assert event["operation"].removeprefix("attach:") == event["path"].split("/")[4]
    results = [event for event in log if event["event"] == "operation_finished"]
    assert sorted(event["target"] for event in results) == sorted(world.shown())


def test_it_is_appended_to(world: World) -> None:
    """The file has one command after the other, each with its own start, plans and reports."""
    for arguments in (("plan", "job.toml"), world.applying, ("verify", "scan.jsonl")):
        assert world.run("--log-file", LOG, *arguments).code == 0
    assert world.run("--log-file", LOG, "status", "no-such.jsonl").code == 2
    log = logged(world)
    starts = [event["command"] for event in log if event["event"] == "command_started"]
    assert starts == ["plan", "apply", "verify", "status"]
    assert log[-1]["event"] == "command_failed"
    assert log[-1]["exit_code"] == 2
    assert "no-such.jsonl" in log[-1]["error"]


def test_it_is_json_beside_debug_text(world: World) -> None:
    """``--debug`` prints the same events on stderr as text; the file stays JSON."""
    process = world.start("--debug", "--log-file", LOG, "plan", "job.toml")
    done = ended(process, debug=True)
    assert done.err.count("event=request_finished") == world.requests
    assert [event["event"] for event in logged(world)].count("request_finished") == world.requests


def test_no_secret_gets_into_it(world: World) -> None:
    """Neither the token nor an HMAC key is in it, even if the server quotes it in a refusal."""
    change = ("task", "update", "security-scan", "--hmac-key-env", "KEY", "--yes")
    world.environment |= {"KEY": HMAC_KEY, "TFE_ORGANIZATION": "acme"}
    for world.simulator.faults in (
        None,
        Faults.parse("PATCH:500=100%", seed=2),
        Faults.parse("GET:503=9%", seed=2),
    ):
        ended(world.start("--debug", "--log-file", LOG, *change), debug=True)
    kind = ('kind = "attach"', 'kind = "task-rotate-hmac"\nkey_env = "KEY"')
    rest = (('enforcement_level = "mandatory"\n', ""), ("[select]\nall = true\n", ""))
    world.job(kind, *rest)
    world.simulator.faults = None
    done = world.run("--log-file", LOG, *world.applying, "--confirm", "security-scan")
    assert done.code == 0, done.err
    text = (world.folder / LOG).read_text(encoding="utf-8")
    assert text.count('"PATCH"') >= 4
    assert TOKEN not in text
    assert HMAC_KEY not in text


@full
def test_a_full_disk_stops_no_job(world: World) -> None:
    """One note reports it, and the rollout continues to its end."""
    done = world.run("--log-file", "/dev/full", *world.applying)
    assert done.code == 0
    assert done.err.count("can't be written: No space left on device") == 1
    assert "the command continues" in done.err
    assert world.all_desired()


@pytest.mark.parametrize(
    ("place", "why"),
    [(".", "Is a directory"), ("no-such-folder/log", "No such file"), ("/dev/tty/log", "Not a")],
)
def test_a_file_that_can_not_be_opened_is_exit_1_immediately(
    world: World, place: str, why: str
) -> None:
    """One line names it, before any request; exit 2 is reserved for ``--detailed-exitcode``."""
    done = world.run("--log-file", place, *world.applying)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"Error: --log-file {place}: can't be written: {why}")
    assert done.err.count("\n") == 1
    assert world.requests == 0
    assert not world.journal.exists()


def test_a_bug_is_in_the_file_with_its_traceback(
    here: Here, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has the traceback for a bug report, although stderr shows none."""

    def broken(_path: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bulkops.cli.commands.check.load_job", broken)
    done = here("--log-file", LOG, "check", "job.toml", debug=True)
    assert done.code == 1
    assert "Traceback" not in done.err
    assert "in broken" in logged(world)[-1]["traceback"]
