"""The documented policy is all that a journal needs, and no more: moto enforces it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import BaseError

from bulkops.journal.remote.bucket.objects import ObjectStore
from bulkops.journal.remote.bucket.store import Denied, Store
from tests.journal.remote.servers import BUCKET, moto

pytestmark = pytest.mark.long

README = Path(__file__).parents[3] / "jobs" / "README.md"
CALLS: dict[str, Callable[[Store], object]] = {
    "create": lambda store: store.create("a/2", b"1"),
    "overwrite": lambda store: store.put("a/1", b"2"),
    "get": lambda store: store.get("a/1"),
    "get what is absent": lambda store: store.get("b/1"),
    "list": lambda store: [*store.names("a/"), *store.folders("a/")],
}


def documented() -> str:
    """Return the policy of jobs/README.md, for this bucket."""
    found = re.search(r"<!-- policy -->\n```json\n(.*?)```", README.read_text(), re.DOTALL)
    assert found
    return found[1].replace("my-bucket", BUCKET)


def denied(store: Store) -> set[str]:
    """Return the names of the calls that the policy doesn't allow."""
    names = set()
    for name, call in CALLS.items():
        try:
            call(store)
        except Denied:
            names.add(name)
    return names


def test_the_policy_allows_all_calls_and_no_deletion(tmp_path: Path) -> None:
    """A swap, too, with the version that was read."""
    with moto(tmp_path, documented()) as server:
        store = server.store()
        assert denied(store) == set()
        found = store.get("a/1")
        assert found
        assert store.swap("a/1", b"3", found.version)
        assert isinstance(store, ObjectStore)
        with pytest.raises(BaseError, match="AccessDenied"):
            obstore.delete(store._store, "a/1")


def test_without_the_right_to_put_a_journal_can_be_read(tmp_path: Path) -> None:
    """As the file says for a read-only role."""
    policy = json.loads(documented())
    policy["Statement"][0]["Action"].remove("s3:PutObject")
    with moto(tmp_path, json.dumps(policy)) as server:
        assert denied(server.store()) == {"create", "overwrite"}
