"""What the environment asks to be sent to an OpenTelemetry collector. Pure.

| variable                                            | what is sent                             |
|-----------------------------------------------------|------------------------------------------|
| ``OTEL_SDK_DISABLED=true``                          | nothing, whatever else is set            |
| ``OTEL_EXPORTER_OTLP_ENDPOINT``                     | traces and metrics                       |
| ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``, ``…METRICS…``| that signal                             |
| ``OTEL_TRACES_EXPORTER``, ``OTEL_METRICS_EXPORTER`` |                                          |
|   ``otlp``                                          | that signal, by default to this machine  |
|   ``none``                                          | not that signal, whatever else is set    |
|   anything else                                     | not that signal; unusable                |
| ``OTEL_EXPORTER_OTLP_PROTOCOL``, ``…TRACES…``, …    |                                          |
|   anything but ``http/protobuf``                    | not that signal; unusable                |

An empty variable counts as not set. The OpenTelemetry SDK reads all other variables itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

PROTOCOL = "http/protobuf"


class Wanted(NamedTuple):
    """What is to be sent.

    Attributes:
        because: the variable that asks for it; empty if none does.
        unusable: a variable with a value that bulkops can't act on; empty if there is none.
    """

    traces: bool
    metrics: bool
    because: str = ""
    unusable: str = ""


def wanted(environ: Mapping[str, str]) -> Wanted:
    """Return what is to be sent (see the table above)."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Wanted(traces=False, metrics=False)
    traces, metrics = _signal("TRACES", environ), _signal("METRICS", environ)
    return Wanted(
        bool(traces.because) and not traces.unusable,
        bool(metrics.because) and not metrics.unusable,
        traces.because or metrics.because,
        traces.unusable or metrics.unusable,
    )


class _Signal(NamedTuple):
    because: str = ""
    unusable: str = ""


def _signal(signal: str, environ: Mapping[str, str]) -> _Signal:
    exporter = f"OTEL_{signal}_EXPORTER"
    named = [one.strip() for one in environ.get(exporter, "").split(",") if one.strip()]
    if "none" in named:
        return _Signal()
    if named and "otlp" not in named:
        return _Signal(exporter, f"{exporter}={environ[exporter]}")
    endpoints = (f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    because = _first_set(endpoints, environ) or (exporter if named else "")
    protocols = (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = _first_set(protocols, environ)
    if because and protocol and environ[protocol].strip() != PROTOCOL:
        return _Signal(because, f"{protocol}={environ[protocol]}")
    return _Signal(because)


def _first_set(names: tuple[str, ...], environ: Mapping[str, str]) -> str:
    return next((name for name in names if environ.get(name, "").strip()), "")
