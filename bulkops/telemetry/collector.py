"""The OpenTelemetry SDK, set up for one command. Imports opentelemetry.

The SDK batches spans, keeps a bounded number of them (``OTEL_BSP_MAX_QUEUE_SIZE``) and sends from
threads of its own, so that a collector that is slow or away costs spans, never time. Nothing of it
is global: it is neither the tracer provider nor the meter provider of the process.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import (
    NoOpTracer,
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bulkops import __version__
from bulkops.report.metrics import Snapshot, measured
from bulkops.telemetry.conventions import Described
from bulkops.telemetry.wanted import Wanted

_NAME = "bulkops"


class Collector:
    """What is sent to the collector that the ``OTEL_…`` variables name.

    Args:
        environ: says which span the command's own is a child of (``TRACEPARENT``).

    Raises:
        Exception: the SDK can't use one of its variables.
    """

    def __init__(self, wanted: Wanted, environ: Mapping[str, str]) -> None:
        self._failures = _Failures()
        # A variable of the user's overrides these.
        resource = Resource.create({"service.name": _NAME, "service.version": __version__})
        resource = resource.merge(OTELResourceDetector().detect())
        self._providers: list[TracerProvider | MeterProvider] = []
        self._tracer: Tracer = NoOpTracer()
        self._meter: Meter | None = None
        self._spans = self._metrics = None
        if wanted.traces:
            self._spans = _SpanExporter()
            tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
            tracers.add_span_processor(BatchSpanProcessor(self._spans))
            self._tracer = tracers.get_tracer(_NAME, __version__)
            self._providers.append(tracers)
        if wanted.metrics:
            self._metrics = _MetricExporter()
            reader = PeriodicExportingMetricReader(self._metrics)
            meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
            self._meter = meters.get_meter(_NAME, __version__)
            self._providers.append(meters)
        carrier = {"traceparent": environ.get("TRACEPARENT", "")}
        carrier["tracestate"] = environ.get("TRACESTATE", "")
        self._outside = TraceContextTextMapPropagator().extract(carrier)
        self._ended = 0
        self._instruments = set[str]()
        self._points: Mapping[str, Sequence[Observation]] = {}

    @property
    def measures(self) -> bool:
        """Whether metrics are sent."""
        return self._meter is not None

    def begin(
        self, described: Described, at: int, parent: Span | None = None, *, client: bool = False
    ) -> Span:
        """Begin a span.

        Args:
            at: nanoseconds since 1970.
            parent: ``None`` for the command's own span.
            client: whether it is a request to a server.
        """
        return self._tracer.start_span(
            described.name,
            self._outside if parent is None else set_span_in_context(parent),
            SpanKind.CLIENT if client else SpanKind.INTERNAL,
            described.attributes,
            start_time=at,
        )

    def end(self, span: Span, described: Described, at: int) -> None:
        """Add attributes to a span, and end it."""
        span.set_attributes(described.attributes)
        if described.error is not None:
            span.set_status(Status(StatusCode.ERROR, described.error or None))
        self._ended += span.is_recording() and span.get_span_context().trace_flags.sampled
        span.end(at)

    def publish(self, snapshots: Iterable[Snapshot]) -> None:
        """Replace the metrics that are sent from now on."""
        points = dict[str, list[Observation]]()
        for metric in (metric for snapshot in snapshots for metric in measured(snapshot)):
            observed = [Observation(value, {**labels}) for labels, value in metric.points]
            points.setdefault(metric.name, []).extend(observed)
            if self._meter is not None and metric.name not in self._instruments:
                self._instruments.add(metric.name)
                create = (
                    self._meter.create_observable_counter
                    if metric.type == "counter"
                    else self._meter.create_observable_gauge
                )
                callback = partial(self._observed, metric.name)
                create(metric.name, [callback], description=metric.help_text)
        self._points = points

    def _observed(self, name: str, _options: CallbackOptions) -> Sequence[Observation]:
        return self._points.get(name, ())

    def close(self, seconds: float) -> list[tuple[str, dict[str, object]]]:
        """Send what is left, for at most so many seconds.

        Returns:
            Events, as names and fields, that report what was lost.
        """
        # Both at once: one that hangs takes no time from the other.
        closing = [Thread(target=one.shutdown, daemon=True) for one in self._providers]
        for thread in closing:
            thread.start()
        deadline = time.monotonic() + seconds
        for thread in closing:
            thread.join(max(0.0, deadline - time.monotonic()))
        return [*self._lost()]

    def _lost(self) -> Iterable[tuple[str, dict[str, object]]]:
        reason = self._failures.reason
        if self._spans is not None and (lost := self._ended - self._spans.sent):
            yield "spans_lost", {"lost": lost, "spans": self._ended, "reason": reason}
        if self._metrics is not None and not self._metrics.sent:
            yield "metrics_lost", {"reason": reason}


class _SpanExporter(OTLPSpanExporter):
    """Counts the spans that a collector took."""

    sent = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        self.sent += len(spans) if result is SpanExportResult.SUCCESS else 0
        return result


class _MetricExporter(OTLPMetricExporter):
    """Remembers whether a collector took the last metrics."""

    sent = True

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: object
    ) -> MetricExportResult:
        self.sent = False
        result = super().export(metrics_data, timeout_millis, **kwargs)
        self.sent = result is MetricExportResult.SUCCESS
        return result


class _Failures(logging.Handler):
    """Takes the SDK's log, which may show a header or a URL, and keeps only the last HTTP status.

    The SDK has no other place where it reports a failed export.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._status = 0
        logger = logging.getLogger("opentelemetry")
        logger.handlers, logger.propagate = [self], False

    @property
    def reason(self) -> str:
        """Why an export failed."""
        return f"it answered {self._status}" if self._status else "no answer"

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        statuses = (one for one in arguments if isinstance(one, int) and 100 <= one < 600)
        self._status = next(statuses, self._status)
