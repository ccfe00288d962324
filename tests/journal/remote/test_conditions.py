"""A store that ignores conditions is refused before anything is written to a journal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from bulkops.errors import JobError
from bulkops.journal.remote.bucket.conditions import check_conditions
from bulkops.journal.remote.bucket.store import Found, Store, Version
from tests.journal.remote.servers import Server
from tests.journal.remote.tiny_s3 import tiny_s3


def test_a_store_that_obeys_conditions_is_accepted() -> None:
    """It takes four requests at the first start and at every other; one object is left."""
    with tiny_s3() as (server, inside):
        journal = server.address("team/scan.jsonl")
        for start in range(1, 4):
            check_conditions(server.store(), journal, Random(start))
            assert len(inside.asked) == 4 * start
        assert list(inside.objects) == ["team/scan.jsonl/probe"]


@pytest.mark.parametrize("there", [False, True], ids=["first start", "later start"])
@pytest.mark.parametrize(
    "ignored", [("if-none-match",), ("if-match",), ("if-none-match", "if-match")]
)
def test_a_store_that_ignores_conditions_is_refused(ignored: tuple[str, ...], there: bool) -> None:  # noqa: FBT001 - a table
    """Whichever of the two conditions it ignores, and whether or not the probe is there."""
    with tiny_s3(*ignored) as (server, inside):
        journal = server.address("scan.jsonl")
        if there:
            inside.objects["scan.jsonl/probe"] = b"of another start"
        message = "^s3://journals/scan.jsonl: this store ignores conditional writes .*in a file$"
        with pytest.raises(JobError, match=message) as caught:
            check_conditions(server.store(), journal, Random(1))
        assert caught.value.exit_code == 2


class _Refusing:
    """Refuses every condition."""

    def get(self, _key: str) -> Found | None:
        return None

    def create(self, _key: str, _data: bytes) -> Version | None:
        return None

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


def test_a_store_that_refuses_every_condition_is_refused() -> None:
    """A refusal to create what doesn't exist proves nothing: the store can't be used."""
    store: Store = _Refusing()  # type: ignore[assignment] # the rest isn't called
    with tiny_s3() as (server, _), pytest.raises(JobError, match="refuses to create an object"):
        check_conditions(store, server.address("scan.jsonl"), Random(1))


@pytest.mark.parametrize(
    "fixture",
    [
        "tiny_server",
        *(
            pytest.param(f"{name}_server", marks=pytest.mark.long)
            for name in ("seaweedfs", "moto", "azurite")
        ),
    ],
)
def test_starts_at_the_same_time_accept_the_store(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    """Sixteen probe one journal at the same time, and none takes another for a fault."""
    server: Server = request.getfixturevalue(fixture)
    journal, store = server.address("conditions/scan.jsonl"), server.store()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda seed: check_conditions(store, journal, Random(seed)), range(32)))
    assert list(store.names("conditions/")) == ["conditions/scan.jsonl/probe"]
