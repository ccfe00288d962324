"""A machine that dies with its disk: another one resumes the job from the store alone."""

from __future__ import annotations

from collections.abc import Callable, Sized
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest

from tests.cli.remote.machines import Site, Strike, site, struck, surely_ended, until
from tests.cli.support import TASK, Done
from tests.journal.remote.servers import Server

pytestmark = pytest.mark.long

KILLS = (Strike("before", 1), Strike("after", 1), Strike("before", 3), Strike("after", 2))
"""At which of its writes each machine dies: so each of them finds another state."""


def _counts(done: Done) -> dict[str, object]:
    assert done.code == 0, done
    (line,) = (one for one in done.objects if "counts" in one)
    counts = line["counts"]
    assert isinstance(counts, dict)
    return counts


def test_a_killed_job_is_finished_and_undone_by_other_machines(everywhere: Site) -> None:
    """Each change is made once, and taken back once; every command works from anywhere, and none
    of the machines has any file of the journal."""
    at, machines = everywhere, []
    for number, kill in enumerate(KILLS):
        machines.append(machine := at.machine(f"killed-{number}"))
        words = at.resuming if number else at.applying
        assert machine.ended(struck(at, machine, kill, *words)).code == -9
    machines.append(last := at.machine("last"))
    done = last.run(*at.applying, "--wait")
    assert done.code == 0, done
    at.each_once()

    machines.append(anywhere := at.machine("anywhere"))
    for words in (("status",), ("report", "--format", "json"), ("verify",), ("watch",)):
        seen = anywhere.run(words[0], at.journal, *words[1:])
        assert seen.code == 0, seen
    checked = anywhere.run("journal", "check", at.journal, "--json")
    assert checked.objects[-1]["state"] == "sound"
    assert _counts(checked)["succeeded"] == len(at.world.shown())
    again = anywhere.run("resume", at.journal, "--yes")
    assert again.code == 0, again

    machines.append(third := at.machine("third"))
    undone = third.run("undo", at.journal, "--yes")
    assert undone.code == 0, undone
    assert set(map(len, at.world.shown().values())) == {0}
    assert dict(at.world.changed()) == dict.fromkeys(at.world.shown(), 2)
    assert third.run("status", f"{at.journal}.undo").code == 0
    assert [machine.written() for machine in machines] == [[]] * len(machines)
    at.no_secret_stored()


def _are_at_least(changed: Callable[[], Sized], number: int) -> bool:
    return len(changed()) >= number


KILLED_AT = (7, 23, 41)
"""The numbers of changes that the server shows when a machine dies, whatever it does just then."""


def test_a_job_killed_at_any_moment_is_finished(one_store: Server, tmp_path: Path) -> None:
    """The same with ``bulkops simulate`` as the server, its limit, and its answers' delay."""
    command = ["simulate", "--port", "0", "--workspaces", "60", "--task", TASK]
    command += ["--latency", "20ms", "--duplicate-attach", "accept"]
    with site(one_store, tmp_path, 0, pace="") as at:
        server = at.machine("server").start(*command)
        with surely_ended(server):
            assert server.stdout is not None
            address = at.world.address = server.stdout.readline().split()[3]

            def changed() -> dict[str, int]:
                # The address is the simulator's own.
                with urlopen(f"{address}/_simulator/effects") as answer:  # noqa: S310 - see above
                    counts: dict[str, int] = msgspec.json.decode(answer.read())["by-workspace"]
                return counts

            for number, count in enumerate(KILLED_AT):
                machine = at.machine(f"killed-{number}")
                words = at.resuming if number else at.applying
                with surely_ended(machine.start(*words)) as process:
                    until(partial(_are_at_least, changed, count))
                    at.until_kept()
                    process.kill()
                    assert machine.ended(process).code == -9
            done = at.machine("last").run(*at.resuming)
            assert done.code == 0, done
            assert sorted(changed().values()) == [1] * 60
