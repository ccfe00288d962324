"""The simulator over real sockets, used with a plain HTTP client."""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import anyio
import msgspec
import pytest
import trustme
from aiohttp import web

from bulkops.api.messages import MEDIA_TYPE
from bulkops.simulator.app import serve
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import FAULTS, Faults

pytestmark = pytest.mark.anyio

HEADERS = {"authorization": "Bearer x", "content-type": MEDIA_TYPE}
ACME = "/api/v2/organizations/acme"
NEW = {"data": {"type": "workspaces", "attributes": {"name": "new"}}}


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail the test if the server logs a warning or an error."""
    yield
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client with a token that any simulator accepts."""
    async with aiohttp.ClientSession(headers=HEADERS) as created:
        yield created


async def _create(session: aiohttp.ClientSession, address: str) -> tuple[int, bytes]:
    body = msgspec.json.encode(NEW)
    async with session.post(f"{address}{ACME}/workspaces", data=body) as response:
        return response.status, await response.read()


async def _first_effect(simulator: Simulator) -> None:
    while not simulator.effects:  # noqa: ASYNC110 -- the core knows nothing of events
        await asyncio.sleep(0.001)


async def test_serves_the_core(simulator: Simulator, session: aiohttp.ClientSession) -> None:
    """The core's status, headers and body arrive, with links to the server's address."""
    async with (
        serve(simulator) as address,
        session.get(
            f"{address}{ACME}/workspaces", params={"page[size]": "1", "search[name]": "prod"}
        ) as response,
    ):
        document = await response.json(content_type=MEDIA_TYPE)
        assert response.status == 200
        assert response.headers["TFP-AppName"] == "HCP Terraform"
        assert document["meta"]["pagination"]["total-count"] == 2
        assert document["links"]["next"].startswith(f"{address}{ACME}/workspaces?search%5Bname%5D")


async def test_control_endpoint_is_never_struck(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    """Effects, statistics, discovery and pings are answered even if everything else fails."""
    async with serve(simulator, faults=Faults.parse("close-before=100%", 0)) as address:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await _create(session, address)
        for path in ("/_simulator/effects", "/_simulator/stats", "/.well-known/terraform.json"):
            async with session.get(address + path) as response:
                assert response.status == 200
        async with session.get(f"{address}/api/v2/ping") as response:
            assert response.status == 204


@pytest.mark.parametrize("kind", [kind for kind, fault in FAULTS.items() if fault.answer])
async def test_answered_faults(
    simulator: Simulator, session: aiohttp.ClientSession, kind: str
) -> None:
    """A fault with an answer sends it; only the kinds ``-after`` take effect."""
    async with serve(simulator, faults=Faults.parse(f"POST:{kind}=100%", 0)) as address:
        status, body = await _create(session, address)
    answer = FAULTS[kind].answer
    assert answer is not None
    assert (status, body) == (answer.status, answer.body)
    assert len(simulator.effects) == kind.endswith("-after")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("close-before", aiohttp.ServerDisconnectedError),
        ("close-after", aiohttp.ServerDisconnectedError),
        ("late", aiohttp.ServerDisconnectedError),
        ("reset-before", aiohttp.ClientOSError),
        ("reset-after", aiohttp.ClientOSError),
        ("hang-before", TimeoutError),
        ("hang-after", TimeoutError),
        ("cut", aiohttp.ClientPayloadError),
        ("slow", TimeoutError),
    ],
)
async def test_unanswered_faults(simulator: Simulator, kind: str, error: type[Exception]) -> None:
    """The connection fails as the kind specifies, and the request takes effect or not."""
    # Only what never answers in time costs the test any time.
    patience = aiohttp.ClientTimeout(total=0.3 if error is TimeoutError else 10)
    async with (
        serve(simulator, faults=Faults.parse(f"POST:{kind}=100%", 0)) as address,
        aiohttp.ClientSession(headers=HEADERS, timeout=patience) as session,
    ):
        with pytest.raises(error):
            await _create(session, address)
        while not simulator.stats.faults:  # noqa: ASYNC110 -- the core knows nothing of events
            await asyncio.sleep(0.001)
        assert len(simulator.effects) == FAULTS[kind].effect
        assert simulator.stats.faults == {kind: 1}


async def test_cut_of_an_empty_answer_closes(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    """An empty answer can't be cut, so the connection closes after the effect."""
    workspace = simulator.world.organizations["acme"].workspaces["dev-1"].id
    body = b'{"data":[{"type":"tags","attributes":{"name":"blue"}}]}'
    async with serve(simulator, faults=Faults.parse("cut=100%", 0)) as address:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(
                f"{address}/api/v2/workspaces/{workspace}/relationships/tags", data=body
            )
    assert [effect.action for effect in simulator.effects] == ["update"]


async def test_slow_answer_arrives_whole(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    """A client that waits receives a dribbled answer completely."""
    async with serve(simulator, faults=Faults.parse("slow=100%", 0)) as address:
        status, body = await _create(session, address)
    assert status == 201
    assert body.endswith(b"}")


class Patient(web.ServerRunner):
    """Gives handlers an hour to finish on shutdown before it cancels them."""

    def __init__(self, server: web.Server, **options: Any) -> None:
        super().__init__(server, **{**options, "shutdown_timeout": 3600.0})


async def test_hanging_requests_end_with_the_server(
    simulator: Simulator, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the server closes, hanging requests end by themselves and without a traceback."""
    monkeypatch.setattr(web, "ServerRunner", Patient)
    async with serve(simulator, faults=Faults.parse("hang-after=100%", 0)) as address:
        hanging = asyncio.create_task(_create(session, address))
        await _first_effect(simulator)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await hanging


async def test_a_request_takes_effect_without_its_client(simulator: Simulator) -> None:
    """A request takes effect even if its client disconnects while it is on its way."""
    async with serve(simulator, latency=1.0) as address:
        # On a slow machine, an impatient client is gone before it has sent anything.
        for patience in (0.01, 0.1, 0.4, 0.8):
            impatient = aiohttp.ClientTimeout(total=patience)
            async with aiohttp.ClientSession(headers=HEADERS, timeout=impatient) as session:
                with pytest.raises(TimeoutError):
                    await _create(session, address)
                with anyio.move_on_after(3.0):
                    await _first_effect(simulator)
            if simulator.effects:
                return
    raise AssertionError("no request took effect")


async def test_latency_and_jitter_delay_request_and_answer(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    """The request takes half the latency, and the answer the other half."""
    async with serve(simulator, latency=0.02, jitter=0.01) as address:
        started = time.monotonic()
        status, _ = await _create(session, address)
        ended = time.monotonic()
    assert status == 201
    assert started + 0.01 <= simulator.effects[0].now <= ended - 0.01


async def test_rate_limit_by_real_time(session: aiohttp.ClientSession) -> None:
    """The core gets the event loop's time, so simultaneous requests exceed the limit."""
    simulator = Simulator(rate=2, window="sliding")
    simulator.add_organization("acme")
    async with serve(simulator) as address:
        answers = await asyncio.gather(*(session.get(address + ACME) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [200, 200, 429]
    for answer in answers:
        answer.release()


@pytest.mark.parametrize(("answer", "status"), [(200, 201), (204, 422), (500, 422), (0, 422)])
async def test_verify_urls(
    simulator: Simulator, session: aiohttp.ClientSession, answer: int, status: int
) -> None:
    """With ``verify_urls`` a new run task's URL is called once and must answer 200."""
    calls: list[Any] = []

    async def hook(request: web.BaseRequest) -> web.Response:
        calls.append(msgspec.json.decode(await request.read()))
        return web.Response(status=answer)

    runner = web.ServerRunner(web.Server(hook))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    if answer == 0:
        await runner.cleanup()
    attributes = {"name": "new", "url": f"http://127.0.0.1:{port}/hook", "category": "task"}
    body = msgspec.json.encode({"data": {"type": "tasks", "attributes": attributes}})
    async with (
        serve(simulator, verify_urls=True) as address,
        session.post(f"{address}{ACME}/tasks", data=body) as response,
    ):
        assert response.status == status
    await runner.cleanup()
    assert [call["access_token"] for call in calls] == ["test-token"] * (answer != 0)


async def test_serves_over_tls(simulator: Simulator) -> None:
    """With an SSL context the address is https, for clients that trust its authority."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with (
        serve(
            simulator, ssl_context=context, faults=Faults.parse("POST:reset-after=100%", 0)
        ) as address,
        aiohttp.ClientSession(headers=HEADERS) as session,
    ):
        assert address.startswith("https://127.0.0.1:")
        async with session.get(address + f"{ACME}/workspaces", ssl=trusting) as response:
            document = await response.json(content_type=MEDIA_TYPE)
        assert document["links"]["self"].startswith(address)
        with pytest.raises(aiohttp.ClientOSError) as reset:
            await session.post(f"{address}{ACME}/workspaces", ssl=trusting)
    assert reset.value.errno == errno.ECONNRESET


async def test_taken_port_is_an_os_error(simulator: Simulator) -> None:
    """A port in use is an OSError, and all resources are released."""
    async with serve(simulator) as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            async with serve(simulator, port=port):
                pass
