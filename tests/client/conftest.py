"""What the client's tests share: samples of answers, and a loop that nothing may block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from bulkops.exchange import Response

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def sample() -> Callable[[str], Response]:
    """Return a recorded answer by its file's name."""

    def read(name: str, status: int = 200) -> Response:
        return Response(status, {}, (SAMPLES / name).read_bytes())

    return read


@pytest.fixture
def anyio_backend() -> str:
    """The package runs on asyncio alone, since aiohttp does."""
    return "asyncio"


@pytest.fixture
def unblocked() -> Iterator[None]:
    """Fail whatever in the package blocks the event loop."""
    with blockbuster_ctx("bulkops"):
        yield
