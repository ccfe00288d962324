"""A fleet whose journals are in a store: any machine resumes every shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from bulkops.api.messages import Request
from bulkops.journal.remote.lease.content import decoded
from tests.cli.remote.machines import (
    LEASE,
    SECONDS,
    Site,
    Strike,
    site,
    struck,
    surely_ended,
    until,
)
from tests.cli.support import TASK, workspaces
from tests.cli.terminal import held
from tests.journal.remote.servers import Server

pytestmark = pytest.mark.long

OTHER = "beta"
NUMBER = 4


@pytest.fixture
def fleet(moto_server: Server, tmp_path: Path) -> Iterator[Site]:
    """Two organizations, and a fleet file whose journals are in the store."""
    with site(moto_server, tmp_path, NUMBER) as prepared:
        simulator = prepared.world.simulator
        simulator.add_organization(OTHER)
        simulator.add_task(TASK, organization=OTHER)
        for name in workspaces(NUMBER):
            simulator.add_workspace(name, organization=OTHER)
        shards = "".join(f'[[shard]]\norganization = "{name}"\n' for name in ("acme", OTHER))
        base = prepared.at.parent / "fleets"
        text = f'job = "job.toml"\njournals = "{base}"\n{shards}'
        (prepared.world.folder / "fleet.toml").write_text(text, encoding="utf-8")
        yield prepared


@pytest.mark.parametrize("strike", [Strike("before", 1), Strike("after", 5)], ids=str)
def test_a_killed_fleet_is_resumed_by_another_machine(fleet: Site, strike: Strike) -> None:
    """Each change is made once; the state is seen from anywhere; no machine has any file of it."""
    file = str(fleet.world.folder / "fleet.toml")
    first, second, third = map(fleet.machine, ("first", "second", "third"))
    words = ("fleet", "apply", file, "--yes", "--wait")
    assert first.ended(struck(fleet, first, strike, *words)).code == -9
    done = second.run(*words)
    assert done.code == 0, done
    each = Counter(
        (effect.names["organization"], effect.names["workspace"])
        for effect in fleet.world.simulator.effects
    )
    assert len(each) == 2 * NUMBER
    assert set(each.values()) == {1}
    last = third.run("fleet", "status", file, "--json").objects[-1]
    assert last["counts"] == {"succeeded": 2 * NUMBER}
    assert last["states"] == {"acme": "done", OTHER: "done"}
    assert [machine.written() for machine in (first, second, third)] == [[]] * 3
    fleet.no_secret_stored()


def test_machines_share_a_rollout(seaweedfs_server: Server, tmp_path: Path) -> None:
    """The canary's machine is killed, and another one takes its part: waves hold, and each change
    is made once. No machine has any file of it.
    """
    with site(seaweedfs_server, tmp_path, NUMBER) as prepared:
        simulator = prepared.world.simulator
        names = ["acme", "beta", "gamma"]
        for name in names[1:]:
            simulator.add_organization(name)
            simulator.add_task(TASK, organization=name)
            for workspace in workspaces(NUMBER):
                simulator.add_workspace(workspace, organization=name)
        shards = "".join(f'[[shard]]\norganization = "{name}"\n' for name in names)
        base = prepared.at.parent / "machines"
        text = f'job = "job.toml"\njournals = "{base}"\n{shards}[rollout]\nwaves = ["acme"]\n'
        (prepared.world.folder / "fleet.toml").write_text(text, encoding="utf-8")
        words = ("fleet", "apply", str(prepared.world.folder / "fleet.toml"), "--yes", "--wait")
        machines = [prepared.machine(f"machine-{number}") for number in range(5)]
        waiting = [
            machines[index].start(*words, more={"JOB_COMPLETION_INDEX": str(index)})
            for index in (1, 2)
        ]
        strike = Strike("after", 2)
        killed = struck(prepared, machines[0], strike, *words, "--shard", "1/3")
        assert machines[0].ended(killed).code == -9
        done = machines[3].run(*words, more={"JOB_COMPLETION_INDEX": "0"})
        assert done.code == 0, done
        others = [machines[1].ended(waiting[0]), machines[2].ended(waiting[1])]
        assert [one.code for one in others] == [0, 0], others
        order = [effect.names["organization"] for effect in simulator.effects]
        assert order[:NUMBER] == ["acme"] * NUMBER
        each = Counter(
            (effect.names["organization"], effect.names["workspace"])
            for effect in simulator.effects
        )
        assert len(each) == 3 * NUMBER
        assert set(each.values()) == {1}
        last = machines[4].run("fleet", "status", words[2], "--json").objects[-1]
        assert last["states"] == dict.fromkeys(names, "done")
        assert [machine.written() for machine in machines] == [[]] * 5
        prepared.no_secret_stored()


@pytest.mark.parametrize("strike", [Strike("before", 1), Strike("after", 5)], ids=str)
def test_a_killed_undo_is_resumed_by_another_machine(fleet: Site, strike: Strike) -> None:
    """Each change is undone once; another start finds nothing to undo."""
    file = str(fleet.world.folder / "fleet.toml")
    first, second, third = map(fleet.machine, ("first", "second", "third"))
    assert first.run("fleet", "apply", file, "--yes").code == 0
    words = ("fleet", "undo", file, "--yes", "--wait")
    assert second.ended(struck(fleet, second, strike, *words)).code == -9
    done = third.run(*words)
    assert done.code == 0, done
    each = Counter(
        (effect.names["organization"], effect.names["workspace"], effect.method)
        for effect in fleet.world.simulator.effects
    )
    assert len(each) == 2 * 2 * NUMBER
    assert set(each.values()) == {1}
    again = first.run("fleet", "undo", file)
    assert (again.code, again.err.splitlines()[-1]) == (0, "Nothing to undo.")
    assert [machine.written() for machine in (first, second, third)] == [[]] * 3
    fleet.no_secret_stored()


def renewed(at: Site) -> set[str]:
    """Return the keys of the journals whose lease a process has renewed, and still holds."""
    bucket, end = at.bucket, "/lease"
    names = [name for name in bucket.names(f"{at.at.parent.key}/") if name.endswith(end)]
    leases = {name: decoded(found.data) for name in names if (found := bucket.get(name))}
    # By its first renewal: that of a process that only starts is longer.
    return {
        name.removesuffix(end) for name, one in leases.items() if one.holder and one.ttl == LEASE
    }


def test_while_a_shard_is_undone_both_of_its_journals_are_held(fleet: Site) -> None:
    """So that no other process resumes what is being undone, however long that takes."""
    file, let_go = str(fleet.world.folder / "fleet.toml"), Event()
    first, undoing = map(fleet.machine, ("first", "undoing"))
    assert first.run("fleet", "apply", file, "--yes").code == 0

    def slow(request: Request) -> None:
        if request.writes:
            let_go.wait(SECONDS)

    fleet.world.simulator.before = slow
    with surely_ended(undoing.start("fleet", "undo", file, "--yes")) as undo:
        until(lambda: {f"{key}.undo" for key in renewed(fleet)} & renewed(fleet))
        let_go.set()
        assert undoing.ended(undo).code == 0


def test_a_fleet_on_another_machine_is_watched(fleet: Site) -> None:
    """From before its first shard begins to its end, without a token, and without any file."""
    file = str(fleet.world.folder / "fleet.toml")
    running, watching = map(fleet.machine, ("running", "watching"))
    watch = ("fleet", "watch", file, "--json")
    with surely_ended(watching.start(*watch, more={"TFE_TOKEN": ""})) as watcher:
        applied = running.run("fleet", "apply", file, "--yes", "--json")
        done = watching.ended(watcher)
    assert (applied.code, done.code) == (0, 0), done
    assert sorted(line for line in done.lines if '"type":"result"' in line) == sorted(
        line for line in applied.lines if '"type":"result"' in line
    )
    assert done.objects[-3:] == applied.objects[-3:]
    assert watching.written() == []


def test_a_machine_does_not_undo_what_another_one_applies(
    seaweedfs_server: Server, tmp_path: Path
) -> None:
    """Exit 11, and the other way round; with ``--wait``, it is undone once it is applied."""
    with site(seaweedfs_server, tmp_path, NUMBER) as prepared:
        base = prepared.at.parent / "opposite"
        text = f'job = "job.toml"\njournals = "{base}"\n[[shard]]\norganization = "acme"\n'
        (prepared.world.folder / "fleet.toml").write_text(text, encoding="utf-8")
        file = str(prepared.world.folder / "fleet.toml")
        first, second = map(prepared.machine, ("first", "second"))
        with held(prepared.world, 2) as let_go:
            process = first.start("fleet", "apply", file, "--yes")
            until(lambda: prepared.world.writes)
            refused = second.run("fleet", "undo", file, "--yes")
            let_go.set()
            assert first.ended(process).code == 0
        assert refused.code == 11
        assert "this fleet is being applied: acme is in use by" in refused.err
        with held(prepared.world, 2) as let_go:
            before = prepared.world.writes
            process = first.start("fleet", "undo", file, "--yes")
            until(lambda: prepared.world.writes > before)
            refused = second.run("fleet", "apply", file, "--yes")
            waiting = second.start("fleet", "apply", file, "--yes", "--wait")
            let_go.set()
            assert first.ended(process).code == 0
            assert second.ended(waiting).code == 0
        assert refused.code == 11
        assert "this fleet is being undone: acme is in use by" in refused.err
        methods = [effect.method for effect in prepared.world.simulator.effects]
        assert methods == ["POST"] * NUMBER + ["DELETE"] * NUMBER + ["POST"] * NUMBER
