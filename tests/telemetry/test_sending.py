"""Which span is whose child."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkops.api import endpoints
from bulkops.api.messages import Response
from bulkops.client.attempt import Attempt
from bulkops.journal.records import Result
from bulkops.journal.states import Outcome
from bulkops.operations.model import Operation, Target
from bulkops.telemetry.wanted import Wanted

if TYPE_CHECKING:
    from tests.telemetry.receiver import Receiver

ADDRESS = "https://tfe.example.com"
FIRST = Operation("attach", Target("ws-1", "prod-1"), None, None)
SECOND = Operation("attach", Target("ws-2", "prod-2"), None, None)


def attempt(*, probe: bool) -> Attempt:
    """Return an attempt that was answered."""
    return Attempt(endpoints.ping(), Response(204), 1, 0.0, probe=probe)


def test_a_span_is_the_child_of_what_it_belongs_to(receiver: Receiver) -> None:
    """A probe and a result without a request belong to the command, whatever is in progress."""
    from bulkops.telemetry.sending import Sending  # noqa: PLC0415 - needs the extra

    sending = Sending(Wanted(traces=True, metrics=False), {}, "bulkops apply", 1)
    with sending._carrying({}, FIRST):
        sending._attempt(ADDRESS, {"bulkops.shard": "own"}, attempt(probe=False))
        sending._attempt(ADDRESS, {"bulkops.shard": "probe"}, attempt(probe=True))
        sending._result({}, SECOND, Result(SECOND.key, Outcome.FAILED, ""))
        sending._result({}, FIRST, Result(FIRST.key, Outcome.SUCCEEDED, ""))
    sending._attempt(ADDRESS, {"bulkops.shard": "after"}, attempt(probe=False))
    sending.end(0, 5.0)
    names = {span.ident: span.name for span in receiver.spans}
    parents = {
        span.attributes.get(
            "bulkops.shard", span.attributes.get("bulkops.workspace", "")
        ): names.get(span.parent, "")
        for span in receiver.spans
    }
    assert parents == {
        "": "",
        "own": "attach",
        "probe": "bulkops apply",
        "after": "bulkops apply",
        "prod-1": "bulkops apply",
        "prod-2": "bulkops apply",
    }
