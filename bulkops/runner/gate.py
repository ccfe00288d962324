"""Runs a gate: a shell command whose exit status decides whether the next wave may start."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from subprocess import DEVNULL

import anyio
from anyio import open_process
from anyio.abc import Process

from bulkops.job.file import check_gate
from bulkops.job.gate import GateCall, gate_environment
from bulkops.job.job import Job
from bulkops.journal.replay import Replay
from bulkops.log import Log

RunGate = Callable[[GateCall], Awaitable[int]]
"""Runs a gate and returns its exit status; terminates it if cancelled."""

NOT_RUN = 127
"""The status with which a shell reports that it can't find a command."""

TERM_SECONDS = 2.0
"""Time for a terminated gate to clean up before it is killed."""

STDERR = 2

log = Log(__name__)


def check_gate_to_resume(job: Job, replay: Replay, *, retry_failed: bool) -> None:
    """Refuse a job whose gate can't be run, if there is anything left that needs the gate.

    Raises:
        JobError: see ``check_gate``.
    """
    if replay.unfinished or retry_failed or not replay.passed:
        check_gate(job)


async def run_gate(call: GateCall) -> int:
    """Run a gate's command and return its exit status; for a signal, minus the signal's number.

    Its stdout and stderr both go to stderr, since stdout is for results. If cancelled, the command
    and all processes that it started are terminated.
    """
    try:
        process = await open_process(
            call.command,
            stdin=DEVNULL,
            stdout=STDERR,
            stderr=STDERR,
            cwd=call.folder or None,
            env=gate_environment(os.environ, call),
            # A process group of its own, to terminate everything that the shell started.
            start_new_session=True,
        )
    except OSError as error:
        log.warning("gate_not_run", extra={"reason": str(error)})
        return NOT_RUN
    try:
        return await process.wait()
    except BaseException:
        with anyio.CancelScope(shield=True):
            await _end(process)
        raise


async def _end(process: Process) -> None:
    _send(process, signal.SIGTERM)
    with anyio.move_on_after(TERM_SECONDS):
        await process.wait()
    _send(process, signal.SIGKILL)
    await process.wait()


def _send(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
