"""The one seam through which requests travel, and the transport of real sockets.

Only this module of the client knows aiohttp; a test may hand over a transport that calls the
simulator's core directly.

``HttpTransport`` sends each request exactly once. aiohttp re-sends GET, PUT and DELETE by itself
when a reused connection drops (``ClientSession._retry_connection``), behind the limiter's and the
journal's back, so that is switched off; it follows no redirect, so that a token never leaves for
another host; it keeps no cookie, since a session cookie would overrule the token.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - like the next, by the first connection, which may find no descriptor for it
import encodings.idna  # noqa: F401 - see above
import os
import ssl
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from yarl import URL

from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.client.access.proxy import proxy_for
from bulkops.client.access.tls import tls_context
from bulkops.errors import NoResponse
from bulkops.text import printable

CONNECT_SECONDS = 10.0
"""For a connection, TLS included."""

ANSWER_SECONDS = 60.0
"""For a whole answer; the platform's own gateway gives up earlier."""

LARGEST_BODY = 16 * 1024 * 1024
"""Bytes; a full page of workspaces is about 0.5 MB, a run task with 20,000 attachments included
about 14 MB, so a larger body is no answer of this API. Decoded it may take ten times as much."""

LARGEST_TOGETHER = 4 * LARGEST_BODY
"""Bytes of all bodies that are being received at once."""

USER_AGENT = "bulkops"

NOT_OPEN = (
    "the client is not open: use it inside `async with Client(...) as client:`, which opens its "
    "connections and closes them at the end"
)


class Transport(Protocol):
    """Moves one request to the server and its whole answer back, once, without retries."""

    async def send(self, request: Request) -> Response:
        """Return the whole answer.

        Raises:
            NoResponse: there is none; its ``sent`` says whether the request may have arrived.
        """
        ...


class HttpTransport:
    """aiohttp behind the ``Transport`` seam.

    Args:
        address: ``https://host[:port]``, no path.
        ca_file: PEM file of certificate authorities trusted beside the system's.
        answer_seconds: how long to wait for a whole answer.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        ca_file: str | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._address = address.rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": MEDIA_TYPE,
            "Accept": MEDIA_TYPE,
            "User-Agent": USER_AGENT,
        }
        # A file that can't be used is refused, whether this address needs it or not.
        tls = ca_file or self._address.startswith("https:")
        self._tls = tls_context(ca_file) if tls else None
        proxy = proxy_for(self._address, os.environ)
        self._proxy = URL(proxy) if proxy else None
        self._timeout = aiohttp.ClientTimeout(total=answer_seconds, sock_connect=CONNECT_SECONDS)
        self._session: aiohttp.ClientSession | None = None
        self._receiving = 0

    async def __aenter__(self) -> Self:
        """Open the connection pool; no connection is made yet."""
        self._session = aiohttp.ClientSession(
            # No pool limit: aiohttp's timeout would count the wait for a slot (measured), and
            # how much is in flight is the runner's to decide.
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
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

    async def send(self, request: Request) -> Response:
        """Send once and read the whole answer.

        Raises:
            NoResponse: ``sent`` is False only where no byte of the request can have arrived.
        """
        session = self._opened()
        if not request.path.startswith("/"):
            # It would become part of the host: the token would leave for another one.
            raise ValueError(f"{request.path!r} is no path")
        url = URL(f"{self._address}{request.path}", encoded=True)
        if request.query:
            url = url.with_query(list(request.query))
        try:
            async with session.request(
                request.method,
                url,
                data=request.body or None,
                # With each request: aiohttp tells a session's own headers to the proxy as well,
                # in plain text and with the token as Proxy-Authorization (measured).
                headers={**self._headers, **request.headers},
                allow_redirects=False,
                proxy=self._proxy,
            ) as answer:
                return Response(
                    status=answer.status,
                    headers={name.lower(): value for name, value in answer.headers.items()},
                    body=await self._body(answer),
                )
        except aiohttp.ClientConnectorCertificateError as error:
            reason = printable(str(error.certificate_error))
            raise NoResponse(
                f"{_place(url)}: its certificate is not trusted: {reason}; if a private "
                f"authority signed it, name that with --ca-file or SSL_CERT_FILE",
                sent=False,
                lasting=True,
            ) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NoResponse(f"{_place(url)}: {_cause(error)}", sent=False) from error
        except aiohttp.ClientHttpProxyError as error:
            message = f"the proxy refused the way to {_place(url)}: {error.status} {error.message}"
            raise NoResponse(printable(message), sent=False) from error
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise NoResponse(f"{_place(url)}: {_cause(error)}", sent=True) from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            raise RuntimeError(NOT_OPEN)
        return self._session

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            async for part in answer.content.iter_any():
                size += len(part)
                self._receiving += len(part)
                if size > LARGEST_BODY:
                    raise aiohttp.ClientPayloadError(f"a body of more than {LARGEST_BODY} bytes")
                if self._receiving > LARGEST_TOGETHER:
                    raise aiohttp.ClientPayloadError(
                        f"answers of more than {LARGEST_TOGETHER} bytes at once"
                    )
                parts.append(part)
            return b"".join(parts)
        finally:
            self._receiving -= size
            # An error's traceback would keep them as long as anybody keeps the error.
            parts.clear()


def _place(url: URL) -> str:
    return f"{url.scheme}://{url.authority}"


def _cause(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed before an answer"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"can't connect to {error.host}:{error.port}: {_reason(error.os_error)}"
    if isinstance(error, aiohttp.ClientResponseError):
        # Its status is none of the server's: aiohttp says 400 of an answer it can't parse.
        return printable(f"the answer is no HTTP: {error.message}")
    return printable(str(error) or type(error).__name__)


def _reason(error: OSError) -> str:
    # asyncio says "Connect call failed" and the address for every errno.
    known = not isinstance(error, ssl.SSLError) and (error.errno or 0) > 0
    text = os.strerror(error.errno) if known and error.errno else error.strerror or str(error)
    return printable(text)
