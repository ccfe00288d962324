"""``verify``, ``status`` and ``report`` of intact and damaged journals."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bulkops import read_report
from bulkops.journal.local.lock import locked
from bulkops.journal.records import Holder
from bulkops.report.current_wave import Running
from tests.cli.run.test_two_runners import running
from tests.cli.support import TASK, World
from tests.conftest import Here

READERS = (
    ("apply", "job.toml", "--journal", "scan.jsonl", "--yes"),
    ("resume", "scan.jsonl", "--yes"),
    ("verify", "scan.jsonl"),
    ("status", "scan.jsonl"),
    ("report", "scan.jsonl"),
)
DESIRED = "desired: mandatory at post_plan"


def _with_failures(world: World, here: Here) -> None:
    """Apply, with two workspaces deleted after the plan."""
    world.job(("[pace]", "[rollout]\nmax_failures = 5\n[pace]"))

    def delete(request: object) -> None:
        if getattr(request, "method", "") == "POST":
            world.simulator.before = None
            world.simulator.remove_workspace("prod-011")
            world.simulator.remove_workspace("prod-012")

    world.simulator.before = delete
    assert here(*world.applying).code == 3


def test_verify_without_drift(world: World, here: Here) -> None:
    """Exit 0 and one line; neither server nor journal is changed."""
    here(*world.applying)
    before = world.journal.read_bytes()
    done = here("verify", "scan.jsonl")
    assert (done.code, done.out, done.err) == (
        0,
        "12 of 12 operations verified.\n",
        "",
    )
    assert world.writes == 12
    assert world.journal.read_bytes() == before


def test_a_deleted_workspace_is_reported_as_gone(world: World, here: Here) -> None:
    """By verify, by the report after a resume, and by undo, which has nothing to do there."""
    here(*world.applying)
    world.simulator.remove_workspace("prod-002")
    gone = "the workspace no longer exists, or this token can't see it"
    done = here("verify", "scan.jsonl")
    assert done.code == 3
    assert done.lines[0] == f"drifted  prod-002  the server shows not attached: {gone}; {DESIRED}"
    row = here("verify", "scan.jsonl", "--json").objects[0]
    assert (row["workspace"], row["shows"]) == ("prod-002", f"not attached: {gone}")
    gone_on = here("resume", "scan.jsonl", "--yes")
    assert (gone_on.code, f"the server showed not attached: {gone}" in gone_on.out) == (3, True)
    undone = here("undo", "scan.jsonl", "--yes")
    assert undone.code == 0
    assert "outside this job" not in done.out + gone_on.out + undone.out
    again = here("undo", "scan.jsonl", "--journal", "again.jsonl", "--yes", "--json").objects
    assert [row["reason"] for row in again if row.get("workspace") == "prod-002"] == [gone]


def test_verify_lists_what_has_drifted(world: World, here: Here) -> None:
    """Drift is listed with what the server shows and what the job desires, exit 3."""
    here(*world.applying)
    world.simulator.detach("prod-002", TASK)
    world.simulator.attach("prod-003", TASK, enforcement_level="mandatory")
    done = here("verify", "scan.jsonl")
    assert done.code == 3
    assert done.lines[0] == f"drifted  prod-002  the server shows not attached; {DESIRED}"
    assert done.lines[1].startswith("drifted  prod-003  the server shows 2 attachments (wstask-")
    assert done.lines[2] == "10 of 12 operations verified."
    objects = here("verify", "scan.jsonl", "--json").objects
    assert [value["type"] for value in objects] == ["differing", "differing", "verified"]
    assert (objects[-1]["verified"], objects[-1]["differing"]) == (10, 2)


def test_verify_of_an_unfinished_job(world: World, here: Here) -> None:
    """Operations not done yet differ as well; only what was done before can have drifted."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.kill(signal.SIGKILL, write=4, stage="after")
    world.simulator.detach("prod-001", TASK)
    done = here("verify", "scan.jsonl")
    assert done.code == 3
    assert done.lines[0] == f"drifted  prod-001  the server shows not attached; {DESIRED}"
    assert [line.split()[0] for line in done.lines[1:-1]] == ["pending"] * 8
    assert done.lines[-1] == "3 of 12 operations verified."


def test_status_of_a_killed_job(world: World, here: Here) -> None:
    """Status shows the job's progress and what to run next, and sends no request."""
    # One at a time: what others had sent would still be counted after their death.
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.kill(signal.SIGKILL, write=4, stage="after")
    before = world.requests
    done = here("status", "scan.jsonl", TFE_TOKEN="")
    assert done.code == 0
    assert done.lines == [
        f"scan: attach {TASK} in acme ({world.address})",
        "  3 succeeded, 1 in doubt, 8 pending of 12 operations",
        "  1 execution, killed",
    ]
    assert "The last execution was killed." in here("report", "scan.jsonl", "--format", "html").out
    assert done.err == "Not finished. `bulkops resume scan.jsonl` resumes it.\n"
    assert world.requests == before


def test_status_of_a_running_job(world: World, here: Here) -> None:
    """Status and report name its process and start, and suggest no resume, until it ends."""
    with running(world) as first:
        done, report = here("status", "scan.jsonl"), here("report", "scan.jsonl")
        page = here("report", "scan.jsonl", "--format", "html").out
        (value,) = here("status", "scan.jsonl", "--json").objects
        holder: Any = value["running"]
        assert (holder["pid"], holder["host"]) == (first.pid, socket.gethostname())
        line = (
            f"  1 execution, running: pid {first.pid} on {holder['host']}, since {holder['since']}"
        )
        assert line in done.lines
        assert any(shown.startswith(line) for shown in report.lines)
        assert f"pid {first.pid} on {holder['host']}" in page
        assert done.err == "Running: `bulkops watch scan.jsonl` shows it live.\n"
        markdown = here("report", "scan.jsonl", "--format", "markdown").out
        assert "bulkops watch scan.jsonl" in markdown
        assert "resume" not in done.err + done.out + report.out + report.err + page + markdown
        assert read_report(world.journal).running == Running(**holder)
    (value,) = here("status", "scan.jsonl", "--json").objects
    assert value["running"] is None
    advice = here("status", "scan.jsonl").err
    assert "Not finished. `bulkops resume scan.jsonl` resumes it." in advice


def test_a_finished_job_may_be_in_use(world: World, here: Here) -> None:
    """By its undo, or a resume that has not started: status has the end and the process."""
    assert here(*world.applying).code == 0
    with locked(world.journal, Holder("ann", "build-7", 12, "2026-11-24T21:58:03.120Z")):
        lines = here("status", "scan.jsonl").lines
    assert (
        "  1 execution, complete; in use by pid 12 on build-7, since 2026-11-24T21:58:03.120Z"
        in lines
    )


def test_status_as_json(world: World, here: Here) -> None:
    """``status --json`` is one object with the counts and the exit code, without long lists."""
    _with_failures(world, here)
    (value,) = here("status", "scan.jsonl", "--json").objects
    assert next(iter(value)) == "type"
    assert (value["type"], value["counts"]) == ("status", {"succeeded": 10, "failed": 2})
    assert value["exit_code"] == 3
    assert "rows" not in value


def test_report_text_lists_trouble(world: World, here: Here) -> None:
    """It has the totals, then each reason with the server's message; no request is sent."""
    _with_failures(world, here)
    before = world.requests
    done = here("report", "scan.jsonl", TFE_TOKEN="")
    assert done.code == 0
    assert done.lines[1] == "  10 succeeded, 2 failed of 12 operations"
    assert done.lines[-2].startswith("  failed     2 operations:  404: ")
    assert "this token can't see it" in done.lines[-2]
    assert done.lines[-1] == "             prod-011, prod-012"
    each = here("report", "scan.jsonl", "--only", "failed", TFE_TOKEN="").lines[-2:]
    assert [line.split()[:2] for line in each] == [["failed", "prod-011"], ["failed", "prod-012"]]
    assert all(re.search(r"this token can't see it.*  request [\w-]{8,}$", line) for line in each)
    assert world.requests == before


@pytest.mark.parametrize(("only", "rows"), [((), 12), (("--only", "failed"), 2)])
def test_report_as_json(world: World, here: Here, only: tuple[str, ...], rows: int) -> None:
    """The JSON report has a row per operation; ``--only failed`` those that need attention."""
    _with_failures(world, here)
    done = here("report", "scan.jsonl", "--format", "json", *only)
    value = msgspec.json.decode(done.out)
    assert value["counts"] == {"succeeded": 10, "failed": 2}
    assert len(value["rows"]) == rows
    last = value["rows"][-1]
    assert last["status"] == 404
    assert last["request_id"]


def test_report_into_a_file(world: World, here: Here) -> None:
    """``--output FILE`` writes the same text there and nothing on stdout."""
    here(*world.applying)
    shown = here("report", "scan.jsonl").out
    done = here("report", "scan.jsonl", "--output", "report.txt")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (world.folder / "report.txt").read_text(encoding="utf-8") == shown


def test_report_into_a_file_that_cant_be_written(world: World, here: Here) -> None:
    """The error names it: exit 1."""
    here(*world.applying)
    done = here("report", "scan.jsonl", "--output", "no/such/folder.txt")
    assert done.code == 1
    assert done.err == "Error: no/such/folder.txt: can't be written: No such file or directory\n"


def _torn(journal: Path) -> None:
    data = journal.read_bytes()
    journal.write_bytes(data[:-20])


@pytest.mark.parametrize("command", ["status", "report", "verify"])
def test_a_torn_tail_is_reported(world: World, here: Here, command: str) -> None:
    """Commands that only read report the incomplete line of a power cut and keep it."""
    here(*world.applying)
    _torn(world.journal)
    before = world.journal.read_bytes()
    done = here(command, "scan.jsonl")
    assert done.code == 0
    assert (
        "are a torn tail. The next apply or resume cuts it off and saves it beside the journal"
        in done.err
    )
    assert world.journal.read_bytes() == before


def test_a_torn_tail_is_cut_and_kept(world: World, here: Here) -> None:
    """Apply cuts a torn tail off, saves it beside the journal, reports that, and resumes."""
    here(*world.applying)
    _torn(world.journal)
    done = here(*world.applying)
    assert done.code == 0
    assert "Warning: scan.jsonl: its last write was cut off: " in done.err
    assert "bytes removed, kept in scan.jsonl.torn-" in done.err
    assert len(list(world.folder.glob("scan.jsonl.torn-*"))) == 1
    assert world.writes == 12
    assert here("report", "scan.jsonl").err == ""


@pytest.mark.parametrize("arguments", READERS, ids=lambda a: a[0])
def test_a_damaged_journal_is_refused(world: World, here: Here, arguments: tuple[str, ...]) -> None:
    """A changed byte: exit 12 with its position, nothing is sent, the file is unchanged."""
    here(*world.applying)
    data = bytearray(world.journal.read_bytes())
    data[len(data) // 2] ^= 1
    world.journal.write_bytes(data)
    before = world.requests
    done = here(*arguments)
    assert done.code == 12
    assert (done.out, world.requests) == ("", before)
    assert "scan.jsonl: damaged at byte" in done.err
    assert "restore it from a backup" in done.err
    assert world.journal.read_bytes() == bytes(data)


def test_a_damaged_journal_in_the_default_folder_is_refused(world: World, here: Here) -> None:
    """Without ``--journal`` a damaged newest journal is refused: its job is unknown."""
    here("apply", "job.toml", "--yes")
    (journal,) = world.folder.rglob("*.jsonl")
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 1
    journal.write_bytes(data)
    assert here("apply", "job.toml", "--yes").code == 12
    assert journal.read_bytes() == bytes(data)
