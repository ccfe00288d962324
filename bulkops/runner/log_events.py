"""Log events of an execution, enough to debug a job from its log alone."""

from __future__ import annotations

import logging

from msgspec.structs import replace

from bulkops import __version__
from bulkops.job.job import Job
from bulkops.journal.records import Rest, Result, WaveReached
from bulkops.journal.replay import Replay
from bulkops.journal.states import TROUBLE, Outcome
from bulkops.log import Log
from bulkops.operations.model import Operation
from bulkops.runner.assignment import Observer, ObserverFailed

log = Log(__name__)


def log_started(place: object, job: Job, replay: Replay) -> None:
    """Log that an execution starts, and how many operations are left."""
    fields = {
        "job": job.name,
        "kind": job.operation_kind,
        "organization": job.organization,
        "address": replay.header.address,
        "journal": str(place),
        "bulkops": __version__,
        "operations": len(replay.operations),
        "pending": replay.count(None),
        "in_doubt": replay.count(Outcome.IN_DOUBT),
    }
    log.info("execution_started", extra=fields)


def log_ended(how: str, error: Exception | None = None) -> None:
    """Log how an execution ended.

    Args:
        how: a value of ``How``, or a signal's name.
    """
    log.info("execution_ended", extra={"how": str(how), "error": error and str(error)})


def logged(observer: Observer) -> Observer:
    """Return an observer that logs every result, wave and rest before it calls this one.

    Its callbacks raise ``ObserverFailed`` for whatever this one's raise.
    """

    def on_result(operation: Operation, result: Result) -> None:
        _log_result(operation, result)
        try:
            observer.on_result(operation, result)
        except BaseException as error:
            raise ObserverFailed(error) from error

    def on_wave(wave: WaveReached) -> None:
        _log_wave(wave)
        try:
            observer.on_wave(wave)
        except BaseException as error:
            raise ObserverFailed(error) from error

    def on_rest(rest: Rest) -> None:
        _log_rest(rest)
        try:
            observer.on_rest(rest)
        except BaseException as error:
            raise ObserverFailed(error) from error

    return replace(observer, on_result=on_result, on_wave=on_wave, on_rest=on_rest)


def _log_result(operation: Operation, result: Result) -> None:
    """Log a result; a failure is not a warning, because the command line prints it as a result."""
    failed = result.outcome in TROUBLE
    level = logging.INFO if failed else logging.DEBUG
    if not log.isEnabledFor(level):
        return
    fields = {
        # A result without a request has no operation in its context.
        "operation": result.key,
        "target": operation.target.name,
        "outcome": str(result.outcome),
        "attempts": result.attempts,
        "reason": result.reason or None,
    }
    log.log(level, "operation_failed" if failed else "operation_finished", extra=fields)


def _log_wave(wave: WaveReached) -> None:
    fields = {
        "wave": wave.number,
        "reached": str(wave.reached),
        "drifted": wave.drifted,
        "held": wave.held or None,
        "gate_status": wave.status,
        "reason": wave.reason or None,
    }
    log.info("wave_reached", extra=fields)


def _log_rest(rest: Rest) -> None:
    if rest.until:
        log.info("window_closed", extra={"until": rest.until, "local": rest.local})
    else:
        log.info("window_opened")
