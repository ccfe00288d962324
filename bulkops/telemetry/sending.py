"""What happens in a command, as spans and metrics. Imports opentelemetry.

The command is a trace, or a part of the one in ``TRACEPARENT``: a span for the command, one for
each operation, and one for each attempt of a request. Whatever goes wrong here ends the telemetry,
never the command.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

from msgspec.structs import replace
from opentelemetry.trace import INVALID_SPAN, Span

from bulkops.client.api import Client
from bulkops.client.attempt import Attempt
from bulkops.job.job import Job
from bulkops.journal.records import Result
from bulkops.journal.replay import Replay
from bulkops.log import Log
from bulkops.operations.model import Operation
from bulkops.report.metrics import Snapshot
from bulkops.runner.assignment import Observer
from bulkops.telemetry import conventions
from bulkops.telemetry.collector import Collector
from bulkops.telemetry.conventions import Attributes, Described
from bulkops.telemetry.wanted import Wanted

log = Log(__name__)

_CARRIED: ContextVar[tuple[Operation, Span] | None] = ContextVar("carried", default=None)
"""The operation that the current task carries out, and its span."""


class Sending:
    """The spans and metrics of one command.

    Args:
        environ: the environment; see ``Collector``.
        command: the name of the command's span.
        began: when the command began, in nanoseconds since 1970.

    Raises:
        Exception: see ``Collector``.
    """

    def __init__(
        self, wanted: Wanted, environ: Mapping[str, str], command: str, began: int
    ) -> None:
        self._collector = Collector(wanted, environ)
        self._root = self._collector.begin(Described(command, {}), began)
        self._failed = False

    @property
    def measures(self) -> bool:
        """Whether metrics are sent."""
        return self._collector.measures and not self._failed

    def watch(self, client: Client, shard: str) -> None:
        """Report a client's attempts."""
        attributes = conventions.in_shard(shard)
        client.listeners.append(partial(self._attempt, client.address, attributes))

    def observed(self, observer: Observer, job: Job, replay: Replay, shard: str) -> Observer:
        """Return an observer that also reports the operations of an execution."""
        attributes = conventions.of_job(job, replay, shard)
        if not shard:
            self._root.set_attributes(attributes)

        def on_result(operation: Operation, result: Result) -> None:
            self._result(attributes, operation, result)
            observer.on_result(operation, result)

        return replace(observer, on_result=on_result, carrying=partial(self._carrying, attributes))

    def publish(self, snapshots: Sequence[Snapshot]) -> None:
        """Replace the metrics that are sent."""
        with self._harmless():
            self._collector.publish(snapshots)

    def end(self, exit_code: int, seconds: float) -> None:
        """End the command's span, and send what is left; warn about what was lost.

        Args:
            seconds: the longest time that this may take.
        """
        with self._harmless():
            ended = conventions.of_command(exit_code, os.getpid())
            self._collector.end(self._root, ended, time.time_ns())
            for event, fields in self._collector.close(seconds):
                log.warning(event, extra=fields)

    @contextmanager
    def _carrying(self, attributes: Attributes, operation: Operation) -> Iterator[None]:
        span: Span = INVALID_SPAN
        with self._harmless():
            span = self._begun(attributes, operation, time.time_ns())
        token = _CARRIED.set((operation, span))
        try:
            yield
        finally:
            _CARRIED.reset(token)
            if span.is_recording():
                with self._harmless():
                    self._collector.end(span, conventions.WITHOUT_RESULT, time.time_ns())

    def _result(self, attributes: Attributes, operation: Operation, result: Result) -> None:
        with self._harmless():
            carried, now = _CARRIED.get(), time.time_ns()
            if carried is not None and carried[0] is operation:
                span = carried[1]
            else:
                # It was decided without a request.
                span = self._begun(attributes, operation, now)
            self._collector.end(span, conventions.of_result(result), now)

    def _begun(self, attributes: Attributes, operation: Operation, at: int) -> Span:
        described = conventions.of_operation(operation)
        described = replace(described, attributes={**attributes, **described.attributes})
        return self._collector.begin(described, at, self._root)

    def _attempt(self, address: str, attributes: Attributes, attempt: Attempt) -> None:
        with self._harmless():
            carried, now = _CARRIED.get(), time.time_ns()
            described = conventions.of_attempt(attempt, address)
            described = replace(described, attributes={**attributes, **described.attributes})
            parent = self._root if carried is None or attempt.probe else carried[1]
            began = now - int(attempt.seconds * 1e9)
            span = self._collector.begin(described, began, parent, client=True)
            self._collector.end(span, described, now)

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """Warn about the first exception in a block; none gets out."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - no fault of telemetry may stop a rollout
            if not self._failed:
                self._failed = True
                # Not its text, which may show a variable that holds a credential.
                log.warning("telemetry_failed", extra={"error": type(error).__name__})
