"""The telemetry of one command: off until its first client, and then only if it is wanted.

It imports nothing that a command without a client doesn't need, and OpenTelemetry only if it is
wanted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bulkops.errors import SIGNALS
from bulkops.log import Log
from bulkops.telemetry.wanted import wanted

if TYPE_CHECKING:
    from bulkops.client.api import Client
    from bulkops.job.job import Job
    from bulkops.journal.replay import Replay
    from bulkops.report.metrics import Snapshot
    from bulkops.runner.assignment import Observer
    from bulkops.telemetry.sending import Sending

FLUSH_SECONDS = 5.0
"""How long the command waits at its end until everything is sent."""

FLUSH_SECONDS_INTERRUPTED = 1.0
"""The same after a signal: CI systems kill a process a few seconds later."""

log = Log(__name__)


class Telemetry:
    """What a command sends to an OpenTelemetry collector.

    ::

        with telemetry:
            telemetry.watch(client, "bulkops apply")
            observer = telemetry.observed(observer, job, replay)
    """

    def __init__(self) -> None:
        self._environ: Mapping[str, str] = {}
        self._began = 0
        self._asked = False
        self._sending: Sending | None = None

    def __enter__(self) -> Self:
        self._environ, self._began = os.environ, time.time_ns()
        self._asked, self._sending = False, None
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Send what is left, within ``FLUSH_SECONDS``; ``error`` is the command's SystemExit."""
        if self._sending is not None:
            code = error.code if isinstance(error, SystemExit) else error
            # As the interpreter does: a text is printed, and the exit code is 1.
            number = code if isinstance(code, int) else int(code is not None)
            interrupted = number in SIGNALS.values()
            # A signal meanwhile ends the waiting, and leaves the exit code of what has ended.
            with suppress(SystemExit):
                seconds = FLUSH_SECONDS_INTERRUPTED if interrupted else FLUSH_SECONDS
                self._sending.end(number, seconds)

    @property
    def measures(self) -> bool:
        """Whether metrics are sent."""
        return self._sending is not None and self._sending.measures

    def watch(self, client: Client, command: str, shard: str = "") -> None:
        """Report a client's attempts; the first client begins the telemetry, if it is wanted.

        Args:
            command: the name of the command's span.
            shard: the shard of a fleet that the client is for; empty for none.
        """
        if not self._asked:
            self._asked = True
            self._sending = self._started(command)
        if self._sending is not None:
            self._sending.watch(client, shard)

    def observed(self, observer: Observer, job: Job, replay: Replay, shard: str = "") -> Observer:
        """Return an observer that also reports the operations of an execution.

        Args:
            replay: of its journal.
            shard: see ``watch``.
        """
        if self._sending is None:
            return observer
        return self._sending.observed(observer, job, replay, shard)

    def publish(self, snapshots: Sequence[Snapshot]) -> None:
        """Replace the metrics that are sent."""
        if self._sending is not None:
            self._sending.publish(snapshots)

    def _started(self, command: str) -> Sending | None:
        asked = wanted(self._environ)
        if asked.unusable:
            log.warning("telemetry_unusable", extra={"variable": asked.unusable})
        if not (asked.traces or asked.metrics):
            return None
        try:
            from bulkops.telemetry.sending import Sending  # noqa: PLC0415 - needs an extra

            return Sending(asked, self._environ, command, self._began)
        except ImportError:
            log.warning("telemetry_not_installed", extra={"variable": asked.because})
        except Exception as error:  # noqa: BLE001 - no fault of telemetry may stop a command
            # Not its text, which may show a variable that holds a credential.
            log.warning("telemetry_failed", extra={"error": type(error).__name__})
        return None


telemetry = Telemetry()
"""The telemetry of this process's command."""
