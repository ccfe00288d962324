"""What the client's tests share: a loop that nothing may block."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx


@pytest.fixture
def anyio_backend() -> str:
    """The package runs on asyncio alone, since aiohttp does."""
    return "asyncio"


@pytest.fixture
def unblocked() -> Iterator[None]:
    """Fail whatever in the package blocks the event loop."""
    with blockbuster_ctx("bulkops") as guard:
        # OpenSSL reads the file of authorities there, too: once, when a client is made.
        guard.functions["os.stat"].can_block_in("bulkops/client/access/tls.py", "tls_context")
        yield
