"""``bulkops fleet apply --shard I/N``: each process runs only its own shards."""

from __future__ import annotations

import signal

import pytest

from tests.cli.run.test_fleet import (
    APPLY,
    FLEET,
    NAMES,
    WORKSPACES,
    changes,
    declare,
    once_each,
    world,
)
from tests.cli.support import TASK, World, ended
from tests.conftest import Here

__all__ = ["world"]

INDICES = [
    {"JOB_COMPLETION_INDEX": "1"},
    {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": "3"},
    {"CLOUD_RUN_TASK_INDEX": "1", "CLOUD_RUN_TASK_COUNT": "3"},
    {"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "3"},
    {
        "SLURM_ARRAY_TASK_ID": "2",
        "SLURM_ARRAY_TASK_COUNT": "3",
        "SLURM_ARRAY_TASK_MIN": "1",
    },
]


def test_a_process_runs_its_own_shards_alone(world: World, here: Here) -> None:
    """The three parts together are the whole fleet; each says which part it is."""
    done = here(*APPLY, "--shard", "2/3")
    assert done.code == 0
    assert changes(world) == {"acme-2": 3}
    assert "fleet: attach security-scan in 3 shards" in done.err
    assert "1 of them for this process (--shard 2/3):" in done.err
    assert here(*APPLY, "--shard", "1/3").code == here(*APPLY, "--shard", "3/3").code == 0
    assert once_each(world)


@pytest.mark.parametrize("index", INDICES, ids=lambda index: next(iter(index)))
def test_the_platform_says_which_shards_are_its_own(
    world: World, here: Here, index: dict[str, str]
) -> None:
    """The variables of Kubernetes, AWS Batch, Cloud Run, GitLab and Slurm."""
    assert here(*APPLY, **index).code == 0
    assert changes(world) == {"acme-2": 3}


def test_an_index_beyond_the_shards_has_nothing_to_do(world: World, here: Here) -> None:
    """Exit 0, and a sentence says why."""
    done = here(*APPLY, "--shard", "4/4")
    assert done.code == 0
    assert done.err.splitlines() == [
        "fleet: attach security-scan in 3 shards",
        "None of them for this process (--shard 4/4).",
        "",
        "Nothing to do.",
    ]
    assert world.requests == 0
    plan = here("fleet", "plan", "fleet.toml", JOB_COMPLETION_INDEX="3")
    assert plan.code == 0
    assert plan.lines[1] == "None of them for this process (JOB_COMPLETION_INDEX = 3)."


def test_two_that_disagree_are_refused(world: World, here: Here) -> None:
    """Exit 2, before anything is sent."""
    done = here(*APPLY, "--shard", "2/3", CI_NODE_INDEX="1", CI_NODE_TOTAL="3")
    assert done.code == 2
    assert "--shard 2/3 and CI_NODE_INDEX = 1 of 3 disagree about which shards are" in done.err
    assert world.requests == 0


def test_only_the_tokens_of_its_own_shards_are_needed(world: World, here: Here) -> None:
    """Another process has the other ones."""
    declare(world, f'{FLEET}token_env = "TOKEN_3"\n')
    assert here(*APPLY, "--shard", "1/3").code == 0
    assert changes(world) == {"acme-1": 3}
    assert here(*APPLY, "--shard", "3/3").code == 1


def test_a_plan_is_of_its_own_shards(here: Here) -> None:
    """As an apply with the same option would be."""
    *_, last = here("fleet", "plan", "fleet.toml", "--json", "--shard", "3/3").objects
    assert last["organizations"] == {"acme-3": "acme-3"}


def test_the_status_is_of_all_shards_everywhere(here: Here) -> None:
    """Whatever index the process has."""
    assert here(*APPLY, "--shard", "1/3").code == 0
    *_, last = here("fleet", "status", "fleet.toml", "--json", CI_NODE_INDEX="1").objects
    assert last["states"] == dict(zip(NAMES, ["done", "not begun", "not begun"], strict=True))


def test_a_process_and_the_status_say_who_is_waited_for(world: World, here: Here) -> None:
    """The canary's process was never started: exit 143 ends the waiting of the next wave's."""
    declare(world, f'{FLEET}[rollout]\nwaves = ["acme-1"]\n')
    assert "waits" not in here("fleet", "status", "fleet.toml").out
    process = world.start(*APPLY, "--shard", "2/3")
    assert process.stderr is not None
    while "Waiting" not in (said := process.stderr.readline()):
        assert said, "it ended without waiting"
    status = here("fleet", "status", "fleet.toml")
    process.send_signal(signal.SIGTERM)
    assert ended(process).code == 143
    assert said == "Waiting for wave 1 to end in other processes: acme-1 (not begun)\n"
    assert status.lines[-1] == "Wave 2 waits for wave 1: acme-1 (not begun)"
    *_, last = here("fleet", "status", "fleet.toml", "--json").objects
    assert last["waits_for"] == ["acme-1"]


def test_the_status_knows_shards_without_a_journal(world: World, here: Here) -> None:
    """With nothing to do, or failed before its journal began; and why the others don't begin."""
    declare(world, f'{FLEET}[rollout]\nwaves = ["acme-1", "acme-2"]\n')
    for workspace in WORKSPACES:
        world.simulator.attach(
            workspace, TASK, organization="acme-1", enforcement_level="mandatory"
        )
    assert here(*APPLY, "--shard", "1/3").code == 0
    world.simulator.remove_task(TASK, organization="acme-2")
    assert here(*APPLY, "--shard", "2/3").code == 2
    assert here(*APPLY, "--shard", "3/3").code == 4
    lines = here("fleet", "status", "fleet.toml").lines
    assert lines[1:3] == ["  acme-1  done: nothing to do", "  acme-2  failed"]
    assert "security-scan" in lines[3]
    assert lines[4] == "  acme-3  not begun"
    assert lines[-1].startswith("Stopped: 1 shard failed, max_failed_shards = 0 (")
    *_, last = here("fleet", "status", "fleet.toml", "--json").objects
    assert str(last["stopped"]).startswith("1 shard failed")
    assert here(*APPLY, "--shard", "3/3", "--continue").code == 0
    assert (
        here("fleet", "report", "fleet.toml").lines[-1]
        == "Total: 3 succeeded of 3 operations; 3 shards: 2 done, 1 failed (acme-2)"
    )
