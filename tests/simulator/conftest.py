"""A simulated server for each test, whose answers are checked against HashiCorp's OpenAPI."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.paths.exceptions import PathError

from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.simulator.core import Simulator

_ROOT = Path(__file__).parents[2]
_OPENAPI = Path(os.environ.get("BULKOPS_OPENAPI") or _ROOT.parent / "shared" / "openapi")


class _OpenApiRequest:
    """A request in the form that openapi-core reads."""

    def __init__(self, request: Request) -> None:
        self.host_url = "http://simulator"
        self.path = request.path.removeprefix("/api/v2")
        self.method = request.method.lower()
        self.parameters = RequestParameters()
        self.content_type = MEDIA_TYPE
        self.body = request.body or None


class _OpenApiResponse:
    """An answer in the form that openapi-core reads."""

    def __init__(self, response: Response) -> None:
        self.status_code = response.status
        self.headers = dict(response.headers)
        self.content_type = response.headers.get("content-type", "")
        self.data = response.body or None


@pytest.fixture
def anyio_backend() -> str:
    """The server uses aiohttp, which requires asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def openapi_documents() -> list[dict[str, Any]]:
    """HashiCorp's OpenAPI documents; none if the folder does not exist."""
    return [msgspec.json.decode(path.read_bytes()) for path in sorted(_OPENAPI.glob("*.json"))]


@pytest.fixture
def needed_documents(openapi_documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents, for tests that require them."""
    if not openapi_documents:
        pytest.skip(
            f"no OpenAPI in {_OPENAPI}: set BULKOPS_OPENAPI to the folder that holds "
            "HashiCorp's run-tasks.json and workspaces.json"
        )
    return openapi_documents


@pytest.fixture(scope="session")
def judge(openapi_documents: list[dict[str, Any]]) -> Callable[[Request, Response], None]:
    """Raises if an answer doesn't conform to the OpenAPI documents of its path."""
    judges = [OpenAPI.from_dict(_as_meant(document)) for document in openapi_documents]

    def check(request: Request, response: Response) -> None:
        if response.status == 204 and not response.body and request.method == "POST":
            # An older server's attach, which is in HashiCorp's API pages but not in the OpenAPI.
            return
        for one in judges:
            try:
                one.validate_response(_OpenApiRequest(request), _OpenApiResponse(response))
            except PathError:
                continue

    return check


def _as_meant(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy that is stricter about names, and accepts null where it is intended."""
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    schemas = copy["components"]["schemas"]
    for owner in ("workspaces", "projects"):
        # Resources of `include=effective_tag_bindings` must be linked (JSON:API's "full linkage").
        # go-tfe reads the links here, but the documents omit them.
        properties = schemas.get(owner, {}).get("properties", {})
        if "relationships" in properties:
            linked = properties["relationships"]["properties"]
            linked["effective-tag-bindings"] = {"type": "object"}
    # Likewise, what go-tfe and the provider read and write.
    organization = schemas.get("organizations", {}).get("properties", {}).get("attributes", {})
    for name in ("enforce-hyok", "max-ttl-enabled", "user-tokens-enabled"):
        organization.get("properties", {})[name] = {"type": "boolean"}
    for schema in schemas.values():
        properties = schema.get("properties", {})
        _close(properties.get("attributes", {}))
        _close(properties.get("relationships", {}))
        data = properties.get("data", {})
        if data.get("nullable") and "allOf" in data:
            # Strictly, null never passes the allOf, which would make `nullable` meaningless.
            name = data["allOf"][0]["$ref"].rpartition("/")[2]
            properties["data"] = schemas[name] | {"nullable": True}
    return copy


def _close(schema: dict[str, Any]) -> None:
    """Reject misspelled attributes, which the documents don't forbid."""
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
        for inner in schema["properties"].values():
            _close(inner)


@pytest.fixture
def ask(judge: Callable[[Request, Response], None]) -> Callable[..., Response]:
    """``ask(simulator, method, path, body, query..., token=, headers=, now=)``, judged."""

    def send(
        simulator: Simulator,
        method: str,
        path: str,
        body: object = None,
        *,
        query: dict[str, str] | None = None,
        token: str = "any",  # noqa: S107 -- made up
        headers: dict[str, str] | None = None,
        now: float = 0.0,
    ) -> Response:
        defaults = {"authorization": f"Bearer {token}", "content-type": MEDIA_TYPE}
        request = Request(
            method,
            path if path.startswith(("/_", "/.")) else f"/api/v2{path}",
            tuple((query or {}).items()),
            body if isinstance(body, bytes) else msgspec.json.encode(body) if body else b"",
            defaults if headers is None else headers,
        )
        response = simulator.handle(request, now)
        judge(request, response)
        return response

    return send


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Organization acme: workspaces prod-1, prod-2 and dev-1, run task scan, no rate limit."""
    created = Simulator(rate=0)
    created.add_organization("acme")
    created.add_project("platform", tag_bindings={"team": "core"})
    created.add_workspace("prod-1", project="platform", tags=["prod"])
    created.add_workspace("prod-2", tags=["prod", "canary"], tag_bindings={"tier": "1"})
    created.add_workspace("dev-1", tags=["dev"])
    created.add_task("scan")
    yield created
    # Checks after every test that the effects are in order, without gaps.
    assert [effect.seq for effect in created.effects] == list(range(1, len(created.effects) + 1))
