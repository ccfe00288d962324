"""The typed client: ``async with Client(…) as client: await client.run_tasks.list("acme")``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import anyio.to_thread

from bulkops.api import endpoints
from bulkops.api.jsonapi import Many, One, decode
from bulkops.api.messages import Request, Response
from bulkops.api.organizations import (
    Entitlements,
    EntitlementsResource,
    Organization,
    OrganizationResource,
    Project,
    ProjectResource,
)
from bulkops.api.server import ServerInfo, server_info
from bulkops.client.access.address import canonical
from bulkops.client.access.descriptors import most_connections
from bulkops.client.caller import Announce, Caller
from bulkops.client.pace.pacing import Pacer
from bulkops.client.paging import everything
from bulkops.client.permit import ALWAYS, Permit
from bulkops.client.rows import Whole
from bulkops.client.run_tasks import RunTasks
from bulkops.client.transport import ANSWER_SECONDS, HttpTransport, Transport
from bulkops.client.waiting import Settling
from bulkops.client.workspaces import Workspaces, WorkspaceTasks
from bulkops.clock import Clock
from bulkops.errors import (
    NoResponse,
    NotFoundOrForbidden,
    RequestRejected,
    ServerBroken,
    Unauthorized,
)


class Client(Caller):
    """A client of one HCP Terraform or Terraform Enterprise server, with one user's token.

    Every method that sends a request, including those of the resources, raises ``ApiError`` or a
    subclass.

    Args:
        address: the server's address without a path: ``https://app.terraform.io``. A bare host
            means https.
        token: a user, team or organization token.
        rate: the most requests per second; the server's own limit applies as well.
        ca_file, client_cert, client_key: see ``bulkops.client.access.tls.TlsFiles``.
        answer_seconds: how long to wait for an answer, in seconds.
        transport: sends the requests; real connections by default.
        pacer: shared with the same user's other clients in this event loop, instead of ``rate``.

    Raises:
        JobError: the address, or the proxy named in the environment, is invalid, or there is a key
            without its certificate.
        BulkopsError: a file can't be used.

    Attributes:
        address: the address in its canonical spelling.
        run_tasks, workspace_tasks, workspaces: the endpoints, by resource.
        kept_in: the variable or file that the token is from; empty if unknown.
        ca_file: authorities that are trusted in addition to the system's; ``None`` for no more.
        most_at_once: the most concurrent requests that the process's file descriptors allow;
            ``None`` for no limit.
        settling: waits for reads to catch up, and tells listeners how long.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        rate: float | None = None,
        ca_file: str | Path | None = None,
        client_cert: str | Path | None = None,
        client_key: str | Path | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        transport: Transport | None = None,
        pacer: Pacer | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        self.address = canonical(address)
        self.kept_in = ""
        self.ca_file = ca_file
        self.most_at_once: int | None = None
        self._connections: AbstractAsyncContextManager[object] = nullcontext()
        self._sockets: HttpTransport | None = None
        if transport is None:
            transport = self._sockets = HttpTransport(
                self.address,
                token,
                ca_file=ca_file,
                client_cert=client_cert,
                client_key=client_key,
                answer_seconds=answer_seconds,
            )
        clock, random = clock or Clock(), random or Random()
        super().__init__(transport, pacer or Pacer(clock, random, rate), clock, random)
        self.settling = Settling(clock)
        self.run_tasks = RunTasks(self)
        self.workspace_tasks = WorkspaceTasks(self)
        self.workspaces = Workspaces(self)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the connection pool; nothing is sent yet.

        Raises:
            BulkopsError: the process can't open a single connection.
        """
        if self._sockets is not None:
            self.most_at_once = await anyio.to_thread.run_sync(most_connections)
            if self.most_at_once is not None:
                self._connections = asyncio.Semaphore(self.most_at_once)
            await self._stack.enter_async_context(self._sockets)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        await self._stack.aclose()

    def check_open(self) -> None:
        """Raise ``RuntimeError`` outside the ``async with`` block, before anything is written."""
        if self._sockets is not None:
            self._sockets.check_open()

    async def attempt(
        self,
        request: Request,
        number: int = 1,
        announce: Announce | None = None,
        permit: Permit = ALWAYS,
    ) -> Response | NoResponse:
        """Send once, like ``Caller.attempt``, as soon as a connection may be opened."""
        # Waits here rather than after the pacer, where waiting requests would leave in a burst.
        async with self._connections:
            return await super().attempt(request, number, announce, permit)

    async def ping(self) -> ServerInfo:
        """Read the server's rate limit and version, and apply the limit.

        If the server has no ``/ping``, the limit stays at the documented 30 requests per second
        and the server is assumed to be a current one.

        Raises:
            Unauthorized: the token is invalid.
            NoResponse: the server does not answer.
        """
        try:
            answer = await self.call(endpoints.ping())
        except Unauthorized:
            raise
        except (RequestRejected, ServerBroken):
            return ServerInfo()
        info = server_info(answer.headers)
        self.pacer.learn(info.limit)
        return info

    async def is_missing(self, organization: str, ident: str, name: str) -> bool:
        """Return whether a workspace or run task is gone, or this token can't see it.

        A 404 alone may come from a proxy, and a list by name lacks a renamed workspace. So a
        workspace is missing only if both its id is not found and the list by name lacks it.

        Args:
            ident: its id, ``ws-…`` or ``task-…``.
            name: its name.
        """
        try:
            if ident.startswith("task-"):
                return all(task.id != ident for task in await self.run_tasks.list(organization))
            if await self._is_found(ident):
                return False
            listed = await self.workspaces.list(organization, {"search[name]": name})
        except NotFoundOrForbidden:
            return False
        return all(workspace.id != ident for workspace in listed)

    async def _is_found(self, workspace_id: str) -> bool:
        try:
            await self.call(endpoints.show_workspace_by_id(workspace_id))
        except NotFoundOrForbidden as error:
            return error.status != 404
        return True

    async def organizations(self) -> list[Organization]:
        """Return all organizations that the token sees, in the server's order."""
        rows = await everything(
            self,
            endpoints.list_organizations(),
            Many[OrganizationResource],
            _organizations,
            Whole[Organization],
        )
        return rows.values()

    async def entitlements(self, organization: str) -> Entitlements:
        """Return what the organization's plan allows."""
        answer = await self.call(endpoints.show_entitlements(organization))
        return decode(answer, One[EntitlementsResource]).data.value()

    async def projects(self, organization: str) -> list[Project]:
        """Return all projects of the organization."""
        request = endpoints.list_projects(organization)
        rows = await everything(self, request, Many[ProjectResource], _projects, Whole[Project])
        return rows.values()


def _organizations(page: Many[OrganizationResource]) -> Iterator[Organization]:
    return (resource.value() for resource in page.data)


def _projects(page: Many[ProjectResource]) -> Iterator[Project]:
    return (resource.value() for resource in page.data)
