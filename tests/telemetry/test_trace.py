"""The spans and metrics that a collector receives from the real commands."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from bulkops.api.messages import Request, Response
from bulkops.simulator.faults import Fault, Faults
from bulkops.simulator.state import Entitlements
from tests.cli.run.test_fleet import APPLY, FLEET, three_organizations
from tests.cli.support import TOKEN, World
from tests.conftest import Here
from tests.telemetry.conftest import SECRET

if TYPE_CHECKING:
    from tests.telemetry.receiver import Receiver, Span

REFUSAL = Fault(kind="429", effect=False, answer=Response(429, {"x-ratelimit-reset": "0"}))
POST = "POST /workspaces/{workspace_id}/tasks"


def the(spans: list[Span]) -> Span:
    """Return the only span of a list."""
    (span,) = spans
    return span


def test_a_job_is_a_tree_of_spans(world: World, here: Here, receiver: Receiver) -> None:
    """Command, operations, attempts; one is retried after a 429, one refused with 422."""
    world.job(("[pace]", "[rollout]\nmax_failures = 5\n[pace]\nmax_at_once = 1"))
    acme = world.simulator.world.organizations["acme"]
    writes = count(1)

    def staged(request: Request) -> None:
        number = next(writes) if request.writes else 0
        world.simulator.faults = Faults({"POST": [(REFUSAL, 1.0)]}, 0) if number == 1 else None
        acme.entitlements = Entitlements(run_task_workspace_limit=0 if number == 4 else None)

    world.simulator.before = staged
    assert here(*world.applying, "--metrics-file", "scan.prom").code == 3

    root = the([span for span in receiver.spans if not span.parent])
    assert (root.name, root.kind, root.error) == ("bulkops apply", "INTERNAL", True)
    assert root.attributes["process.exit.code"] == 3
    assert root.attributes["bulkops.job"] == "scan"
    assert {span.trace for span in receiver.spans} == {root.trace}
    operations = receiver.named("attach")
    assert len(operations) == 12
    assert {span.parent for span in operations} == {root.ident}
    assert all(root.start <= span.start <= span.end <= root.end for span in operations)

    retried, plain, refused = operations[:3]
    assert retried.attributes["bulkops.outcome"] == "succeeded"
    assert retried.attributes["bulkops.attempts"] == 2
    assert not retried.error
    first, second = receiver.children(retried)
    assert (first.name, first.kind, first.error) == (POST, "CLIENT", True)
    assert first.attributes["http.response.status_code"] == 429
    assert first.attributes["error.type"] == "429"
    assert "http.request.resend_count" not in first.attributes
    assert (second.name, second.error) == (POST, False)
    assert second.attributes["http.response.status_code"] == 201
    assert second.attributes["http.request.resend_count"] == 1
    assert retried.start <= first.start <= first.end <= second.start <= second.end <= retried.end

    assert len(receiver.children(plain)) == 1
    assert refused.attributes["bulkops.outcome"] == "failed"
    assert refused.error
    assert refused.message.startswith("422 ")
    sent = receiver.children(refused)[0]
    assert sent.attributes["http.response.status_code"] == 422
    assert sent.error
    assert sent.attributes["server.address"] == "127.0.0.1"
    assert str(sent.attributes["url.full"]).startswith(f"{world.address}/api/v2/workspaces/ws-")

    reads = [span.name for span in receiver.children(root) if span.kind == "CLIENT"]
    assert {"GET /ping", "GET /organizations/{organization}/workspaces"} <= {*reads}
    assert receiver.resource["service.name"] == "bulkops"


def test_metrics_are_those_of_the_file(world: World, here: Here, receiver: Receiver) -> None:
    """The same names, labels and values; counters are sums."""
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - one test

    assert here(*world.applying, "--metrics-file", "scan.prom").code == 0
    families = text_string_to_metric_families((world.folder / "scan.prom").read_text("utf-8"))
    written = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }
    received = {
        (name, *sorted(point.labels.items())): point.value
        for name, points in receiver.points.items()
        for point in points
    }
    assert received == written
    assert len(received) > 12
    sums = {name for name, points in receiver.points.items() if points[0].type == "sum"}
    assert sums == {"bulkops_requests_total", "bulkops_retries_total", "bulkops_refused_total"}


def test_no_secret_is_sent_or_printed(world: World, here: Here, receiver: Receiver) -> None:
    """The header reaches the collector, and nothing else; the token reaches nobody."""
    world.simulator.faults = Faults.parse("503=10%", 7)
    done = here("--log-file", "scan.log", *world.applying, "--json")
    receiver.status = 401
    lost = here("--debug", "verify", "scan.jsonl", debug=True)
    assert receiver.headers["x-api-key"] == SECRET
    assert "spans did not reach the OpenTelemetry collector (it answered 401)" not in lost.out
    assert "spans_lost" in lost.err
    assert "401" in lost.err
    printed = [done.out, done.err, lost.out, lost.err, (world.folder / "scan.log").read_text()]
    assert not any(SECRET in text for text in printed)
    assert receiver.bodies
    assert not any(word in b for b in receiver.bodies for word in (SECRET.encode(), TOKEN.encode()))


def test_resume_verify_and_undo_are_traces_of_their_own(
    world: World, here: Here, receiver: Receiver
) -> None:
    """What belongs to a job has its run id, in every execution; a verification has no operation."""
    world.job(("[pace]", '[rollout]\nwaves = ["1"]\npause = "manual"\n[pace]'))
    assert here(*world.applying).code == 6
    assert here("resume", "scan.jsonl", "--yes", "--continue").code == 0
    first, second = receiver.named("bulkops apply") + receiver.named("bulkops resume")
    assert first.trace != second.trace
    assert first.attributes["bulkops.run_id"] == second.attributes["bulkops.run_id"]
    assert [len(of(receiver, root, "attach")) for root in (first, second)] == [1, 11]
    assert here("verify", "scan.jsonl").code == 0
    verify = the(receiver.named("bulkops verify"))
    assert {span.kind for span in receiver.children(verify)} == {"CLIENT"}
    assert here("undo", "scan.jsonl", "--yes").code == 0
    undo = the(receiver.named("bulkops undo"))
    assert undo.attributes["bulkops.kind"] == "undo of attach"
    assert undo.attributes["bulkops.undo_of"] == first.attributes["bulkops.run_id"]
    assert len(of(receiver, undo, "detach")) == 12


def of(receiver: Receiver, root: Span, name: str) -> list[Span]:
    """Return the children of a span that have this name."""
    return [span for span in receiver.children(root) if span.name == name]


def test_a_command_can_be_a_part_of_a_pipelines_trace(here: Here, receiver: Receiver) -> None:
    """``TRACEPARENT`` names the parent; variables name the service and its attributes."""
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    environment = {
        "TRACEPARENT": f"00-{trace}-{parent}-01",
        "OTEL_SERVICE_NAME": "rollouts",
        "OTEL_RESOURCE_ATTRIBUTES": "service.version=7,team=platform",
    }
    assert here("workspaces", "job.toml", **environment).code == 0
    root = the(receiver.named("bulkops workspaces"))
    assert (root.trace, root.parent) == (trace, parent)
    found = {name: receiver.resource[name] for name in ("service.name", "service.version", "team")}
    assert found == {"service.name": "rollouts", "service.version": "7", "team": "platform"}


def test_a_killed_connection_is_an_error_without_status(
    world: World, here: Here, receiver: Receiver
) -> None:
    """An attempt without an answer has an ``error.type``; reading back follows."""
    writes = count(1)

    def staged(request: Request) -> None:
        lost = request.writes and next(writes) == 1
        world.simulator.faults = Faults.parse("POST:close-after=100%", 0) if lost else None

    world.simulator.before = staged
    assert here(*world.applying).code == 0
    lost_spans = [span for span in receiver.named(POST) if span.error]
    span = the(lost_spans)
    assert span.attributes["error.type"] == "NoResponse"
    assert "http.response.status_code" not in span.attributes
    assert span.message
    operation = the([one for one in receiver.spans if one.ident == span.parent])
    assert (operation.name, operation.error) == ("attach", False)
    names = [one.name for one in receiver.children(operation)]
    assert names[0] == POST
    assert names[1].startswith("GET /")


def test_a_fleet_is_one_trace_with_its_shards(
    here: Here, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each operation and attempt names its shard, and so do the metrics."""
    with three_organizations(tmp_path_factory.mktemp("fleet")) as world:
        (world.folder / "fleet.toml").write_text(FLEET, encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(world.folder)
            assert here(*APPLY, TFE_ADDRESS=world.address).code == 0
    root = the([span for span in receiver.spans if not span.parent])
    assert root.name == "bulkops fleet apply"
    operations = receiver.named("attach")
    shards = {span.attributes["bulkops.shard"] for span in operations}
    assert (len(operations), shards) == (9, {"acme-1", "acme-2", "acme-3"})
    for span in operations:
        children = receiver.children(span)
        assert children
        assert {one.attributes["bulkops.shard"] for one in children} == {
            span.attributes["bulkops.shard"]
        }
    points = receiver.points["bulkops_exit_code"]
    assert {point.labels["shard"] for point in points} == shards
