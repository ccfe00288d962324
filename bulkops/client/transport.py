"""The interface that requests are sent through, and its implementation with real connections.

Only this module imports aiohttp. Tests pass in a transport that calls the simulator's core
directly.

``HttpTransport`` sends each request exactly once. aiohttp would send GET, PUT and DELETE again by
itself if a reused connection drops (``ClientSession._retry_connection``), bypassing the limiter
and the journal, so that is disabled. Redirects are not followed, so that a token is never sent to
another host. Cookies are not stored, because a session cookie would override the token.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - this and the next would be imported by the first connection, when no descriptor may be left
import encodings.idna  # noqa: F401 - see above
import os
import ssl
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from bulkops.api.failures import redirect_texts
from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.client.access.proxy import proxy_for
from bulkops.client.access.sockets import socket_for
from bulkops.client.access.tls import TlsFiles, client_refusal, refusal, tls_context
from bulkops.client.permit import ALWAYS, Permit, Withheld
from bulkops.errors import NoResponse
from bulkops.text import printable

CONNECT_SECONDS = 10.0
"""Timeout for a connection, including TLS."""

ANSWER_SECONDS = 60.0
"""Timeout for a complete answer; the platform's gateway gives up earlier."""

LARGEST_BODY = 16 * 1024 * 1024
"""The most bytes of a body. A full page of workspaces has about 0.5 MB, a run task with 20,000
attachments included about 14 MB, so a larger body isn't an answer of this API. Decoded, it may
take ten times as much memory."""

LARGEST_TOGETHER = 4 * LARGEST_BODY
"""The most bytes of all bodies that are being received concurrently."""

USER_AGENT = "bulkops"

NOT_OPEN = (
    "the client is not open: use it inside `async with Client(...) as client:`, which opens its "
    "connections and closes them at the end"
)


class Transport(Protocol):
    """Sends a request once, without retries, and returns the complete answer."""

    async def send(self, request: Request, permit: Permit = ALWAYS) -> Response:
        """Send the request and return the complete answer.

        Args:
            permit: what must hold when the first byte of the request is written.

        Raises:
            Withheld: it didn't hold then; nothing was sent.
            NoResponse: there is no answer; ``sent`` says whether the request may have arrived.
        """
        ...


_UNSENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""The failures before the first byte of a request."""

_PERMIT = ContextVar[Permit]("permit")
"""The permit of the request that the current task sends."""


class _Permitted(aiohttp.ClientRequest):
    """A request that checks its permit once it has a connection, which may take seconds to get.

    The bytes are written right after that: a body, on Python 3.11, in the loop's next iteration.
    """

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        if not _PERMIT.get().holds():
            raise Withheld
        return await super().send(conn)


class HttpTransport:
    """A ``Transport`` that uses aiohttp.

    Args:
        address: ``https://host[:port]``, without a path.
        token: empty to send none.
        ca_file, client_cert, client_key: see ``TlsFiles``; an unusable one is refused even if this
            address doesn't need it.
        answer_seconds: how long to wait for a complete answer, in seconds.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        ca_file: str | Path | None = None,
        client_cert: str | Path | None = None,
        client_key: str | Path | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._address = URL(address.rstrip("/"), encoded=True)
        self._token = CIMultiDict({"Authorization": f"Bearer {token}"} if token else {})
        self._media = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        self._files = TlsFiles(ca_file, client_cert, client_key)
        used = any(self._files) or self._address.scheme == "https"
        self._tls = tls_context(self._files) if used else None
        proxy = proxy_for(str(self._address), os.environ)
        self._proxy = URL(proxy) if proxy else None
        self._timeout = aiohttp.ClientTimeout(total=answer_seconds, sock_connect=CONNECT_SECONDS)
        self._session: aiohttp.ClientSession | None = None
        self._receiving = 0

    async def __aenter__(self) -> Self:
        """Open the connection pool; no connection is made yet."""
        self._session = aiohttp.ClientSession(
            # No pool limit: aiohttp's timeout would include the wait for a connection (measured),
            # and the runner decides how much is in flight.
            connector=aiohttp.TCPConnector(
                limit=0, ssl=self._tls or True, socket_factory=socket_for
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT, **self._media},
            timeout=self._timeout,
            request_class=_Permitted,
        )
        self._session._retry_connection = False  # noqa: SLF001 - aiohttp has no public switch; pinned by a test
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def check_open(self) -> None:
        """Raise ``RuntimeError`` outside the ``async with`` block."""
        self._opened()

    async def send(self, request: Request, permit: Permit = ALWAYS) -> Response:
        """Send once and read the complete answer.

        Raises:
            Withheld: the permit no longer held when the connection was ready.
            NoResponse: ``sent`` is False only if no byte of the request can have arrived.
        """
        session = self._opened()
        if not request.path.startswith("/"):
            # It would become part of the host, and the token would be sent to another one.
            raise ValueError(f"{request.path!r} is not a path")
        url = self._address.with_path(request.path, encoded=True)
        if request.query:
            url = url.with_query(list(request.query))
        _PERMIT.set(permit)
        try:
            async with session.request(
                request.method,
                url,
                data=request.body or None,
                # The token per request, because aiohttp sends a session's headers to the proxy as
                # well, in plain text and with the token as Proxy-Authorization (measured).
                headers={**self._token, **request.headers} if request.headers else self._token,
                allow_redirects=False,
                proxy=self._proxy,
            ) as answer:
                return Response(
                    status=answer.status,
                    headers={name.lower(): value for name, value in answer.headers.items()},
                    body=await self._body(answer),
                )
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise self._failure(url, error) from error

    def _failure(self, url: URL, error: BaseException) -> NoResponse:
        """Return the failure of a request: whether it was sent, and why there is no answer."""
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            reason = refusal(error.certificate_error, self._files)
            return NoResponse(f"{_origin(url)}: {reason}", sent=False, lasting=True)
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return NoResponse(_refused_by_proxy(url, error), sent=False)
        refused = client_refusal(error, self._files)
        text = f"{_origin(url)}: {refused or _cause(error)}"
        return NoResponse(text, sent=not isinstance(error, _UNSENT), lasting=bool(refused))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            raise RuntimeError(NOT_OPEN)
        return self._session

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while part := await answer.content.readany():
                size += len(part)
                self._receiving += len(part)
                if size > LARGEST_BODY:
                    raise aiohttp.ClientPayloadError(f"a body of more than {LARGEST_BODY} bytes")
                if self._receiving > LARGEST_TOGETHER:
                    raise aiohttp.ClientPayloadError(
                        f"concurrent answers of more than {LARGEST_TOGETHER} bytes"
                    )
                parts.append(part)
            return b"".join(parts)
        finally:
            self._receiving -= size
            # Otherwise an error's traceback would keep the parts in memory.
            parts.clear()


class WebhookTransport(HttpTransport):
    """A ``Transport`` to a URL that is a secret itself, with no token.

    Its errors contain nothing that the URL, or an answer that echoes it, contains. It doesn't read
    the bodies of answers: only their status counts, and a receiver may send any number of bytes.
    """

    def __init__(self, address: str, *, ca_file: str | Path | None, answer_seconds: float) -> None:
        super().__init__(address, "", ca_file=ca_file, answer_seconds=answer_seconds)
        self._media = {"Accept": "*/*"}

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:  # noqa: ARG002 - see above
        return b""

    def _failure(self, url: URL, error: BaseException) -> NoResponse:
        known = super()._failure(url, error)
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            # What OpenSSL says of another name contains the host's.
            reason = (
                str(known).removeprefix(f"{_origin(url)}: ").replace(url.host or "", "its host")
            )
        elif isinstance(error, aiohttp.ClientHttpProxyError):
            reason = f"the proxy refused to connect to it: {error.status}"
        elif isinstance(error, aiohttp.ClientConnectorError):
            proxy = " to the proxy" if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
            reason = f"can't connect{proxy}: {_reason(error.os_error)}"
        elif isinstance(error, TimeoutError | aiohttp.ServerDisconnectedError):
            reason = _cause(error)
        elif isinstance(error, aiohttp.ClientResponseError):
            reason = "the answer is not valid HTTP"
        else:
            reason = "the connection was lost"
        return NoResponse(reason, sent=known.sent, lasting=known.lasting)


def _origin(url: URL) -> str:
    return f"{url.scheme}://{url.authority}"


def _refused_by_proxy(url: URL, error: aiohttp.ClientHttpProxyError) -> str:
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    leads = redirect_texts(Response(error.status, headers))
    text = f"the proxy refused to connect to {_origin(url)}: {error.status} {error.message}"
    return printable("; ".join([text, *leads]))


def _cause(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without an answer"
    if isinstance(error, aiohttp.ClientConnectorError):
        proxy = "the proxy " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
        return f"can't connect to {proxy}{error.host}:{error.port}: {_reason(error.os_error)}"
    if isinstance(error, aiohttp.ClientResponseError):
        # Its status isn't the server's: aiohttp sets 400 if it can't parse an answer.
        return printable(f"the answer is not valid HTTP: {error.message}")
    return printable(str(error) or type(error).__name__)


def _reason(error: OSError) -> str:
    # asyncio's text is "Connect call failed" and the address, whatever the errno.
    known = not isinstance(error, ssl.SSLError) and (error.errno or 0) > 0
    text = os.strerror(error.errno) if known and error.errno else error.strerror or str(error)
    # asyncio gives no reason if the connection ends while TLS begins.
    return printable(text) or "the connection was closed"
