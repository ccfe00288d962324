"""The tiny server as a fixture, beside the real ones in ``tests/conftest.py``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journal.remote.servers import Server
from tests.journal.remote.tiny_s3 import tiny_s3


@pytest.fixture
def tiny_server() -> Iterator[Server]:
    """A bucket in this process that obeys all conditions, and checks no keys."""
    with tiny_s3() as (server, _):
        yield server
