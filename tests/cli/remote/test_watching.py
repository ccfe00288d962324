"""``watch`` and ``status`` of a job that another machine runs, from the store alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bulkops.journal.following.outlook import GONE_AFTER
from tests.cli.remote.machines import LEASE, Machine, Process, Site, site, surely_ended, until
from tests.journal.remote.servers import Server

pytestmark = pytest.mark.long

SLACK = 5.0
"""Seconds that a busy machine may take to start a command and to print."""


@pytest.fixture
def lasting(each_store: Server, tmp_path: Path) -> Iterator[Site]:
    """A job that lasts for some seconds, in each of the stores in turn."""
    with site(each_store, tmp_path, 40, pace="rate = 8") as prepared:
        yield prepared


@contextmanager
def watched(at: Site) -> Iterator[tuple[Machine, Process, Process]]:
    """Start the job on one machine, and a watcher on another; yields that one and both."""
    watching = at.machine("watching", {**at.store.reader} or None)
    with surely_ended(at.machine("running").start(*at.applying, "--json")) as job:
        until(lambda: at.world.writes >= 5)
        at.until_kept()
        unable = {"TFE_TOKEN": "", "TFE_ADDRESS": ""}
        with surely_ended(watching.start("watch", at.journal, "--json", more=unable)) as watcher:
            yield watching, job, watcher


def test_it_shows_a_job_on_another_machine_until_it_ends(lasting: Site) -> None:
    """Its results and its exit code are those of the job; it needs no right but to read."""
    with watched(lasting) as (watching, job, watcher):
        seen = watching.run("status", lasting.journal)
        assert "1 execution, running: pid" in seen.out
        out, _ = job.communicate()
        done = watching.ended(watcher)
        assert (done.code, job.returncode) == (0, 0), done
    events = [line for line in out.splitlines() if '"type":"result"' in line]
    assert len(events) == len(lasting.world.shown())
    assert [line for line in done.lines if '"type":"result"' in line] == events
    assert watching.written() == []


def test_it_says_that_a_killed_job_is_gone(lasting: Site) -> None:
    """Once its lease has been unchanged for that long, and nothing is written."""
    with watched(lasting) as (watching, job, watcher):
        assert watcher.stdout is not None
        # It watches by now.
        watcher.stdout.readline()
        job.kill()
        since = time.monotonic()
        done = watching.ended(watcher)
        lasted = time.monotonic() - since
    assert done.code == 1, done
    assert "the process that ran this job is gone" in done.err
    assert f"bulkops resume {lasting.journal}` resumes it" in done.err
    assert lasted < max(LEASE, GONE_AFTER) + SLACK
