"""Which requests are retried, over a scripted transport in virtual time."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import NamedTuple

import anyio
import pytest

from bulkops.api import endpoints
from bulkops.api.messages import Request, Response
from bulkops.api.verdict import Succeeded, Verdict
from bulkops.client.attempt import Attempt, OnAttempt
from bulkops.client.caller import (
    ATTEMPTS,
    BACKOFF_CAP,
    PROBE_SECONDS,
    REFUSALS,
    Caller,
    backoff,
)
from bulkops.client.outage import IN_A_ROW, State
from bulkops.client.permit import ALWAYS, Permit
from bulkops.errors import (
    ApiError,
    NoResponse,
    NotFoundOrForbidden,
    RateLimited,
    RequestRejected,
    RetriesSpent,
    ServerBroken,
    Unauthorized,
)
from tests.client.scripted import Scripted, caller, one_by_one
from tests.engine.permits import Lapsing
from tests.virtual_time import run

READ = Request("GET", "/things")
WRITES = [Request(method, "/things") for method in ("POST", "PATCH", "DELETE")]
REFUSED = NoResponse("connection refused", sent=False)
LOST = NoResponse("connection reset", sent=True)
UNTRUSTED = NoResponse("certificate", sent=False, lasting=True)
OK = Response(200)
TOO_MANY = Response(429, {"x-ratelimit-reset": "2.0"})


def call(transport: Scripted, request: Request) -> Response:
    """Return the answer to a call, in virtual time."""

    async def scenario() -> Response:
        return await caller(transport).call(request)

    return run(scenario)


@pytest.mark.parametrize("hiccup", [Response(500), Response(502), Response(408), LOST, REFUSED])
def test_a_read_is_repeated_until_it_is_answered(hiccup: Response | NoResponse) -> None:
    """A temporary failure only costs a read another attempt."""
    transport = one_by_one(hiccup, hiccup, Response(200))
    assert call(transport, READ).status == 200
    assert len(transport.sent) == 3


@pytest.mark.parametrize(
    ("hiccup", "error"), [(Response(503), ServerBroken), (LOST, NoResponse), (REFUSED, NoResponse)]
)
def test_a_read_is_given_up_in_the_end(
    hiccup: Response | NoResponse, error: type[ApiError]
) -> None:
    """After its last attempt, a read raises the error without another wait."""
    transport = one_by_one(hiccup)

    async def scenario() -> float:
        with pytest.raises(error):
            await caller(transport).call(READ)
        return anyio.current_time() - transport.sent[-1][0]

    assert run(scenario) == 0
    assert len(transport.sent) == ATTEMPTS


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    ("answer", "error"),
    [(Response(500), ServerBroken), (Response(504), ServerBroken), (LOST, NoResponse)],
)
def test_a_write_that_may_have_happened_is_not_repeated(
    write: Request, answer: Response | NoResponse, error: type[ApiError]
) -> None:
    """A write whose answer is lost is sent once, and the caller gets the error."""
    transport = one_by_one(answer, Response(201))
    with pytest.raises(error):
        call(transport, write)
    assert len(transport.sent) == 1


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("answer", [TOO_MANY, REFUSED])
def test_a_write_that_did_not_happen_is_repeated(
    write: Request, answer: Response | NoResponse
) -> None:
    """After a 429 or a failed connection, a write is sent again."""
    transport = one_by_one(answer, answer, Response(201))
    assert call(transport, write).status == 201
    assert len(transport.sent) == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(401), Unauthorized),
        (Response(403), NotFoundOrForbidden),
        (Response(404), NotFoundOrForbidden),
        (Response(409), RequestRejected),
        (Response(422), RequestRejected),
        (Response(302), RequestRejected),
        (UNTRUSTED, NoResponse),
    ],
)
@pytest.mark.parametrize("request_", [READ, *WRITES])
def test_a_refusal_is_final(
    request_: Request, answer: Response | NoResponse, error: type[ApiError]
) -> None:
    """A request that the server refuses, or can never answer, is not sent again."""
    transport = one_by_one(answer)
    with pytest.raises(error):
        call(transport, request_)
    assert len(transport.sent) == 1


def test_a_429_costs_no_attempt_up_to_a_limit() -> None:
    """A 429 waits for the reset and costs no attempt, but after many the request is given up."""
    transport = one_by_one(TOO_MANY)
    with pytest.raises(RateLimited) as caught:
        call(transport, READ)
    assert caught.value.retry_after == 2.0
    assert len(transport.sent) == REFUSALS
    times = [time for time, _ in transport.sent]
    assert all(2.0 < b - a < 2.3 for a, b in pairwise(times))


def test_a_429_pauses_all_requests() -> None:
    """After a 429, no request is sent before the server's reset."""
    transport = one_by_one(TOO_MANY, Response(200))

    async def scenario() -> None:
        shared = caller(transport)
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(shared.call, READ)
                await anyio.sleep(0.1)

    run(scenario)
    assert all(time == 0 or time > 2.0 for time, _ in transport.sent)
    assert len(transport.sent) == 6


def test_every_attempt_is_paced_and_counted() -> None:
    """Retries wait for the pacer like all other requests."""
    transport = Scripted(lambda _: Response(500))

    async def scenario() -> int:
        shared = caller(transport, limit=2.0)
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(shared.attempt, READ)
        with pytest.raises(ServerBroken):
            await shared.call(READ)
        return shared.requests

    assert run(scenario) == 4 + ATTEMPTS == len(transport.sent)
    times = [time for time, _ in transport.sent]
    assert all(b - a > 0.5 for a, b in pairwise(times))


def test_backoff_grows_to_its_cap_with_full_jitter() -> None:
    """The wait after an attempt is random, up to a maximum that doubles each time."""
    bounds = [max(backoff(n, Random(seed)) for seed in range(300)) for n in range(1, 8)]
    assert bounds == pytest.approx([0.5, 1.0, 2.0, 4.0, 8.0, BACKOFF_CAP, BACKOFF_CAP], rel=0.02)
    assert min(backoff(5, Random(seed)) for seed in range(300)) < 0.2


def test_retry_after_is_respected() -> None:
    """A 503 with Retry-After is retried only after that time."""
    transport = one_by_one(Response(503, {"retry-after": "20"}), Response(200))
    call(transport, READ)
    assert transport.sent[1][0] >= 20


def test_a_failed_announcement_prevents_the_request() -> None:
    """If the intent can't be written, the request is not sent."""
    transport = one_by_one(Response(201))

    async def refuse() -> None:
        raise RuntimeError("disk full")

    async def scenario() -> int:
        shared = caller(transport)
        with pytest.raises(RuntimeError, match="disk full"):
            await shared.attempt(WRITES[0], announce=refuse)
        return shared.requests

    assert run(scenario) == 0
    assert not transport.sent


def test_the_announcement_comes_when_the_pacer_has_let_the_request_through() -> None:
    """The intent is written after any pause, just before the request is sent."""
    transport = one_by_one(TOO_MANY, Response(201))
    announced: list[tuple[float, int]] = []

    async def announce() -> None:
        announced.append((anyio.current_time(), len(transport.sent)))

    async def scenario() -> None:
        shared = caller(transport)
        await shared.attempt(WRITES[0], announce=announce)
        await shared.attempt(WRITES[0], announce=announce)

    run(scenario)
    assert [sent for _, sent in announced] == [0, 1]
    assert [time for time, _ in announced] == [time for time, _ in transport.sent]


@pytest.mark.parametrize("begins", ["pause", "outage"])
def test_what_begins_during_the_announcement_is_waited_for(begins: str) -> None:
    """A request whose intent took long to become durable leaves after the pause or outage."""
    transport = Scripted(
        lambda _: Response(503) if begins == "outage" and 1 < anyio.current_time() < 30 else OK
    )
    left: list[float] = []

    async def announce() -> None:
        await anyio.sleep(5.0)

    async def meanwhile(shared: Caller) -> None:
        await anyio.sleep(2.0)
        if begins == "pause":
            shared.pacer.pause(28.0, 429, "rate limit")
        else:
            await shared.call(READ)

    async def scenario() -> None:
        shared = caller(transport)
        shared.keep_to(Pace(outage_seconds=100.0))
        await shared.call(READ)
        async with anyio.create_task_group() as group:
            group.start_soon(meanwhile, shared)
            await shared.persist(WRITES[0], announce)
        left.extend(at for at, request in transport.sent if request.writes)

    run(scenario)
    assert len(left) == 1
    assert left[0] >= 30


class SlowToConnect(Scripted):
    """A transport whose every request leaves a second after it was given to it."""

    async def send(self, request: Request, permit: Permit = ALWAYS) -> Response:
        await anyio.sleep(1.0)
        return await super().send(request, permit)


def test_a_withheld_request_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    """It is sent once the permit holds: it counts as one attempt, and nothing warns of it."""
    transport = SlowToConnect(lambda _: OK)

    async def scenario() -> tuple[Verdict, int]:
        shared = caller(transport)
        permit = Lapsing(anyio.current_time, 0.5, 6.0)
        outcome = await shared.persist(WRITES[0], permit=permit)
        assert shared.outage.state is State.ANSWERING
        return outcome

    assert run(scenario) == (Succeeded(OK), 1)
    assert [at for at, _ in transport.sent] == [pytest.approx(7.0, abs=0.01)]
    assert not caplog.records


@pytest.mark.parametrize("request_", [READ, *WRITES])
def test_a_425_is_sent_again(request_: Request) -> None:
    """A 425 is retried, even for a write; if it persists, the request is refused."""
    transport = one_by_one(Response(425), Response(425), Response(201))
    assert call(transport, request_).status == 201
    assert len(transport.sent) == 3
    with pytest.raises(RequestRejected, match="425"):
        call(one_by_one(Response(425)), request_)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
@pytest.mark.parametrize("wait", ["20", "Thu, 01 Jan 1970 00:00:20 GMT"])
def test_any_answer_that_asks_to_wait_pauses_all_requests(status: int, wait: str) -> None:
    """Retry-After, in seconds or as a date, pauses all requests and costs no attempt."""
    date = "Thu, 01 Jan 1970 00:00:00 GMT"
    busy = Response(status, {"retry-after": wait, "date": date})
    transport = one_by_one(*[busy] * (ATTEMPTS + 1), Response(200))

    async def scenario() -> None:
        shared = caller(transport)
        async with anyio.create_task_group() as group:
            group.start_soon(shared.call, READ)
            await anyio.sleep(1.0)
            group.start_soon(shared.call, READ)

    run(scenario)
    times = [time for time, _ in transport.sent]
    assert times[0] == 0
    assert times[1] >= 20


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_may_have_happened_is_in_doubt_despite_retry_after(write: Request) -> None:
    """A write answered 503 with Retry-After isn't repeated; the next request waits."""
    transport = one_by_one(Response(503, {"retry-after": "20"}), Response(200))

    async def scenario() -> None:
        shared = caller(transport)
        with pytest.raises(ServerBroken):
            await shared.call(write)
        await shared.call(READ)

    run(scenario)
    assert [request.method for _, request in transport.sent] == [write.method, "GET"]
    assert transport.sent[1][0] >= 20


class Pace(NamedTuple):
    """A job's ``[pace]``."""

    rate: float | None = None
    outage_seconds: float = 300.0


def outage_of(transport: Scripted, *requests: Request, listener: OnAttempt | None = None) -> Caller:
    """Return a caller that tolerates an outage and has sent the requests one by one."""

    async def scenario() -> Caller:
        shared = caller(transport)
        shared.listeners += [listener] if listener else []
        shared.keep_to(Pace())
        for request in requests:
            await shared.persist(request)
        return shared

    return run(scenario)


def test_a_server_that_is_away_is_probed_with_reads_it_answered_before() -> None:
    """Probes are reads that were answered before; all other requests wait for the server."""
    known, ping = Request("GET", "/known"), endpoints.ping()
    down = range(2, 12)
    transport = Scripted(
        lambda _: Response(503) if len(transport.sent) - 1 in down else Response(200)
    )
    attempts: list[Attempt] = []
    shared = outage_of(transport, ping, known, READ, listener=attempts.append)
    sent = [request.path for _, request in transport.sent]
    assert sent[:7] == [ping.path, known.path, *[READ.path] * IN_A_ROW]
    assert sent[7:] == [known.path] * 6 + [READ.path]
    assert [one.probe for one in attempts] == [False] * 7 + [True] * 6 + [False]
    assert shared.outage.number == 1


def test_a_ping_is_the_probe_if_no_read_was_answered() -> None:
    """If no read was answered before, the probe is a ping."""
    transport = Scripted(
        lambda _: Response(503) if 0 < len(transport.sent) - 1 < 10 else Response(200)
    )
    outage_of(transport, endpoints.ping(), READ)
    sent = [request.path for _, request in transport.sent]
    assert sent.count(endpoints.ping().path) == 1 + 5


def test_a_probe_does_not_wait_forever() -> None:
    """A probe without an answer times out, and the server is given up on time."""
    at: list[float] = []

    class Silent(Scripted):
        async def send(self, request: Request, permit: Permit = ALWAYS) -> Response:
            at.append(anyio.current_time())
            if len(at) > 1 + IN_A_ROW:
                await anyio.sleep_forever()
            return await super().send(request, permit)

    transport = Silent(lambda _: Response(503) if len(transport.sent) > 1 else Response(200))

    async def scenario() -> float:
        shared = caller(transport)
        shared.keep_to(Pace(outage_seconds=100.0))
        await shared.call(READ)
        with pytest.raises(RetriesSpent, match="no answer in time"):
            await shared.call(READ)
        return anyio.current_time() - at[1]

    assert run(scenario) == pytest.approx(100.0, abs=0.01)
    assert all(later - earlier <= 2 * PROBE_SECONDS for earlier, later in pairwise(at))


def test_one_probe_is_sent_for_all_waiting_requests() -> None:
    """While a hundred requests wait, about one probe per second is sent."""
    transport = Scripted(
        lambda _: Response(503) if 1 < anyio.current_time() < 30 else Response(200), seconds=0.04
    )

    async def scenario() -> None:
        shared = caller(transport)
        shared.keep_to(Pace())
        await shared.call(READ)
        await anyio.sleep(2)
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(shared.call, READ)

    run(scenario)
    meanwhile = [time for time, _ in transport.sent if 2.1 < time < 30]
    assert 3 <= len(meanwhile) <= 12
    assert len([time for time, _ in transport.sent if time >= 30]) >= 100


def test_a_client_may_be_used_for_another_job_after_an_outage() -> None:
    """A client that gave up in one job tries again in the next."""
    transport = Scripted(lambda _: Response(503) if anyio.current_time() > 1 else Response(200))

    async def scenario() -> int:
        shared = caller(transport)
        shared.keep_to(Pace(outage_seconds=5.0))
        await shared.call(READ)
        await anyio.sleep(2)
        for _ in range(2):
            with pytest.raises(RetriesSpent):
                await shared.call(READ)
        sent = len(transport.sent)
        shared.keep_to(Pace(outage_seconds=5.0))
        with pytest.raises(RetriesSpent):
            await shared.call(READ)
        return len(transport.sent) - sent

    assert run(scenario) >= IN_A_ROW


def test_outages_use_up_no_attempt() -> None:
    """A request survives three outages, whose failures cost no attempts."""
    known = Request("GET", "/known")
    back = [0.0]

    def answer(request: Request) -> Response:
        now = anyio.current_time()
        if request is READ and len(back) <= 3 and now >= back[-1]:
            back.append(now + 20.0)
        return Response(503) if now < back[-1] else Response(200)

    shared = outage_of(Scripted(answer), known, READ)
    assert shared.outage.number == 3
    assert len(back) == 4


def test_every_attempt_is_reported() -> None:
    """Its request, outcome, number and time; the outcome may be that nothing came."""
    transport = Scripted(one_by_one(LOST, OK)._answer, seconds=0.25)
    attempts: list[Attempt] = []

    async def scenario() -> None:
        sender = caller(transport)
        sender.listeners.append(attempts.append)
        await sender.call(READ)

    run(scenario)
    assert [(one.request, one.answer, one.number) for one in attempts] == [
        (READ, LOST, 1),
        (READ, OK, 2),
    ]
    assert [one.seconds for one in attempts] == pytest.approx([0.25, 0.25], rel=1e-4)
    assert not any(one.probe for one in attempts)
