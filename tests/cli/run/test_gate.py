"""A gate on the command line: shown before a yes, checked early, and given no token."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import anyio
import msgspec
import pytest

from bulkops import Client, Report, apply_plan, load_job, plan_job
from tests.cli.commands.test_apply import on_a_terminal
from tests.cli.support import HMAC_KEY, TOKEN, World, ended
from tests.conftest import Here

ENVIRONMENT = {"AWS_SECRET_ACCESS_KEY": "x", "TF_TOKEN_example_com": "x", "GOOGLE_KEY": "x"}
LONG = "true " + "a-rather-long-word " * 40 + "the-end"
"""Wider than any terminal."""


def gated(world: World, gate: str, more: str = "") -> None:
    """Write a job of two waves with a gate; ``more`` lines are in its ``[rollout]``."""
    lines = f"[rollout]\nwaves = [\"1\"]\ngate = '''{gate}'''\n{more}\n[pace]"
    world.job(("[pace]", lines), ("all = true", 'names = ["*"]'))


def script(path: Path, text: str = "exit 0") -> None:
    """Write an executable script."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def stopped_in_the_gate(world: World) -> None:
    """Leave a job whose gate was killed while it ran."""
    gated(world, "test -e go || { kill -9 $PPID; exit; }")
    assert world.run(*world.applying).code == -signal.SIGKILL
    (world.folder / "go").touch()


@pytest.mark.parametrize("way", ["--yes", "saved plan", "answer", "--json"])
def test_a_gate_is_shown_completely_before_any_change(world: World, here: Here, way: str) -> None:
    """Not folded, not cut; with its folder."""
    gated(world, LONG, 'gate_env = ["TFE_TOKEN"]')
    if way == "answer":
        _, err = on_a_terminal(world, b"no\n", "apply", "job.toml")
        assert world.writes == 0
        lines = err.replace("\r", "").splitlines()
    elif way == "saved plan":
        assert (
            f"    Gate after each wave: {LONG}"
            in here("plan", "job.toml", "--out", "scan.plan").lines
        )
        lines = here("apply", "scan.plan", "--journal", "scan.jsonl").err.splitlines()
    else:
        arguments = ("--json",) if way == "--json" else ()
        lines = here(*world.applying, *arguments).err.splitlines()
    shown = lines.index(f"    Gate after each wave: {LONG}")
    assert lines[shown + 1] == f"        (runs in {world.folder}, with TFE_TOKEN)"
    if way != "answer":
        assert lines.index(f"Gate of wave 1: {LONG}") > shown


def test_control_characters_are_escaped(world: World, here: Here) -> None:
    """A line break, an escape sequence: one line, and all of it to be seen."""
    gated(world, "true # \\u001b[2K\n:\ttrue", "")
    job = (world.folder / "job.toml").read_text(encoding="utf-8")
    job = job.replace("'''", '"""')
    (world.folder / "job.toml").write_text(job, encoding="utf-8")
    done = here(*world.applying)
    assert done.code == 0
    assert r"    Gate after each wave: true # \u001b[2K\n:\ttrue" in done.err.splitlines()
    assert r"Gate of wave 1: true # \u001b[2K\n:\ttrue" in done.err.splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        ("resume", "scan.jsonl", "--yes"),
        ("apply", "job.toml", "--journal", "scan.jsonl", "--yes", "--json"),
    ],
    ids=["resume", "apply"],
)
def test_resuming_shows_it_before_it_runs(
    world: World, here: Here, arguments: tuple[str, ...]
) -> None:
    """The gate in a journal is shown before the user can confirm it."""
    stopped_in_the_gate(world)
    done = here(*arguments)
    assert done.code == 0
    lines = done.err.splitlines()
    gate = "test -e go || { kill -9 $PPID; exit; }"
    assert lines.index(f"    Gate after each wave: {gate}") < lines.index(f"Gate of wave 1: {gate}")


def test_a_remaining_gate_needs_a_yes(world: World, here: Here) -> None:
    """Killed in the last wave's gate, the job has nothing to send but a command to run."""
    world.job(("[pace]", "[rollout]\ngate = 'test -e go || { kill -9 $PPID; exit; }'\n[pace]"))
    assert world.run(*world.applying).code == -signal.SIGKILL
    (world.folder / "go").touch()
    done = here("resume", "scan.jsonl")
    assert done.code == 2
    assert "    Gate after each wave: test -e go" in done.err
    done = here("resume", "scan.jsonl", "--yes")
    assert done.code == 0
    assert "Gate of wave 1: test -e go" in done.err


def test_a_retry_of_what_drifted_needs_a_yes(world: World, here: Here) -> None:
    """Nothing is left to do by the journal; what has drifted is redone and gated again."""
    gated(world, "true")
    assert here(*world.applying).code == 0
    world.simulator.detach("prod-001", "security-scan")
    done = here("resume", "scan.jsonl", "--retry-failed")
    assert (done.code, world.writes) == (2, 12)
    done = here("resume", "scan.jsonl", "--retry-failed", "--yes")
    assert (done.code, world.writes) == (0, 13)
    lines = done.err.splitlines()
    assert lines.index("    Gate after each wave: true") < lines.index("Gate of wave 1: true")


@pytest.mark.parametrize("command", ["apply", "resume"])
def test_it_gets_no_credentials(world: World, here: Here, command: str) -> None:
    """Neither when started nor when resumed; it gets all other variables."""
    gated(world, 'env > "gate-$BULKOPS_WAVE.env"; test -e go || exit 75')
    assert here(*world.applying, **ENVIRONMENT, OTHER="seen").code == 6
    if command == "resume":
        (world.folder / "go").touch()
        assert here("resume", "scan.jsonl", "--yes", **ENVIRONMENT, OTHER="seen").code == 0
    text = (world.folder / f"gate-{2 if command == 'resume' else 1}.env").read_text("utf-8")
    assert "OTHER=seen\n" in text
    assert f"TFE_ADDRESS={world.address}\n" in text
    assert TOKEN not in text
    assert not any(name in text for name in ("TFE_TOKEN", *ENVIRONMENT))


def test_it_gets_what_the_job_names(world: World, here: Here) -> None:
    """``gate_env``, and nothing more; one that is not set is no error."""
    asks = f'test "$TFE_TOKEN" = {TOKEN[:7]}"{TOKEN[7:]}" && test -z ${{AWS_SECRET_ACCESS_KEY+x}}'
    gated(world, asks.replace(TOKEN[:7], TOKEN[:3] + '""' + TOKEN[3:7]), "")
    assert here(*world.applying, **ENVIRONMENT).code == 4
    world.journal.unlink()
    gated(
        world,
        asks.replace(TOKEN[:7], TOKEN[:3] + '""' + TOKEN[3:7]),
        'gate_env = ["TFE_TOKEN", "NOT_SET"]',
    )
    assert here(*world.applying, "--journal", "again.jsonl", **ENVIRONMENT).code == 0


def test_it_gets_no_hmac_key(world: World, here: Here) -> None:
    """The variable that the job names for its key is withheld, whatever its name."""
    text = (
        'name = "rotate"\norganization = "acme"\n[operation]\nkind = "task-rotate-hmac"\n'
        'task = "security-scan"\nkey_env = "SCANNER"\n[rollout]\n'
        'gate = "test -z ${SCANNER+x}"\n'
    )
    (world.folder / "rotate.toml").write_text(text, encoding="utf-8")
    done = here("apply", "rotate.toml", "--confirm", "security-scan", SCANNER=HMAC_KEY)
    assert done.code == 0


MISSING = {
    "./missing.sh": "missing.sh does not exist",
    "./plain.sh": "plain.sh is not executable",
    "sh missing.sh": "missing.sh is not in",
    "no-such-command-anywhere": "is not on the PATH",
}


@pytest.mark.parametrize("command", ["check", "plan", "apply"])
@pytest.mark.parametrize(("gate", "problem"), MISSING.items())
def test_a_missing_script_is_found_before_anything_is_sent(
    world: World, here: Here, command: str, gate: str, problem: str
) -> None:
    """Exit 2 from check, plan and apply; it was found after the first wave."""
    (world.folder / "plain.sh").touch(0o644)
    gated(world, gate)
    done = here(command, "job.toml", *(("--yes",) if command == "apply" else ()))
    assert (done.code, world.requests) == (2, 0)
    assert f"rollout.gate = {gate}: " in done.err
    assert problem in done.err
    assert not list(world.folder.rglob("*.jsonl"))


def test_a_script_is_relative_to_the_job_files_folder(world: World, here: Here) -> None:
    """Started or resumed in another folder, from a plan or a journal, the same script runs."""
    jobs = world.folder / "jobs"
    script(jobs / "check.sh", "pwd >> ../where; test -e ../go || exit 75")
    script(world.folder / "check.sh", "exit 1")
    gated(world, "./check.sh")
    (world.folder / "job.toml").rename(jobs / "job.toml")
    assert here("check", "jobs/job.toml").code == 0
    assert here("plan", "jobs/job.toml", "--out", "scan.plan").code == 0
    for arguments in (
        ("apply", "jobs/job.toml", "--yes", "--journal", "scan.jsonl"),
        ("apply", "jobs/job.toml", "--yes", "--journal", "scan.jsonl"),
        ("resume", "scan.jsonl", "--yes"),
    ):
        assert here(*arguments).code == 6
    assert here("resume", "scan.jsonl", "--continue", "--yes").code == 6
    for name in world.shown():
        world.simulator.detach(name, "security-scan")
    (world.folder / "go").touch()
    assert here("resume", "scan.jsonl", "--yes").code == 3
    for name in world.shown():
        world.simulator.detach(name, "security-scan")
    assert here("apply", "scan.plan", "--journal", "plan.jsonl").code == 0
    assert set((world.folder / "where").read_text("utf-8").splitlines()) == {str(jobs)}


@pytest.mark.parametrize("command", ["resume", "apply PLAN"])
def test_resumed_elsewhere_it_needs_the_job_files_folder(
    world: World, here: Here, command: str
) -> None:
    """Exit 2, nothing sent, names the folder and what to do; with the folder, it resumes."""
    jobs = world.folder / "jobs"
    script(jobs / "check.sh", "test -e ../go || exit 75")
    gated(world, "./check.sh")
    (world.folder / "job.toml").rename(jobs / "job.toml")
    arguments: tuple[str, ...] = ("resume", "scan.jsonl", "--yes")
    if command == "resume":
        assert here("apply", "jobs/job.toml", "--yes", "--journal", "scan.jsonl").code == 6
    else:
        assert here("plan", "jobs/job.toml", "--out", "scan.plan").code == 0
        arguments = ("apply", "scan.plan", "--journal", "scan.jsonl")
    moved = world.folder / "moved"
    jobs.rename(moved)
    asked, sent = world.requests, world.writes
    done = here(*arguments)
    assert (done.code, world.requests, world.writes) == (2, asked, sent)
    assert f"runs in the job file's folder {jobs}, which doesn't exist" in done.err
    assert "bulkops apply JOB --journal JOURNAL" in done.err
    if command == "resume":
        # The way out that is named.
        (world.folder / "go").touch()
        done = here("apply", "moved/job.toml", "--journal", "scan.jsonl", "--yes")
        assert done.code == 0
        return
    shutil.copytree(moved, jobs)
    assert here(*arguments).code == 6


def test_a_finished_job_needs_no_folder(world: World, here: Here) -> None:
    """No gate runs any more: the job only checks for drift."""
    jobs = world.folder / "jobs"
    script(jobs / "check.sh")
    gated(world, "./check.sh")
    (world.folder / "job.toml").rename(jobs / "job.toml")
    assert here("apply", "jobs/job.toml", "--yes", "--journal", "scan.jsonl").code == 0
    jobs.rename(world.folder / "moved")
    assert here("resume", "scan.jsonl", "--yes").code == 0
    assert here("verify", "scan.jsonl").code == 0
    done = here("undo", "scan.jsonl", "--yes")
    assert done.code == 0
    assert "check.sh" not in done.err


def test_one_that_takes_too_long_is_ended_with_what_it_started(world: World) -> None:
    """Exit 6, inconclusive, and the reason; its children are gone."""
    gated(world, "(echo $$ > shell; sleep 600 & echo $! > child; wait)", 'gate_timeout = "300ms"')
    done = ended(world.start(*world.applying))
    assert (done.code, world.writes) == (6, 1)
    assert "gate was inconclusive (ended after gate_timeout = 300ms)" in done.err
    pid = (world.folder / "child").read_text("utf-8").strip()
    stat = Path("/proc", pid, "stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_as_json_the_reason_is_a_field(world: World, here: Here) -> None:
    """Of the event ``wave``, and of the report's wave."""
    gated(world, "sleep 600", 'gate_timeout = "100ms"')
    done = here(*world.applying, "--json")
    (held,) = (v for v in done.objects if v["type"] == "wave" and v["held"])
    assert (held["status"], held["reason"]) == (None, "ended after gate_timeout = 100ms")
    wave = done.objects[-1]["wave"]
    assert isinstance(wave, dict)
    assert wave["reason"] == held["reason"]


def test_a_job_without_a_file_runs_it_in_the_current_folder(world: World, here: Here) -> None:
    """As a journal of 0.1 does, which kept no folder."""
    gated(world, "test -e go || exit 75")
    job = msgspec.structs.replace(load_job(world.folder / "job.toml"), folder="")

    async def applied() -> Report:
        async with Client(world.address, TOKEN) as client:
            return await apply_plan(client, await plan_job(client, job), world.journal)

    assert anyio.run(applied).ended == "paused"
    assert b'"folder"' not in world.journal.read_bytes()
    assert here("resume", "scan.jsonl", "--yes").code == 6
    (world.folder / "go").touch()
    assert here("resume", "scan.jsonl", "--yes").code == 0
