"""Fixtures: a bucket for the commands that use journals in object storage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.support import World
from tests.journal.remote.tiny_s3 import TinyS3, tiny_s3


@pytest.fixture
def bucket(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyS3]:
    """A bucket that the environment of the commands leads to."""
    with tiny_s3() as (server, objects):
        world.environment |= server.env
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield objects
