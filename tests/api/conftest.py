"""Recorded answers, in the shapes that real servers gave them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bulkops.api.messages import Response

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def sample() -> Callable[[str], Response]:
    """Return a recorded answer by its file name."""

    def read(name: str, status: int = 200) -> Response:
        return Response(status, {}, (SAMPLES / name).read_bytes())

    return read
