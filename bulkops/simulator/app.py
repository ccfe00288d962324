"""Serves the simulator on a real socket: moves bytes, keeps time, and applies faults."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final, assert_never

import aiohttp
from aiohttp import web

from bulkops.api.messages import Request, Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Delivery, Faults, Manner

HANG_SECONDS: Final = 120.0
"""The time without an answer after which a hanging connection is closed."""
DRIBBLE_SECONDS: Final = 0.5
"""The time that a dribbled answer takes."""
_DRIBBLE_PIECES: Final = 10
_VERIFY_SECONDS: Final = 10.0
_GONE_POLL_SECONDS: Final = 0.02
# This token tells an integration that its URL is being checked.
_TEST_PAYLOAD: Final = {"payload_version": 1, "access_token": "test-token", "stage": "test"}


@asynccontextmanager
async def serve(
    simulator: Simulator,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    latency: float = 0.0,
    jitter: float = 0.0,
    faults: Faults | None = None,
    verify_urls: bool = False,
    ssl_context: ssl.SSLContext | None = None,
    seed: int = 0,
) -> AsyncIterator[str]:
    """Serve the simulator, and yield its address: ``http://127.0.0.1:49152``.

    Args:
        simulator: the simulator to serve; its ``now`` is the event loop's monotonic time.
        host: the host to listen on.
        port: the port to listen on; 0 for any free port.
        latency: seconds from a request to its answer, half of it in each direction.
        jitter: the most additional seconds in each direction, evenly distributed.
        faults: the faults that strike requests under /api/v2.
        verify_urls: whether to call a run task's new URL once, and refuse it unless the answer
            is 200.
        ssl_context: serves https with this context.
        seed: determines the jitter.

    Raises:
        OSError: the server can't listen on this host and port.
    """
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=_VERIFY_SECONDS)
    ) as session:
        shell = _Shell(
            simulator,
            faults=faults,
            latency=latency,
            jitter=jitter,
            random=Random(seed),
            session=session if verify_urls else None,
        )
        runner = web.ServerRunner(web.Server(shell.answer, access_log=None), shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=ssl_context).start()
            scheme = "https" if ssl_context else "http"
            name, bound_port = runner.addresses[0][:2]
            yield f"{scheme}://{f'[{name}]' if ':' in name else name}:{bound_port}"
        finally:
            shell.closing.set()
            await runner.cleanup()


class _Shell:
    def __init__(
        self,
        simulator: Simulator,
        *,
        faults: Faults | None,
        latency: float,
        jitter: float,
        random: Random,
        session: aiohttp.ClientSession | None,
    ) -> None:
        self.closing = asyncio.Event()
        self._simulator = simulator
        self._faults = faults
        self._latency = latency
        self._jitter = jitter
        self._random = random
        self._session = session

    async def answer(self, incoming: web.BaseRequest) -> web.StreamResponse:
        """Pass a request to the simulator, and return its answer in the delivery's manner."""
        headers = {name.lower(): value for name, value in incoming.headers.items()}
        headers.setdefault("x-forwarded-proto", incoming.scheme)
        request = Request(
            incoming.method,
            incoming.rel_url.raw_path,
            tuple(incoming.query.items()),
            await incoming.read(),
            headers,
        )
        await self._one_way()
        url_status = await self._verify(request) if self._session else None
        now = asyncio.get_running_loop().time()
        delivery = self._simulator.deliver(request, now, self._faults, url_status=url_status)
        await self._one_way()
        return await self._carry_out(incoming, delivery)

    async def _one_way(self) -> None:
        delay = self._latency / 2 + self._random.random() * self._jitter
        if delay:
            # If the server closes, requests on their way arrive immediately and take effect.
            await self._closing_within(delay)

    async def _verify(self, request: Request) -> int | None:
        url = self._simulator.url_to_verify(request)
        if url is None or self._session is None:
            return None
        try:
            async with self._session.post(url, json=_TEST_PAYLOAD) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return 0

    async def _carry_out(self, incoming: web.BaseRequest, delivery: Delivery) -> web.StreamResponse:
        if _gone(incoming):
            return web.Response()
        response = delivery.response
        match delivery.manner:
            case Manner.WHOLE:
                return web.Response(
                    status=response.status, headers=response.headers, body=response.body
                )
            case Manner.CLOSED:
                _close(incoming)
            case Manner.RESET:
                _reset(incoming)
            case Manner.SILENT:
                await self._hang(incoming)
                _close(incoming)
            case Manner.CUT:
                return await _cut(incoming, response)
            case Manner.DRIBBLED:
                return await self._dribble(incoming, response)
            case _:
                assert_never(delivery.manner)
        return web.Response()  # aiohttp requires one; its connection is already closed

    async def _hang(self, incoming: web.BaseRequest) -> None:
        """Wait until the client is gone, the server closes, or ``HANG_SECONDS`` have passed."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + HANG_SECONDS
        # Polls, because aiohttp signals a lost client only by cancelling the handler, for all
        # handlers or for none; but a request must take effect even if its client is gone.
        while not _gone(incoming) and loop.time() < deadline:
            if await self._closing_within(_GONE_POLL_SECONDS):
                return

    async def _dribble(self, incoming: web.BaseRequest, response: Response) -> web.StreamResponse:
        stream = await _start(incoming, response)
        size = max(1, -(-len(response.body) // _DRIBBLE_PIECES))
        for start in range(0, len(response.body), size):
            closing = await self._closing_within(DRIBBLE_SECONDS / _DRIBBLE_PIECES)
            if closing or _gone(incoming):
                break
            await stream.write(response.body[start : start + size])
        return stream

    async def _closing_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self.closing.wait()
        except TimeoutError:
            return False


async def _start(incoming: web.BaseRequest, response: Response) -> web.StreamResponse:
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = len(response.body)
    await stream.prepare(incoming)
    return stream


async def _cut(incoming: web.BaseRequest, response: Response) -> web.StreamResponse:
    """Send half of the body with the full length; if it is empty, close the connection."""
    if not response.body:
        _close(incoming)
        return web.Response()
    stream = await _start(incoming, response)
    await stream.write(response.body[: len(response.body) // 2])
    _close(incoming)
    return stream


def _gone(incoming: web.BaseRequest) -> bool:
    return incoming.transport is None or incoming.transport.is_closing()


def _close(incoming: web.BaseRequest) -> None:
    if incoming.transport is not None:
        incoming.transport.close()


def _reset(incoming: web.BaseRequest) -> None:
    """Close with a TCP reset (RST), which a linger time of 0 causes."""
    transport = incoming.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
