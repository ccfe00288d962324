"""A machine that can't reach the store for a while, though it can reach the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.api.messages import Request
from bulkops.journal.remote.lease.holding import VALID
from tests.cli.remote.machines import Site, site, surely_ended, until
from tests.journal.remote.servers import Server
from tests.journal.remote.unruly import Forwarded, unruly

pytestmark = pytest.mark.long

SECONDS = 4.0
"""The lease: long enough that a busy machine's delays are small beside it."""
ON_THE_WAY = 0.2 * SECONDS
"""Seconds that a request may need from the last look at the permit to the server's log; far less
than what is left of the lease by then."""


@pytest.fixture
def lasting(one_store: Server, tmp_path: Path) -> Iterator[Site]:
    """A job that lasts for longer than its lease."""
    with site(one_store, tmp_path, 75, pace="rate = 15", seconds=SECONDS) as prepared:
        yield prepared


class Times:
    """When the server got each write, and when the store answered the last renewal."""

    def __init__(self, at: Site) -> None:
        self.writes: list[float] = []
        self.renewed = 0.0
        at.world.simulator.before = self._at_server

    def _at_server(self, request: Request) -> None:
        if request.writes:
            self.writes.append(time.monotonic())

    def at_store(self, request: Forwarded) -> None:
        """Take a request to the store."""
        if request.method == "PUT" and request.target.endswith("/lease") and request.status == 200:
            self.renewed = time.monotonic()


@pytest.mark.parametrize(("cut", "only"), [("reset", ""), ("hang", ""), ("reset", "/lease")])
def test_what_is_cut_off_stops_in_time(lasting: Site, cut: str, only: str) -> None:
    """Nothing is sent later than the lease allows, whether or not segments can still be written;
    it ends with 14, and once the store is back the same command finishes the job."""
    times = Times(lasting)
    with unruly(lasting.store) as (store, switch):
        switch.heard = times.at_store
        machine = lasting.machine("first", store.env)
        with surely_ended(machine.start(*lasting.applying)) as process:
            until(lambda: len(times.writes) >= 5)
            lasting.until_kept()
            switch.only = only
            switch.cut = "hang" if cut == "hang" else "reset"
            since = time.monotonic()
            done = machine.ended(process)
        assert done.code == 14, done
        assert "no answer from the store for" in done.err
        assert times.writes[-1] < times.renewed + VALID * SECONDS + ON_THE_WAY
        if only:
            # The permit stopped it, not a segment that couldn't be written.
            assert times.writes[-1] > since + 1
        assert len(times.writes) < len(lasting.world.shown())
        switch.mend()
        again = machine.run(*lasting.applying, "--wait")
    assert again.code == 0, again
    lasting.each_once()
    assert machine.written() == []


@pytest.mark.parametrize("cut", ["reset", "hang"])
def test_a_short_cut_is_survived(lasting: Site, cut: str) -> None:
    """A store that is back before the lease has expired costs the job nothing but time."""
    with unruly(lasting.store) as (store, switch):
        machine = lasting.machine("first", store.env)
        with surely_ended(machine.start(*lasting.applying)) as process:
            until(lambda: lasting.world.writes >= 5)
            switch.cut = "hang" if cut == "hang" else "reset"
            until(lambda: any(request.status == 0 for request in switch.forwarded))
            time.sleep(1)  # a store is away in real time
            switch.mend()
            done = machine.ended(process)
    assert done.code == 0, done
    lasting.each_once()
