"""Real gates: a shell command's exit status, environment and termination."""

from __future__ import annotations

import os
import select
from pathlib import Path

import anyio
import pytest

from bulkops.job.gate import GateCall
from bulkops.runner import gate
from bulkops.runner.gate import NOT_RUN, run_gate


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("true", 0),
        ("exit 1", 1),
        ("exit 75", 75),
        ("no-such-command-anywhere", 127),
        ("kill -9 $$", -9),
        ('test "$BULKOPS_WAVE" = 2', 0),
        ("read line", 1),
    ],
)
def test_a_gate_returns_its_exit_status(command: str, status: int) -> None:
    """As a shell reports it; its input is empty, and variables describe the job."""
    assert anyio.run(run_gate, GateCall(command, {"BULKOPS_WAVE": "2"})) == status


def test_a_gate_runs_in_its_jobs_folder(tmp_path: Path) -> None:
    """It does not depend on the folder in which bulkops was started."""
    (tmp_path / "check.sh").write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    (tmp_path / "check.sh").chmod(0o755)
    assert anyio.run(run_gate, GateCall("./check.sh", {}, str(tmp_path))) == 7
    gone = GateCall("./check.sh", {}, str(tmp_path / "gone"))
    assert anyio.run(run_gate, gone) == NOT_RUN


def test_a_gate_gets_no_token_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is unset, not empty."""
    monkeypatch.setenv("TFE_TOKEN", "secret")
    monkeypatch.setenv("SCANNER_KEY", "secret")
    asks = "test -z ${TFE_TOKEN+x}${SCANNER_KEY+x}"
    assert anyio.run(run_gate, GateCall(asks, {}, secrets=frozenset(["SCANNER_KEY"]))) == 0
    named = GateCall(asks, {}, kept=("TFE_TOKEN",), secrets=frozenset(["SCANNER_KEY"]))
    assert anyio.run(run_gate, named) == 1


def test_a_gate_that_can_not_start_is_inconclusive() -> None:
    """An environment too large for the system is not an error."""
    assert anyio.run(run_gate, GateCall("true", {"BULKOPS_JOB": "x" * 5_000_000})) == NOT_RUN


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a process as Linux can")
@pytest.mark.parametrize("stubborn", [False, True])
def test_a_cancelled_gate_is_terminated_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stubborn: bool
) -> None:
    """By SIGTERM, and if that is ignored by SIGKILL."""
    monkeypatch.setattr(gate, "TERM_SECONDS", 0.2)
    pids, wakes = tmp_path / "pids", tmp_path / "wakes"
    os.mkfifo(wakes)
    trap = "trap '' TERM; " if stubborn else ""
    command = f"{trap}sleep 600 & echo $$ $! > {pids}; echo > {wakes}; wait"

    async def cancelled() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(run_gate, GateCall(command, {}))
            await anyio.to_thread.run_sync(wakes.read_text)
            group.cancel_scope.cancel()

    anyio.run(cancelled)
    assert all(map(ends_soon, pids.read_text().split()))


def ends_soon(pid: str) -> bool:
    """Return whether a process is gone, or will be: a signal that was sent takes its time."""
    try:
        process = os.pidfd_open(int(pid))
    except ProcessLookupError:
        return True
    ended, _, _ = select.select([process], [], [], 10)
    os.close(process)
    return bool(ended)
