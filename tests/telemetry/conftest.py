"""A collector for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.telemetry.receiver import Receiver

SECRET = "canary-header-5d1e8"
"""The value of a header, which must never be printed."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A collector, which the environment names; skips without the extra."""
    pytest.importorskip("opentelemetry.proto", reason="bulkops[otel] is not installed")
    from tests.telemetry.receiver import receiving  # noqa: PLC0415 - needs the extra

    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-api-key={SECRET}")
        yield receiver
