"""After exit 4 by the failure tolerance, every command reports it and sends nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec
import pytest

from bulkops.api.messages import Request
from bulkops.simulator.state import User
from tests.cli.support import TOKEN, World
from tests.conftest import Here

WHY = "Stopped by the failure tolerance: 2 failures in 12 operations; the tolerance is 1."
WAITS = "  waits for --continue: 2 failures in 12 operations; the tolerance is 1"

COMMANDS = {
    "apply": "apply job.toml --yes",
    "apply --retry-failed": "apply job.toml --yes --retry-failed",
    "apply, without a yes": "apply job.toml",
    "resume": "resume JOURNAL --yes",
    "resume --retry-failed": "resume JOURNAL --yes --retry-failed",
    "resume, without a yes": "resume JOURNAL",
}


@pytest.fixture(params=["scan.jsonl", "default"])
def journal(world: World, here: Here, request: pytest.FixtureRequest) -> Path:
    """The journal of a job that bears one failure, stopped by its first two writes."""
    world.job(("[pace]", "[rollout]\nmax_failures = 1\n[pace]\nmax_at_once = 1"))
    refusing(world, "prod-001", "prod-002")
    named = () if request.param == "default" else ("--journal", request.param)
    done = here("apply", "job.toml", "--yes", *named)
    assert (done.code, world.writes) == (4, 0)
    assert WHY in done.err
    (path,) = world.folder.rglob("*.jsonl")
    return path.relative_to(world.folder)


def refusing(world: World, *names: str) -> None:
    """Take the right to attach to these workspaces away, from the next write on."""
    rights = {name for name in world.shown() if name not in names}

    def take_away(request: Request) -> None:
        if request.writes:
            world.simulator.tokens = {TOKEN: User(name="ann", manage_workspace_run_tasks=rights)}

    world.simulator.before = take_away


def words(journal: Path, command: str) -> list[str]:
    """Return a command's arguments; one that is not in its folder is named."""
    made = command.replace("JOURNAL", str(journal)).split()
    named = made[0] == "apply" and len(journal.parts) == 1
    return [*made, *(("--journal", str(journal)) if named else ())]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_job_stays_stopped_and_the_reason_is_shown(
    world: World, here: Here, journal: Path, command: str
) -> None:
    """Exit 4 with the failures and the command that continues; no request, journal unchanged."""
    asked, before = world.requests, (world.folder / journal).read_bytes()
    done = here(*words(journal, command))
    assert done.code == 4
    assert WHY in done.err
    assert f"`bulkops resume {journal} --continue` continues past the tolerance" in done.err
    assert WAITS in done.lines
    assert (world.requests, (world.folder / journal).read_bytes()) == (asked, before)
    assert len(list(world.folder.rglob("*.jsonl"))) == 1


@pytest.mark.parametrize("command", [COMMANDS["apply"], COMMANDS["resume"]])
def test_continue_continues_and_counts_from_zero(
    world: World, here: Here, journal: Path, command: str
) -> None:
    """Two more refused writes stop it again; after them it comes to its end."""
    refusing(world, "prod-003", "prod-004")
    done = here(*words(journal, command), "--continue")
    assert (done.code, world.writes) == (4, 0)
    assert WHY in done.err
    assert here(*words(journal, command)).code == 4
    assert here(*words(journal, command), "--continue").code == 3
    assert world.writes == 8
    world.simulator.before = world.simulator.tokens = None
    assert here(*words(journal, COMMANDS["resume --retry-failed"])).code == 0
    assert world.all_desired()


def test_continue_and_retry_failed_try_again_what_failed(
    world: World, here: Here, journal: Path
) -> None:
    """Both together retry what failed, once the cause is fixed."""
    world.simulator.before = world.simulator.tokens = None
    done = here(*words(journal, COMMANDS["apply --retry-failed"]), "--continue")
    assert done.code == 0
    assert world.all_desired()


def test_continue_is_no_yes(world: World, here: Here, journal: Path) -> None:
    """Without a terminal, ``--continue`` needs --yes as well."""
    done = here("resume", str(journal), "--continue")
    assert (done.code, world.writes) == (2, 0)


def test_status_and_report_show_it(here: Here, journal: Path) -> None:
    """As text, as JSON and as a page; each names --continue."""
    status = here("status", str(journal))
    assert WAITS in status.lines
    assert WHY in status.err
    (value,) = here("status", str(journal), "--json").objects
    stopped = {"failures": 2, "tolerated": 1, "of": 12, "wave": 0}
    assert (value["stopped"], value["exit_code"]) == (stopped, 4)
    assert WAITS in here("report", str(journal)).lines
    document = msgspec.json.decode(here("report", str(journal), "--format", "json").out)
    assert document["stopped"] == stopped
    page = here("report", str(journal), "--format", "html").out
    assert "It needs --continue to resume: 2 failures in 12 operations" in page


def test_as_json_the_report_has_it(here: Here, journal: Path) -> None:
    """One object, the report; its exit code is the command's."""
    done = here(*words(journal, COMMANDS["apply"]), "--json")
    (value,) = done.objects
    assert (value["type"], value["exit_code"], done.code) == ("report", 4, 4)
    assert value["stopped"] == {"failures": 2, "tolerated": 1, "of": 12, "wave": 0}


def test_metrics_and_the_step_summary_have_it(world: World, here: Here, journal: Path) -> None:
    """Metrics and step summary report the stop as they report any end."""
    metrics, summary = world.folder / "scan.prom", world.folder / "summary.md"
    arguments = words(journal, COMMANDS["resume"])
    done = here(*arguments, "--metrics-file", "scan.prom", GITHUB_STEP_SUMMARY=str(summary))
    assert done.code == 4
    lines = metrics.read_text(encoding="utf-8").splitlines()
    (code,) = (line for line in lines if line.startswith("bulkops_exit_code{"))
    (failed,) = (line for line in lines if 'outcome="failed"' in line)
    assert (code[-4:], failed[-4:]) == (" 4.0", " 2.0")
    assert "--continue" in summary.read_text(encoding="utf-8")


def test_a_job_with_a_larger_tolerance_stays_stopped(
    world: World, here: Here, journal: Path
) -> None:
    """Only ``--continue`` continues, not a larger tolerance in the job file."""
    world.job(("[pace]", '[rollout]\nmax_failures = "100%"\n[pace]\nmax_at_once = 1'))
    assert here(*words(journal, COMMANDS["apply"])).code == 4
    assert here(*words(journal, COMMANDS["apply"]), "--continue").code == 3


def test_a_saved_plan_stays_stopped(world: World, here: Here) -> None:
    """``apply PLAN`` is the same command, too."""
    world.job(("[pace]", "[rollout]\nmax_failures = 1\n[pace]\nmax_at_once = 1"))
    assert here("plan", "job.toml", "--out", "scan.plan").code == 0
    refusing(world, "prod-001", "prod-002")
    assert here("apply", "scan.plan").code == 4
    asked = world.requests
    for arguments in ((), ("--retry-failed",)):
        done = here("apply", "scan.plan", *arguments)
        assert (done.code, world.requests) == (4, asked)
        assert WHY in done.err
    assert here("apply", "scan.plan", "--continue").code == 3


def test_an_undo_stays_stopped(world: World, here: Here) -> None:
    """An undo stops in the same way, and ``undo --continue`` continues it."""
    world.job(("[pace]", "[rollout]\nmax_failures = 1\n[pace]\nmax_at_once = 1"))
    assert here(*world.applying).code == 0
    refusing(world, "prod-001", "prod-002")
    assert here("undo", "scan.jsonl", "--yes").code == 4
    asked = world.requests
    done = here("undo", "scan.jsonl", "--yes")
    assert (done.code, world.requests) == (4, asked)
    assert "`bulkops resume scan.undo.jsonl --continue` continues past the" in done.err
    assert here("undo", "scan.jsonl", "--yes", "--continue").code == 3


def test_a_job_with_nothing_left_stays_stopped(world: World, here: Here) -> None:
    """If the last operations failed, the plain command plans nothing until ``--continue``."""
    world.job(("[pace]", "[rollout]\nmax_failures = 1\n[pace]\nmax_at_once = 1"))
    refusing(world, "prod-011", "prod-012")
    assert here("apply", "job.toml", "--yes").code == 4
    assert here("apply", "job.toml", "--yes").code == 4
    assert len(list(world.folder.rglob("*.jsonl"))) == 1
    assert here("apply", "job.toml", "--yes", "--continue").code == 3
    world.simulator.before = world.simulator.tokens = None
    assert here("apply", "job.toml", "--yes").code == 0
    assert len(list(world.folder.rglob("*.jsonl"))) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ended_by_a_signal_it_stays_stopped(
    world: World, here: Here, number: signal.Signals
) -> None:
    """The stop is in the journal before it is printed, so a signal then changes nothing."""
    world.job(
        ("[pace]", "[rollout]\nmax_failures = 0\n[pace]\nmax_at_once = 2"), ('"50ms"', '"3s"')
    )
    refusing(world, "prod-001")
    world.simulator.faults = None
    process = world.start(*world.applying)
    assert process.stdout is not None
    while not (line := process.stdout.readline()).startswith("failed"):
        assert line
    process.send_signal(number)
    process.communicate()
    done = here(*world.applying)
    assert done.code == 4
    assert "1 failure in 12 operations; the tolerance is 0" in done.err
