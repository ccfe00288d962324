"""``apply`` with the default place of journals in a bucket."""

from __future__ import annotations

import pytest

from bulkops.journal.remote.lease.content import Lease
from tests.cli.support import TASK, World
from tests.conftest import Here
from tests.journal.remote.tiny_s3 import TinyS3
from tests.journal.samples import HOLDER

PREFIX = "s3://journals/team"


def test_a_job_that_ended_while_its_lease_was_waited_for_is_planned_anew(
    world: World, here: Here, bucket: TinyS3
) -> None:
    """Its process died after the last record, before it released the lease."""
    world.environment["BULKOPS_JOURNALS"] = PREFIX
    assert here("apply", "job.toml", "--yes").code == 0
    (lease,) = (key for key in bucket.objects if key.count("/") == 3 and key.endswith("/lease"))
    bucket.objects[lease] = Lease(HOLDER, "nonce", 1, 0.1).encoded()
    world.simulator.detach("prod-001", TASK)
    assert here("apply", "job.toml", "--yes").code == 11
    done = here("apply", "job.toml", "--yes", "--wait")
    assert done.code == 0, done.err
    assert world.all_desired()
    assert sum(key.endswith("/00000001.jsonl") for key in bucket.objects) == 2


@pytest.mark.usefixtures("bucket")
def test_a_start_that_finds_nothing_to_do_hides_no_journal(world: World, here: Here) -> None:
    """The one before is still listed, so that it can be undone."""
    world.environment["BULKOPS_JOURNALS"] = PREFIX
    assert here("apply", "job.toml", "--yes").code == 0
    listed = here("journal", "list", "--json").out
    assert "Nothing to do" in here("apply", "job.toml", "--yes").err
    assert here("journal", "list", "--json").out == listed
    assert '"ended":"complete"' in listed


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_journal_without_its_first_segments_is_damaged(
    world: World, here: Here, bucket: TinyS3, lost: int
) -> None:
    """No other journal is begun in its place: what was lost can still be restored."""
    there = f"{PREFIX}/scan"
    assert here("apply", "job.toml", "--journal", there, "--yes").code == 0
    world.simulator.detach("prod-001", TASK)
    for number in range(1, lost + 1):
        del bucket.objects[f"team/scan/{number:08}.jsonl"]
    before = segments(bucket)
    for command in (
        ("apply", "job.toml", "--journal", there, "--yes"),
        ("resume", there, "--yes"),
        ("undo", there, "--yes"),
        ("journal", "repair", there, "--accept-loss"),
        ("journal", "copy", there, "copy.jsonl"),
        ("status", there),
    ):
        done = here(*command)
        assert (done.code, "first segment is missing" in done.err) == (12, True), done
        assert "Plan:" not in done.err
    assert segments(bucket) == before


def segments(bucket: TinyS3) -> dict[str, bytes]:
    """Return the objects that are segments."""
    return {key: data for key, data in bucket.objects.items() if key.endswith(".jsonl")}
