"""``bulkops apply JOB``: results, exit codes, and the question before anything changes."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bulkops.api.messages import Request
from bulkops.cli.output.results import shortened
from tests.cli.forked import SECONDS, Forked, left_pipe
from tests.cli.support import TASK, World, ended
from tests.conftest import Here

NEVER = "Nothing was changed."

SILENCE = 2.0
"""Seconds after which the test types again on the terminal."""


def test_results_on_stdout_and_little_else_on_stderr(world: World) -> None:
    """Stdout has one aligned line per result and the totals; stderr the plan's totals, journal."""
    world.job(("all = true", 'names = ["*"]'))
    done = world.apply()
    assert done.code == 0
    results = done.lines[:12]
    assert all(line.startswith("succeeded  prod-0") for line in results)
    assert len({line.index("mandatory") for line in results}) == 1
    assert done.lines[13:] == [
        f"scan: attach {TASK} in acme ({world.address})",
        "  12 succeeded of 12 operations",
        "  1 execution, complete",
        "  verified: 12 of 12 operations",
    ]
    assert done.err.splitlines()[1:] == [
        "Plan: 12 to attach, 0 to update, 0 to detach; 0 skipped.",
        "Journal: scan.jsonl",
        "",
        "Journal: scan.jsonl",
        "`bulkops report scan.jsonl` prints this summary again.",
        "`bulkops verify scan.jsonl` checks for drift.",
        "`bulkops undo scan.jsonl` reverts it.",
    ]
    assert max(map(len, (done.out + done.err).splitlines())) <= 80
    assert world.all_desired()
    assert set(world.changed().values()) == {1}


def test_json_results_are_the_same_facts(world: World, here: Here) -> None:
    """``--json`` prints plan, results and report as objects, ``type`` first."""
    done = here(*world.applying, "--json")
    assert all(next(iter(value)) == "type" for value in done.objects)
    results = [value for value in done.objects if value["type"] == "result"]
    assert {value["workspace"] for value in results} == set(world.shown())
    assert {value["outcome"] for value in results} == {"succeeded"}
    report = done.objects[-1]
    assert (report["type"], report["counts"], report["exit_code"]) == (
        "report",
        {"succeeded": 12},
        0,
    )


def test_nothing_to_do_is_a_success_without_a_journal(world: World, here: Here) -> None:
    """If everything is as desired, apply reports it, exits 0 without --yes, starts no journal."""
    for name in world.shown():
        world.simulator.attach(name, TASK, enforcement_level="mandatory")
    done = here("apply", "job.toml", "--journal", "scan.jsonl")
    assert (done.code, done.out) == (0, "")
    assert "Nothing to do." in done.err
    assert not world.journal.exists()


def test_nothing_to_do_leaves_nothing_in_the_default_folder(world: World, here: Here) -> None:
    """A daily job that finds nothing to do leaves no files behind."""
    for name in world.shown():
        world.simulator.attach(name, TASK, enforcement_level="mandatory")
    for _day in range(2):
        assert here("apply", "job.toml", "--yes").code == 0
    assert [p.name for p in world.folder.rglob(".bulkops/scan/*")] == []


def test_nothing_to_do_but_blocked_is_exit_3(world: World, here: Here) -> None:
    """The only workspace that is not as desired can't be changed."""
    for name in world.shown():
        world.simulator.attach(name, TASK, enforcement_level="mandatory")
    world.simulator.attach("prod-001", TASK, enforcement_level="mandatory")
    done = here("apply", "job.toml")
    assert done.code == 3
    assert "! prod-001  blocked: attached 2 times" in done.err


def test_without_yes_and_terminal_nothing_is_sent(world: World) -> None:
    """Without a terminal and --yes, exit 2 says what to do, and nothing is changed."""
    done = world.run("apply", "job.toml")
    assert done.code == 2
    assert "no terminal to ask on. Add --yes" in done.err
    assert "+ attach  mandatory at post_plan  12 workspaces" in done.err
    assert (world.writes, done.out) == (0, "")
    assert not list(world.folder.rglob("*.jsonl"))


def on_a_terminal(world: World, answer: bytes, *arguments: str) -> tuple[int, str]:
    """Run a command on a pseudo-terminal; answer when it has asked."""
    own, its = pty.openpty()
    order = world.order(*arguments)._replace(terminal=True)
    process = Forked(order, stdin=its, stdout=its, stderr=its)
    os.close(its)
    screen = _read_until(own, lambda text: "' is accepted: " in text)
    os.write(own, answer)
    # A signal in the moment before the process reads is noticed only after the reading.
    screen += _read_until(own, lambda _text: False, again=answer)
    code = process.wait(SECONDS)
    os.close(own)
    assert "Traceback" not in screen
    return code, screen


def _read_until(own: int, enough: Callable[[str], bool], again: bytes = b"") -> str:
    """Return the output once a condition holds; if none comes, type ``again``."""
    screen = b""
    while not enough(screen.decode(errors="replace")):
        if again and not select.select([own], [], [], SILENCE)[0]:
            os.write(own, again)
        try:
            part = os.read(own, 4096)
        except OSError:  # Linux says EIO where the other side is closed
            break
        if not part:
            break
        screen += part
    return screen.decode(errors="replace")


def test_yes_on_a_terminal_applies(world: World) -> None:
    """On a terminal the plan is shown with a question; "yes" applies it."""
    code, screen = on_a_terminal(world, b"yes\n", "apply", "job.toml")
    assert code == 0
    assert "mandatory at post_plan  12 workspaces" in screen
    assert f"Apply 12 operations in acme ({world.address})?" in screen
    assert world.all_desired()


@pytest.mark.parametrize("answer", [b"y\n", b"\n", b"no\n", b"\x04"])
def test_any_other_answer_changes_nothing(world: World, answer: bytes) -> None:
    """Any answer but "yes", end of input included: nothing is changed, exit 1, no journal."""
    code, screen = on_a_terminal(world, answer, "apply", "job.toml")
    assert code == 1
    assert NEVER in screen
    assert world.writes == 0
    assert not (world.folder / ".bulkops").exists()


def test_ctrl_c_at_the_question_changes_nothing(world: World) -> None:
    """Ctrl-C at the question: exit 130, and a note that nothing was changed."""
    code, screen = on_a_terminal(world, b"\x03", "apply", "job.toml")
    assert code == 130
    assert "Interrupted: nothing was changed." in screen
    assert world.writes == 0


def test_too_many_failures_stop_the_job_and_continue_continues(world: World, here: Here) -> None:
    """Refused writes beyond 10 % stop the job (exit 4); ``--continue`` runs it to its end."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    forbidden = {"prod-003", "prod-004"}
    gone = [world.simulator.world.organizations["acme"].workspaces[name] for name in forbidden]

    def meddle(_request: object) -> None:
        world.simulator.before = None if world.writes else meddle
        if world.writes == 1:
            for workspace in gone:
                world.simulator.remove_workspace(workspace.name)

    world.simulator.before = meddle
    stopped = here(*world.applying)
    assert stopped.code == 4
    assert "  1 execution, stopped by the failure tolerance" in stopped.lines
    assert (
        "Stopped by the failure tolerance: 2 failures in 12 operations; the tolerance is 1"
        in stopped.err
    )
    assert "`bulkops resume scan.jsonl --continue` continues past the tolerance" in stopped.err
    retry = "`bulkops resume scan.jsonl --continue --retry-failed` also retries failed operations."
    assert retry in stopped.err
    assert sum(line.startswith("failed") for line in stopped.lines) == 2
    again = here(*world.applying, "--continue")
    assert again.code == 3
    assert "  10 succeeded, 2 failed of 12 operations" in again.lines
    assert "`bulkops resume scan.jsonl --retry-failed` retries failed operations." in again.err
    assert set(world.changed().values()) == {1}


def test_a_closed_pipe_does_not_stop_the_job(world: World) -> None:
    """If the reader of stdout leaves (``head -1``), the job continues to its end."""
    done = ended(Forked(world.order(*world.applying), stdout=(writer := left_pipe())))
    os.close(writer)
    assert done.code == 0
    assert done.err.count("stdout can no longer be written to") == 1
    assert world.all_desired()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize(("arguments", "code"), [(("plan", "job.toml"), 1), (None, 0)])
def test_a_full_stdout(world: World, arguments: tuple[str, ...] | None, code: int) -> None:
    """With a full stdout, a command that only prints fails; a job continues to its end."""
    command = shlex.join([sys.executable, "-m", "bulkops", *(arguments or world.applying)])
    done = ended(world.start_program(["/bin/sh", "-c", f"exec {command} > /dev/full"]))
    assert done.code == code
    assert re.search("stdout(: can't| can no longer) be written", done.err)
    assert world.all_desired() == (arguments is None)


def test_a_terminal_of_few_characters(world: World) -> None:
    """If stdout's encoding has no arrow, a question mark replaces it, and the job continues."""
    world.simulator.attach("prod-001", TASK, enforcement_level="advisory")
    done = world.apply(PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert "prod-001  advisory at post_plan ? mandatory at post_plan" in done.out


def test_head_causes_no_error_message(world: World) -> None:
    """``bulkops plan | head`` ends quietly."""
    done = ended(Forked(world.order("plan", "job.toml"), stdout=(writer := left_pipe())))
    os.close(writer)
    assert (done.code, done.err) == (1, "")


def test_long_server_messages_are_cut_in_results(world: World, here: Here) -> None:
    """A result line stays short, however long the server's message; the report has all of it."""
    long_name = "prod-" + "x" * 85
    world.simulator.add_workspace(long_name)

    def swap(request: Request) -> None:
        if request.writes:
            world.simulator.before = None
            for name in world.shown():
                world.simulator.remove_workspace(name)

    world.simulator.before = swap
    done = here(*world.applying)
    assert done.code == 4
    failed = [line for line in done.lines if line.startswith("failed")]
    assert failed
    assert all("404" in line and len(line) < 320 for line in failed)


@pytest.mark.parametrize(("length", "shown"), [(160, 160), (161, 160), (5000, 160)])
def test_reasons_are_cut_to_two_lines(length: int, shown: int) -> None:
    """In a result, a reason longer than 160 characters ends with an ellipsis."""
    text = shortened("x" * length)
    assert len(text) == shown
    assert text.endswith("…") == (length > 160)
