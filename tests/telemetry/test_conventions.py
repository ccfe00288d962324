"""What spans show, and what they don't."""

from __future__ import annotations

import pytest

from bulkops.api import endpoints
from bulkops.api.messages import Request, Response
from bulkops.client.attempt import Attempt
from bulkops.errors import NoResponse
from bulkops.journal.records import Result
from bulkops.journal.states import Outcome
from bulkops.operations.model import Operation, Target
from bulkops.telemetry import conventions

ADDRESS = "https://tfe.example.com"
HOOK = "https://hooks.example.com/T0/s3cret"


def attempt(request: Request, answer: Response | NoResponse, number: int = 1) -> Attempt:
    """Return an attempt."""
    return Attempt(request, answer, number, 0.5, probe=False)


def test_a_request_is_described_by_the_conventions() -> None:
    """Every attribute of an HTTP client's span; the name has the route."""
    request = endpoints.list_workspaces("acme", {"search[name]": "a b"})
    answer = Response(200, {"x-request-id": "r-1"}, b"{}")
    shown = conventions.of_attempt(attempt(request, answer, 3), ADDRESS)
    assert shown.name == "GET /organizations/{organization}/workspaces"
    assert shown.error is None
    assert shown.attributes == {
        "http.request.method": "GET",
        "http.request.resend_count": 2,
        "http.response.header.x-request-id": ("r-1",),
        "http.response.status_code": 200,
        "server.address": "tfe.example.com",
        "server.port": 443,
        "url.full": (
            f"{ADDRESS}/api/v2/organizations/acme/workspaces?search%5Bname%5D=a%20b&sort=name"
        ),
        "url.template": "/organizations/{organization}/workspaces",
    }


@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 503])
def test_a_refusal_is_an_error(status: int) -> None:
    """Its type is the status, which needs no description."""
    shown = conventions.of_attempt(attempt(endpoints.ping(), Response(status)), ADDRESS)
    assert (shown.attributes["error.type"], shown.error) == (str(status), "")


def test_no_answer_is_an_error() -> None:
    """It has no status, and a description without URLs."""
    lost = NoResponse(f"no answer from {HOOK}: timeout", sent=True)
    shown = conventions.of_attempt(attempt(endpoints.ping(), lost), "http://[::1]:8080")
    assert (shown.attributes["error.type"], shown.error) == (
        "NoResponse",
        "no answer from (URL): timeout",
    )
    assert "http.response.status_code" not in shown.attributes
    assert (shown.attributes["server.address"], shown.attributes["server.port"]) == ("::1", 8080)


def test_a_body_is_never_shown() -> None:
    """Neither the URL of a run task nor its key."""
    change = endpoints.RunTaskChange(name="scan", url=HOOK, hmac_key="k3y")
    shown = conventions.of_attempt(
        attempt(endpoints.create_run_task("acme", change), Response(201, {}, b"{}")), ADDRESS
    )
    assert "s3cret" not in str(shown)
    assert "k3y" not in str(shown)


@pytest.mark.parametrize("kind", ["attach", "detach.2"])
def test_an_operation_is_named_by_its_verb(kind: str) -> None:
    """Its name has no id; its attributes name its target, and the project if it is known."""
    shown = conventions.of_operation(Operation(kind, Target("ws-1", "prod", "data"), None, None))
    assert shown.name == kind.partition(".")[0]
    named = {
        "bulkops.operation": f"{kind}:ws-1",
        "bulkops.workspace": "prod",
        "bulkops.workspace_id": "ws-1",
    }
    assert shown.attributes == {**named, "bulkops.project": "data"}
    old = Operation(kind, Target("ws-1", "prod"), None, None)
    assert conventions.of_operation(old).attributes == named
    verb = Operation("task-update", Target("task-1", "scan"), None, None, verb="update")
    assert conventions.of_operation(verb).name == "update"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_result_is_an_error_if_it_needs_attention(outcome: Outcome) -> None:
    """Failed, in conflict and in doubt; the reason without URLs."""
    reason = f"the server accepted it, but shows url {HOOK}"
    shown = conventions.of_result(Result("attach:ws-1", outcome, "", attempts=2, reason=reason))
    assert (shown.attributes["bulkops.outcome"], shown.attributes["bulkops.attempts"]) == (
        outcome.value,
        2,
    )
    good = outcome in (Outcome.SUCCEEDED, Outcome.SKIPPED)
    assert shown.error == (None if good else "the server accepted it, but shows url (URL)")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"instead of {HOOK}, {HOOK}", "instead of (URL), (URL)"),
        (f'url = "{HOOK}"', 'url = "(URL)"'),
        ("S3://bucket/key", "(URL)"),
        ("404: not found", "404: not found"),
    ],
)
def test_urls_are_cut_out(text: str, shown: str) -> None:
    """Whatever their scheme; the rest is unchanged."""
    assert conventions.without_urls(text) == shown
