"""What the network doesn't take in time is given up: no request arrives long after it was sent."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys

import pytest

import bulkops.client.transport
from bulkops.api.messages import Request
from bulkops.client.access.sockets import DELIVERY_SECONDS, socket_for
from bulkops.client.transport import HttpTransport
from bulkops.job.pace import Pace
from tests.client.raw_server import Answer, http, raw_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="an option of Linux")

IN_A_NAMESPACE = ("unshare", "--map-root-user", "--net")

CUT_OFF = """
import asyncio, socket, subprocess, sys
from bulkops.api.messages import Request
from bulkops.client.access import sockets
from bulkops.client.transport import HttpTransport
from bulkops.errors import NoResponse
from tests.client.raw_server import Answer, http, raw_server

def network(state):
    subprocess.run(["ip", "link", "set", "lo", state], check=True)

async def main():
    network("up")
    async with raw_server(Answer(http(200, b"{}"))) as server:
        async with HttpTransport(server.address, "t", answer_seconds=1) as transport:
            await transport.send(Request("GET", "/before"))
            network("down")
            try:
                await transport.send(Request("POST", "/late", body=b"{}"))
            except NoResponse as lost:
                assert lost.sent
        # The connections are closed, as at the end of a process.
        await asyncio.sleep(2)
        network("up")
        await asyncio.sleep(10)
        print([request.split()[1].decode() for request in server.requests])

sockets.DELIVERY_SECONDS = int(sys.argv[1])
asyncio.run(main())
"""
"""Sends a request while the network is away for three seconds; prints what arrived."""


def has_namespaces() -> bool:
    """Return whether this user can have a network of its own."""
    if not shutil.which(IN_A_NAMESPACE[0]):
        return False
    return subprocess.run([*IN_A_NAMESPACE, "ip", "link"], check=False).returncode == 0


@pytest.mark.anyio
@pytest.mark.usefixtures("unblocked")
async def test_each_connection_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After no longer than the time after which a reading is trusted by default."""
    made: list[socket.socket] = []

    def noted(address: tuple[int, int, int, str, object]) -> socket.socket:
        made.append(socket_for(address))
        return made[-1]

    monkeypatch.setattr(bulkops.client.transport, "socket_for", noted)
    async with (
        raw_server(Answer(http(200, b"{}"))) as server,
        HttpTransport(server.address, "t") as transport,
    ):
        await transport.send(Request("GET", "/any"))
        (one,) = made
        limit = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert limit == 1000 * DELIVERY_SECONDS <= 1000 * Pace().settle_seconds


@pytest.mark.long
@pytest.mark.parametrize(("seconds", "arrived"), [(2, []), (60, ["/late"])])
def test_a_request_of_a_closed_connection_does_not_arrive_later(
    seconds: int, arrived: list[str]
) -> None:
    """The network comes back after the limit; with a longer one the request arrives by then."""
    if not has_namespaces():
        pytest.skip("this user can't have a network of its own")
    done = subprocess.run(
        [*IN_A_NAMESPACE, sys.executable, "-c", CUT_OFF, str(seconds)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(["/before", *arrived])
