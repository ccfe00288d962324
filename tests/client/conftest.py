"""Fixtures of the client's tests: an event loop that must not be blocked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx


@pytest.fixture
def anyio_backend() -> str:
    """The tests run on asyncio alone, because aiohttp does."""
    return "asyncio"


@pytest.fixture
def unblocked() -> Iterator[None]:
    """Fail the test if code of the package blocks the event loop."""
    with blockbuster_ctx("bulkops") as guard:
        # Creating a client blocks once, while OpenSSL reads the file of authorities.
        guard.functions["os.stat"].can_block_in("bulkops/client/access/tls.py", "tls_context")
        yield
