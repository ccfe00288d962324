"""Eight organizations, four pods at a time, killed at random: the proof, for one seed or several.

    python -m tests.pipelines.killed_fleet --seeds 10

The pods are those of ``jobs/kubernetes-fleet.yaml``, the controller is ``IndexedJob``, the journals
are in SeaweedFS. A seed draws how often each index is killed, and at which of its requests. With an
odd seed, the fleet has waves.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import groupby
from pathlib import Path
from random import Random

import msgspec

from tests.cli.support import Done
from tests.journal.remote.servers import Server, seaweedfs
from tests.pipelines.indexed_job import IndexedJob
from tests.pipelines.organizations import organizations
from tests.pipelines.pods import JOB, Pods, Strike, mounts, shards_of

NAMES = tuple(f"acme-{letter}" for letter in "abcdefgh")
WORKSPACES = 150
AT_A_TIME = 4
WAVES = (NAMES[-1:], NAMES[:1], NAMES[1:-1])
"""The canary is the last by name."""
WITH_WAVES = ("max_failed_shards = 4", 'waves = ["acme-h", "25%", "100%"]')


def drawn(seed: int) -> dict[int, list[Strike]]:
    """Return the strikes of a seed: one or two for each index, the first in its first half."""
    random = Random(seed)

    def strike(most: int) -> Strike:
        stage = random.choice(["before", "after"])
        return Strike(random.randint(1, most), stage, disrupted=random.random() < 0.5)

    halves = (WORKSPACES // 2, WORKSPACES // 4)
    return {
        index: [strike(most) for most in halves[: random.randint(1, 2)]]
        for index in range(len(NAMES))
    }


def rolled_out(seed: int, store: Server, folder: Path) -> int:
    """Roll the fleet out and check that every change was made once; return the number of kills."""
    with organizations(folder, NAMES, WORKSPACES) as world:
        spec = {**JOB, "completions": len(NAMES), "parallelism": AT_A_TIME}
        waved = seed % 2 == 1
        pods = Pods(
            world,
            store,
            folder,
            shards=shards_of(NAMES),
            order=[name for wave in WAVES for name in wave] if waved else NAMES,
            strikes=drawn(seed),
            changes=[WITH_WAVES] if waved else [],
        )
        job = IndexedJob(spec, pods.pod)
        job.run()
        assert job.failed == set(), job.ended
        assert job.succeeded == set(range(len(NAMES)))
        world.each_once()
        if waved:
            order = (effect.names["organization"] for effect in world.simulator.effects)
            assert tuple(wave for wave, _ in groupby(order, _wave_of)) == WAVES
        _check_report(_reported(pods))
        return sum(ended.code == 137 for one in job.ended.values() for ended in one)


def _wave_of(name: str) -> tuple[str, ...]:
    return next(wave for wave in WAVES if name in wave)


def _reported(pods: Pods) -> Done:
    """Return the report from a place where nothing has run, without any token."""
    fifth = pods.node("fifth", **dict.fromkeys(pods.world.tokens, ""))
    file = str(mounts(fifth) / "fleet" / "fleet.toml")
    requests = pods.world.requests
    done = fifth.run("fleet", "report", file, "--format", "json")
    assert pods.world.requests == requests
    assert fifth.written() == []
    return done


def _check_report(done: Done) -> None:
    assert done.code == 0, done
    report = msgspec.json.decode(done.out)
    assert report["counts"] == {"succeeded": len(NAMES) * WORKSPACES}
    states = {shard["shard"]: shard["state"] for shard in report["shards"]}
    assert states == dict.fromkeys(NAMES, "done")


def main() -> None:
    """Run the seeds of the command line, and print what each took."""
    parser = argparse.ArgumentParser(description="Roll a fleet out whose pods are killed.")
    parser.add_argument("--seeds", type=int, default=10, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place, "store")
        home.mkdir()
        with seaweedfs(home) as store:
            for seed in range(options.first, options.first + options.seeds):
                folder = Path(place, f"seed-{seed}")
                folder.mkdir()
                begun = time.monotonic()
                kills = rolled_out(seed, store, folder)
                seconds = time.monotonic() - begun
                changes = len(NAMES) * WORKSPACES
                print(f"seed {seed}: {kills} kills, {changes} changes once each, {seconds:.0f} s")  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
