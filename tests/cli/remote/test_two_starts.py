"""Two machines start the same job at the same moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from bulkops.api.messages import Request
from tests.cli.remote.machines import LEASE, SECONDS, Machine, Process, Site, surely_ended, until
from tests.cli.support import Done

pytestmark = pytest.mark.long

BY = pytest.mark.parametrize("by", ["--journal", "BULKOPS_JOURNALS"])
"""Where the journal is: at an address, or in the default place."""


def machines(at: Site, by: str) -> tuple[tuple[Machine, Machine], tuple[str, ...]]:
    """Return two machines, and the words of the command that both run."""
    env, words = at.store.env, at.applying
    if by == "BULKOPS_JOURNALS":
        env = {**env, by: str(at.at.parent)}
        words = ("apply", str(at.world.folder / "job.toml"), "--yes")
    return (at.machine("one", env), at.machine("other", env)), words


@contextmanager
def started(pair: tuple[Machine, Machine], words: tuple[str, ...]) -> Iterator[list[Process]]:
    """Start the same command on both machines."""
    with surely_ended(pair[0].start(*words)) as one, surely_ended(pair[1].start(*words)) as other:
        yield [one, other]


@BY
def test_one_of_two_starts_runs_the_job(racing: Site, by: str) -> None:
    """The other one ends with 11 at once, and names the first."""
    pair, words = machines(racing, by)
    with started(pair, words) as processes:

        def first_ends(request: Request) -> None:
            if request.writes:
                until(lambda: any(process.poll() is not None for process in processes))

        racing.world.simulator.before = first_ends
        until(lambda: any(process.poll() is not None for process in processes))
        racing.world.simulator.before = None
        ends = [machine.ended(process) for machine, process in zip(pair, processes, strict=True)]
    refused, done = sorted(ends, key=lambda end: -end.code)
    assert (refused.code, done.code) == (11, 0), ends
    (line,) = refused.err.splitlines()[-1:]
    assert "is held by" in line
    racing.each_once()
    assert [machine.written() for machine in pair] == [[], []]
    racing.no_secret_stored()


@BY
def test_with_wait_both_end_well(racing: Site, by: str) -> None:
    """The second waits, and finds everything done."""
    pair, words = machines(racing, by)
    with started(pair, (*words, "--wait")) as processes:
        ends = [machine.ended(process) for machine, process in zip(pair, processes, strict=True)]
    assert [end.code for end in ends] == [0, 0], ends
    racing.each_once()
    if by == "BULKOPS_JOURNALS":
        assert [len(done.err) > 0 for done in ends] == [True, True]
        _finds_it(racing, ends)


def _finds_it(at: Site, ends: list[Done]) -> None:
    """Check that a machine that never saw the journal names it for the same job."""
    lines = [line for done in ends for line in done.err.splitlines()]
    named = {line for line in lines if line.startswith("Journal: ")}
    (line,) = named
    address = line.removeprefix("Journal: ")
    assert address.startswith(f"{at.at.parent}/scan/")
    seen = at.machine("third").run("status", address)
    assert seen.code == 0, seen
    assert "12 succeeded" in seen.out


def test_a_killed_job_in_the_default_place_is_found_by_another_machine(everywhere: Site) -> None:
    """The same command resumes it, without the address of a journal."""
    (one, other), words = machines(everywhere, "BULKOPS_JOURNALS")
    with surely_ended(one.start(*words)) as process:

        def killed(request: Request) -> None:
            if request.writes and everywhere.world.writes == 5:
                everywhere.until_kept()
                process.kill()
                process.wait()

        everywhere.world.simulator.after = killed
        assert one.ended(process).code == -9
        everywhere.world.simulator.after = None
    done = other.run(*words, "--wait")
    assert done.code == 0, done
    assert "Resuming" in done.err
    everywhere.each_once()


def test_while_a_job_is_undone_nobody_resumes_it(here_and_there: Site) -> None:
    """The lease of its journal is kept for as long as the undo runs."""
    at = here_and_there
    assert at.machine("first").run(*at.applying).code == 0
    at.world.simulator.effects.clear()
    let_go = Event()

    def slow(request: Request) -> None:
        if request.writes:
            let_go.wait(SECONDS)

    at.world.simulator.before = slow
    undoing, other = at.machine("undoing"), at.machine("other")
    with surely_ended(undoing.start("undo", at.journal, "--yes")) as undo:
        until(lambda: at.bucket.get(f"{at.at.key}.undo/00000003.jsonl"))
        # By its first renewal: that of a process that only starts is longer.
        until(lambda: all(lease.ttl == LEASE for lease in at.leases()))
        with surely_ended(other.start(*at.resuming)) as waiting:
            time.sleep(3 * LEASE)  # the lease of another process runs in real time
            assert waiting.poll() is None
            assert at.machine("third").run("resume", at.journal, "--yes").code == 11
            let_go.set()
            assert undoing.ended(undo).code == 0
            # All of it has drifted, since it was undone.
            assert other.ended(waiting).code == 3
    assert dict(at.world.changed()) == dict.fromkeys(at.world.shown(), 1)
    assert set(map(len, at.world.shown().values())) == {0}
