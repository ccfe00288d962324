"""``apply`` with the default place of journals in a bucket."""

from __future__ import annotations

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
