"""A process that stands still: another one takes its journal over, and it notices when it wakes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from tests.cli.output.test_unread import WAITING
from tests.cli.remote.machines import (
    LEASE,
    Machine,
    Process,
    Site,
    Strike,
    freeze,
    frozen,
    site,
    struck,
    surely_ended,
    until,
)
from tests.cli.support import Done
from tests.journal.remote.servers import Server
from tests.journal.remote.unruly import Forwarded, unruly

pytestmark = pytest.mark.long


@contextmanager
def frozen_with_intents(at: Site, machine: str, group: int) -> Iterator[tuple[Machine, Process]]:
    """Start the job, and freeze it when a group of records is stored, before it knows that.

    Args:
        group: its number, counted from 1; each has intents.
    """
    with unruly(at.store) as (store, switch):
        first = at.machine(machine, store.env)
        started: list[Process] = []
        segments = list[str]()

        def heard(request: Forwarded) -> None:
            if request.method == "PUT" and ".jsonl" in request.target and request.status < 300:
                segments.append(request.target)
                # The first two are the plan and the execution.
                if len(segments) == 2 + group:
                    at.until_kept()
                    freeze(started[0])

        switch.heard = heard
        with surely_ended(first.start(*at.applying)) as process:
            started.append(process)
            until(lambda: frozen(process.pid))
            yield first, process


def taken_over(at: Site) -> None:
    """Finish the job on another machine, which waits for the lease."""
    rival = at.machine("rival")
    done = rival.run(*at.resuming)
    assert done.code == 0, done
    at.each_once()
    assert rival.written() == []


def ends_fenced(at: Site, machine: Machine, process: Process) -> Done:
    """Wake a process whose job another one has finished: it sends nothing and ends with 11."""
    writes = at.world.writes
    process.send_signal(SIGCONT)
    done = machine.ended(process)
    assert done.code == 11, done
    assert "taken" in done.err
    assert at.world.writes == writes
    at.each_once()
    assert machine.written() == []
    return done


def test_what_froze_before_sending_sends_nothing(everywhere: Site) -> None:
    """Frozen after its intents were stored and before it sent them, taken over, and woken: it
    doesn't send them, since the other process has."""
    with frozen_with_intents(everywhere, "first", 2) as (machine, process):
        taken_over(everywhere)
        ends_fenced(everywhere, machine, process)


@pytest.mark.parametrize("group", [1, 5])
def test_neither_does_it_earlier_or_later(here_and_there: Site, group: int) -> None:
    """The same with its first intents, and with later ones."""
    with frozen_with_intents(here_and_there, "first", group) as (machine, process):
        taken_over(here_and_there)
        ends_fenced(here_and_there, machine, process)


@pytest.mark.parametrize("strike", [Strike("before", 1, SIGSTOP), Strike("after", 3, SIGSTOP)])
def test_what_froze_while_it_sent_ends(here_and_there: Site, strike: Strike) -> None:
    """What was sent counts, once; after it wakes it sends nothing more."""
    machine = here_and_there.machine("first")
    with surely_ended(struck(here_and_there, machine, strike, *here_and_there.applying)) as process:
        taken_over(here_and_there)
        ends_fenced(here_and_there, machine, process)


def test_what_nobody_took_over_continues(here_and_there: Site) -> None:
    """A process that slept longer than its lease renews it, and finishes the job itself."""
    with frozen_with_intents(here_and_there, "first", 2) as (machine, process):
        time.sleep(1.5 * LEASE)  # the lease of another process runs in real time
        process.send_signal(SIGCONT)
        done = machine.ended(process)
    assert done.code == 0, done
    here_and_there.each_once()


def test_what_is_taken_over_is_taken_back(here_and_there: Site) -> None:
    """The one that froze may run the same command again, with --wait."""
    with frozen_with_intents(here_and_there, "first", 2) as (machine, process):
        taken_over(here_and_there)
        ends_fenced(here_and_there, machine, process)
        again = machine.run(*here_and_there.applying, "--wait")
    assert again.code == 0, again
    here_and_there.each_once()


@pytest.fixture
def long_names(one_store: Server, tmp_path: Path) -> Iterator[Site]:
    """So many workspaces with such long names that a pipe and the queue before it fill."""
    with site(one_store, tmp_path, 0, pace="max_at_once = 32") as prepared:
        for number in range(400):
            prepared.world.simulator.add_workspace(f"prod-{number:03}-{'x' * 80}")
        yield prepared


@contextmanager
def unread(at: Site) -> Iterator[tuple[Machine, Process, int]]:
    """Start the job with its output in a pipe that isn't read, until it waits for that."""
    machine, (reader, writer) = at.machine("unread"), os.pipe()
    with surely_ended(machine.start(*at.applying, "--json", stdout=writer)) as process:
        os.close(writer)
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith(WAITING):
            assert line, "it never waited for a reader"
        at.until_kept()
        yield machine, process, reader


def read(reader: int) -> list[str]:
    """Read a pipe to its end."""
    with open(reader, encoding="utf-8") as pipe:
        return pipe.read().splitlines()


def test_an_unread_pipe_costs_no_lease(long_names: Site) -> None:
    """A job that waits for its reader goes on renewing: no other process gets the journal."""
    with unread(long_names) as (machine, process, reader):
        # Longer than the lease: another process would have taken over by now.
        rival = long_names.machine("rival").start(*long_names.resuming)
        with surely_ended(rival):
            time.sleep(2 * LEASE)  # the lease of another process runs in real time
            assert rival.poll() is None
            assert long_names.machine("other").run("resume", long_names.journal, "--yes").code == 11
        assert '"type":"report"' in read(reader)[-1]
        assert machine.ended(process).code == 0
    long_names.each_once()


def test_frozen_on_an_unread_pipe_it_is_taken_over(long_names: Site) -> None:
    """Frozen, too, it is taken over; woken and read, it ends with 11."""
    with unread(long_names) as (machine, process, reader):
        freeze(process)
        taken_over(long_names)
        process.send_signal(SIGCONT)
        lines = read(reader)
        done = machine.ended(process)
        assert done.code == 11, (done, lines[-2:])
    long_names.each_once()
