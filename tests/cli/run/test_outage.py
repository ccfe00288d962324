"""The server goes away during an apply: exit 1, nothing failed, and it can be resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import click
import pytest

from bulkops.api.messages import Request
from bulkops.cli.options import Server
from bulkops.cli.session import connect
from bulkops.client.outage import AWAY_SECONDS, IN_A_ROW
from bulkops.simulator.faults import Faults
from tests.cli.support import World
from tests.conftest import Here


@pytest.fixture
def command() -> Iterator[None]:
    """A command is running, as whenever it connects."""
    with click.Context(click.Command("apply")):
        yield


@pytest.mark.parametrize("fault", ["503", "close-before", "reset-before"])
@pytest.mark.parametrize("after", [0, 4])
def test_a_server_that_goes_away_is_exit_1_and_fails_nothing(
    world: World, here: Here, fault: str, after: int
) -> None:
    """It is exit 1, not the tolerance's 4, whatever the job's size; a resume does the rest."""

    def goes_away(request: Request) -> None:
        if request.writes and world.writes >= after:
            world.simulator.faults = Faults.parse(f"{fault}=0s..60m", 0)
            world.simulator.before = None

    world.simulator.before = goes_away
    done = here(*world.applying)
    assert done.code == 1
    assert "No answer from the server for" in done.err
    assert "Error: the server has not answered for" in done.err
    assert "[pace] outage" in done.err
    assert "failed" not in here("status", "scan.jsonl").out
    world.simulator.faults = None
    assert here(*world.applying).code == 0
    assert set(world.changed().values()) == {1}


@pytest.mark.parametrize(
    ("outage", "message"),
    [
        ("25h", 'outage = "25h": give at most 24h'),
        ("forever", 'pace.outage = "forever": not a duration'),
    ],
)
def test_an_outage_longer_than_a_day_is_refused(
    world: World, here: Here, outage: str, message: str
) -> None:
    """Exit 2, before any request."""
    world.job(('outage = "1s"', f'outage = "{outage}"'))
    done = here("check", "job.toml")
    assert done.code == 2
    assert message in done.err


@pytest.mark.usefixtures("command")
def test_the_start_and_the_end_of_an_outage_are_noted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each on stderr, of every command that sends requests."""
    monkeypatch.setenv("TFE_TOKEN", "any")

    async def away() -> None:
        client = connect(Server("http://127.0.0.1:9", insecure_http=False, ca_file=None))
        outage, now = client.outage, client.clock.now()
        outage.tolerate(300.0)
        outage.answered(now - 100)
        for _ in range(IN_A_ROW):
            outage.failed(now - AWAY_SECONDS, now, "503 Service unavailable")
        outage.failed(now, now, "503 Service unavailable", probe=True)
        outage.answered(now + 1)

    asyncio.run(away())
    assert capsys.readouterr().err.splitlines() == [
        "No answer from the server for 4 s (503 Service unavailable): waiting up to 5 min for it. "
        "No operation fails because of it.",
        "The server answers again after 4 s.",
    ]


@pytest.mark.usefixtures("command")
def test_a_wait_for_reads_is_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """How long, and why, on stderr: of verify, undo and plan, which show no progress."""
    monkeypatch.setenv("TFE_TOKEN", "any")

    async def wait() -> None:
        client = connect(Server("http://127.0.0.1:9", insecure_http=False, ca_file=None))
        for seconds in (0.5, 9.2):
            for listener in client.settling.listeners:
                listener(seconds, "before re-reading what differs")

    asyncio.run(wait())
    assert capsys.readouterr().err == "Waiting 10 s before re-reading what differs.\n"
