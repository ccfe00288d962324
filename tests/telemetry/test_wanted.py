"""Which variables ask for what."""

from __future__ import annotations

import pytest

from bulkops.telemetry.wanted import Wanted, wanted

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
BOTH = {ENDPOINT: "http://collector:4318"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Wanted(traces=False, metrics=False)),
        ({"OTEL_SERVICE_NAME": "x", "TRACEPARENT": "x"}, Wanted(traces=False, metrics=False)),
        (BOTH, Wanted(traces=True, metrics=True, because=ENDPOINT)),
        ({ENDPOINT: " "}, Wanted(traces=False, metrics=False)),
        ({**BOTH, "OTEL_SDK_DISABLED": "True"}, Wanted(traces=False, metrics=False)),
        ({**BOTH, "OTEL_SDK_DISABLED": "0"}, Wanted(traces=True, metrics=True, because=ENDPOINT)),
        (
            {**BOTH, "OTEL_TRACES_EXPORTER": "none"},
            Wanted(traces=False, metrics=True, because=ENDPOINT),
        ),
        (
            {"OTEL_METRICS_EXPORTER": "otlp"},
            Wanted(traces=False, metrics=True, because="OTEL_METRICS_EXPORTER"),
        ),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "x"},
            Wanted(traces=True, metrics=False, because="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        ),
        (
            {"OTEL_TRACES_EXPORTER": "console,otlp"},
            Wanted(traces=True, metrics=False, because="OTEL_TRACES_EXPORTER"),
        ),
        (
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            Wanted(
                traces=False,
                metrics=False,
                because="OTEL_TRACES_EXPORTER",
                unusable="OTEL_TRACES_EXPORTER=zipkin",
            ),
        ),
        (
            {**BOTH, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            Wanted(
                traces=False,
                metrics=False,
                because=ENDPOINT,
                unusable="OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
            ),
        ),
        (
            {
                **BOTH,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            },
            Wanted(
                traces=True,
                metrics=False,
                because=ENDPOINT,
                unusable="OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
            ),
        ),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, Wanted(traces=False, metrics=False)),
    ],
)
def test_what_the_environment_asks_for(environ: dict[str, str], expected: Wanted) -> None:
    """Only an endpoint or an exporter asks for anything; what can't be sent is named."""
    assert wanted(environ) == expected
