"""What becomes of a job as events: for whoever debugs one from its log alone."""

from __future__ import annotations

import logging
from pathlib import Path

from bulkops import __version__
from bulkops.job.job import Job
from bulkops.journal.records import Result, WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.states import TROUBLE, Outcome
from bulkops.log import Log
from bulkops.operations.model import Operation
from bulkops.runner.assignment import Observer

log = Log(__name__)


def log_started(path: Path, job: Job, replay: Replay) -> None:
    """Log that a journal's job is executed, and what is left of it."""
    fields = {
        "job": job.name,
        "kind": job.operation_kind,
        "organization": job.organization,
        "address": replay.header.address,
        "journal": str(path),
        "bulkops": __version__,
        "operations": len(replay.operations),
        "pending": replay.count(None),
        "in_doubt": replay.count(Outcome.IN_DOUBT),
    }
    log.info("execution_started", extra=fields)


def log_ended(how: str, error: Exception | None = None) -> None:
    """Log how an execution ended: of ``How``, or a signal's name."""
    log.info("execution_ended", extra={"how": str(how), "error": error and str(error)})


def logged(observer: Observer) -> Observer:
    """Return an observer that logs every result and wave, and tells it on."""

    def on_result(operation: Operation, result: Result) -> None:
        _log_result(operation, result)
        observer.on_result(operation, result)

    def on_wave(said: WaveReached) -> None:
        _log_wave(said)
        observer.on_wave(said)

    return Observer(on_result, on_wave, observer.gate, observer.takes_more)


def _log_result(operation: Operation, result: Result) -> None:
    """Log a result; a failure is no warning: the command line prints each one as a result."""
    failed = result.outcome in TROUBLE
    level = logging.INFO if failed else logging.DEBUG
    if not log.isEnabledFor(level):
        return
    fields = {
        # Some results come of no request: whoever found them carries nothing out.
        "operation": result.key,
        "target": operation.target.name,
        "outcome": str(result.outcome),
        "attempts": result.attempts,
        "reason": result.reason or None,
    }
    log.log(level, "operation_failed" if failed else "operation_finished", extra=fields)


def _log_wave(said: WaveReached) -> None:
    fields = {
        "wave": said.number,
        "reached": str(said.reached),
        "drifted": said.drifted,
        "held": said.held or None,
        "gate_status": said.status,
        "reason": said.reason or None,
    }
    log.info("wave_reached", extra=fields)
