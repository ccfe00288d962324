"""An OpenTelemetry collector for tests: takes OTLP over HTTP, and decodes the protobuf."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import NamedTuple, TypeAlias

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Proto

Value: TypeAlias = "str | int | float | bool | list[Value]"


class Span(NamedTuple):
    """A span as it arrived.

    Attributes:
        error: the status is an error.
        message: the status's message.
    """

    trace: str
    ident: str
    parent: str
    name: str
    kind: str
    start: int
    end: int
    error: bool
    message: str
    attributes: dict[str, Value]


class Point(NamedTuple):
    """A value of a metric as it arrived last; ``type``: gauge or sum."""

    type: str
    value: float
    labels: dict[str, Value]


class Receiver:
    """What has arrived.

    Attributes:
        endpoint: for ``OTEL_EXPORTER_OTLP_ENDPOINT``.
        resource: the attributes of the last resource.
        points: metric → its last values.
        headers: of the last request, with lower-case names.
        bodies: everything that has arrived, decompressed.
        status: what it answers.
        hangs: it answers nothing before the end.
        asked: set once a request has arrived.
        over: set at the end.
    """

    def __init__(self) -> None:
        self.endpoint = ""
        self.spans = list[Span]()
        self.resource = dict[str, Value]()
        self.points = dict[str, list[Point]]()
        self.headers: Mapping[str, str] = {}
        self.bodies = list[bytes]()
        self.status = 200
        self.hangs = False
        self.asked = Event()
        self.over = Event()

    def named(self, name: str) -> list[Span]:
        """Return the spans of this name, in the order of their starts."""
        return sorted((one for one in self.spans if one.name == name), key=lambda one: one.start)

    def children(self, of: Span) -> list[Span]:
        """Return a span's children, in the order of their starts."""
        found = (one for one in self.spans if one.parent == of.ident)
        return sorted(found, key=lambda one: one.start)

    def take(self, path: str, body: bytes) -> None:
        """Take a request's body."""
        self.bodies.append(body)
        if path.endswith("/v1/traces"):
            traces = ExportTraceServiceRequest.FromString(body)
            for resource_spans in traces.resource_spans:
                self.resource = _values(resource_spans.resource.attributes)
                for scope in resource_spans.scope_spans:
                    self.spans += map(_span, scope.spans)
            return
        assert path.endswith("/v1/metrics"), path
        metrics = ExportMetricsServiceRequest.FromString(body)
        for resource_metrics in metrics.resource_metrics:
            self.resource = _values(resource_metrics.resource.attributes)
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    kind = metric.WhichOneof("data") or ""
                    points = (metric.sum if kind == "sum" else metric.gauge).data_points
                    self.points[metric.name] = [_point(kind, one) for one in points]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve a receiver on this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.asked.set()
            if receiver.hangs:
                receiver.over.wait()
                return
            if receiver.status == 200:
                receiver.take(self.path, body)
            # The answer's message is empty, and so is its encoding.
            self.send_response(receiver.status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver.endpoint = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield receiver
        finally:
            receiver.over.set()
            server.shutdown()


def _span(span: Proto) -> Span:
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        Proto.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code == span.status.STATUS_CODE_ERROR,
        span.status.message,
        _values(span.attributes),
    )


def _point(kind: str, point: NumberDataPoint) -> Point:
    value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
    return Point(kind, value, _values(point.attributes))


def _values(pairs: Iterator[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    if value.HasField("array_value"):
        return [_value(one) for one in value.array_value.values]
    found: Value = getattr(value, value.WhichOneof("value") or "string_value")
    return found
