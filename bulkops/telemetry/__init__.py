"""Traces and metrics of a command, sent to an OpenTelemetry collector by OTLP over HTTP."""
