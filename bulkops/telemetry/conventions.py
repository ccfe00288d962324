"""Names, attributes and errors of spans. Pure.

Attempts follow OpenTelemetry's semantic conventions for HTTP clients, the command those for CLI
programs. Names have no names or ids of anything, so that there are few of them. No attribute has a
header, a body or the URL of a run task.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from bulkops.api.endpoints import route
from bulkops.api.failures import request_id
from bulkops.client.attempt import Attempt
from bulkops.errors import NoResponse
from bulkops.job.job import Job
from bulkops.journal.records import Result
from bulkops.journal.replay import Replay
from bulkops.journal.states import TROUBLE
from bulkops.operations import wording
from bulkops.operations.model import Operation

Attributes = Mapping[str, str | int | tuple[str, ...]]

_PORTS = {"https": 443, "http": 80}
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>]*[^\s\"'<>.,:;)]", re.IGNORECASE)


class Described(msgspec.Struct, frozen=True):
    """What a span shows.

    Attributes:
        name: empty if it has been named already.
        error: why it failed; empty if the attributes say it; ``None`` if it did not fail.
    """

    name: str
    attributes: Attributes
    error: str | None = None


def of_attempt(attempt: Attempt, address: str) -> Described:
    """Return what the span of an attempt shows.

    Args:
        address: the server's, as ``canonical`` returns it.
    """
    request, answer = attempt.request, attempt.answer
    template, server = route(request), urlsplit(address)
    query = f"?{urlencode(request.query, quote_via=quote)}" if request.query else ""
    attributes: dict[str, str | int | tuple[str, ...]] = {
        "http.request.method": request.method,
        "url.template": template,
        "url.full": f"{address}{request.path}{query}",
        "server.address": server.hostname or "",
        "server.port": server.port or _PORTS.get(server.scheme, 0),
    }
    if attempt.number > 1:
        attributes["http.request.resend_count"] = attempt.number - 1
    name = f"{request.method} {template}"
    if isinstance(answer, NoResponse):
        return Described(
            name, {**attributes, "error.type": type(answer).__name__}, without_urls(str(answer))
        )
    attributes["http.response.status_code"] = answer.status
    if ident := request_id(answer):
        attributes["http.response.header.x-request-id"] = (ident,)
    if answer.status < 400:
        return Described(name, attributes)
    return Described(name, {**attributes, "error.type": str(answer.status)}, "")


def of_job(job: Job, replay: Replay, shard: str) -> Attributes:
    """Return the attributes by which the spans of one job are found, in all of its executions.

    Args:
        shard: of a fleet; empty for a job by itself.
    """
    header = replay.header
    return {
        "bulkops.run_id": header.run_id,
        "bulkops.job": job.name,
        "bulkops.organization": header.organization,
        "bulkops.kind": wording.kind_in_words(job.kind, undo=bool(header.undo_of)),
        **({"bulkops.undo_of": header.undo_of} if header.undo_of else {}),
        **in_shard(shard),
    }


def in_shard(shard: str) -> Attributes:
    """Return the attribute that names a shard; none if ``shard`` is empty."""
    return {"bulkops.shard": shard} if shard else {}


def of_operation(operation: Operation) -> Described:
    """Return what the span of an operation shows from its start."""
    name = operation.verb or operation.kind.partition(".")[0]
    known = ((field, value) for field, value in operation.target.fields.items() if value)
    fields = {f"bulkops.{field}": value for field, value in known}
    return Described(name, {"bulkops.operation": operation.key, **fields})


def of_result(result: Result) -> Described:
    """Return what an operation's span shows in addition at its end."""
    attributes = {"bulkops.outcome": result.outcome.value, "bulkops.attempts": result.attempts}
    if result.outcome not in TROUBLE:
        return Described("", attributes)
    failed = {**attributes, "error.type": result.outcome.value}
    return Described("", failed, without_urls(result.reason))


WITHOUT_RESULT = Described("", {"error.type": "no_result"}, "it ended without a result")
"""What the span of an operation shows if the command stopped before its result."""


def of_command(exit_code: int, pid: int) -> Described:
    """Return what the command's span shows in addition at its end."""
    attributes: dict[str, str | int] = {
        "process.executable.name": "bulkops",
        "process.pid": pid,
        "process.exit.code": exit_code,
    }
    if not exit_code:
        return Described("", attributes)
    return Described("", {**attributes, "error.type": str(exit_code)}, f"exit code {exit_code}")


def without_urls(text: str) -> str:
    """Return a text without the URLs in it: that of a run task may contain a secret."""
    return _URL.sub("(URL)", text)
