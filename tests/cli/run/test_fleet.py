"""``bulkops fleet plan`` and ``apply``: three organizations at one server, a shard each."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bulkops.api.messages import Request
from bulkops.clock import Clock
from bulkops.journal.place import journals_at, place_of
from bulkops.journal.process import holder
from bulkops.simulator.state import User
from tests.cli.commands.test_apply import on_a_terminal
from tests.cli.support import (
    JOB,
    TASK,
    TOKEN,
    StagedSimulator,
    World,
    ended,
    no_secret_below,
    serving,
)
from tests.cli.terminal import held, on_terminal
from tests.conftest import Here

NAMES = ["acme-1", "acme-2", "acme-3"]
WORKSPACES = ["prod-1", "prod-2", "prod-3"]
SHARDS = "".join(f'[[shard]]\norganization = "{name}"\n' for name in NAMES)
FLEET = f'job = "job.toml"\n{SHARDS}'
CANARY = f'{FLEET}[rollout]\nwaves = ["acme-1"]\n'
APPLY = ("fleet", "apply", "fleet.toml", "--yes")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Three organizations with three workspaces each, and a fleet file with all of them."""
    with three_organizations(tmp_path) as world:
        yield world


@contextmanager
def three_organizations(tmp_path: Path) -> Iterator[World]:
    """Serve three organizations with three workspaces each; write a fleet file with them."""
    simulator = StagedSimulator(rate=0, duplicate_attach="accept")
    for name in NAMES:
        simulator.add_organization(name)
        simulator.add_task(TASK, organization=name)
        for workspace in WORKSPACES:
            simulator.add_workspace(workspace, organization=name)
    with serving(simulator) as address:
        world = World(simulator, address, tmp_path)
        world.job(('organization = "acme"\n', ""))
        declare(world, FLEET)
        yield world
    no_secret_below(tmp_path)


def declare(world: World, fleet: str) -> None:
    """Write the fleet file."""
    (world.folder / "fleet.toml").write_text(fleet, encoding="utf-8")


def changes(world: World) -> Counter[str]:
    """Return organization → number of changes that took effect there."""
    return Counter(effect.names["organization"] for effect in world.simulator.effects)


def once_each(world: World) -> bool:
    """Return whether each workspace of each organization was changed once."""
    each = Counter(
        (effect.names["organization"], effect.names["workspace"])
        for effect in world.simulator.effects
    )
    return len(each) == len(NAMES) * len(WORKSPACES) and set(each.values()) == {1}


def journal_of(world: World, shard: str) -> Path:
    """Return the path of a shard's only journal."""
    (path,) = world.folder.glob(f".bulkops/fleet/{shard}/scan/*.jsonl")
    return path


def test_a_plan_has_a_line_for_each_shard_and_totals(world: World, here: Here) -> None:
    """It changes nothing, and leaves no file."""
    done = here("fleet", "plan", "fleet.toml")
    assert (done.code, done.err) == (0, "")
    assert done.lines == [
        "fleet: attach security-scan in 3 shards",
        *(f"  {n}  3 to attach" for n in NAMES),
        "  Note (acme-1 and 2 other shards): this is every workspace of organization acme-1: one "
        "call can apply this run task to all of them and to future workspaces: POST "
        "/organizations/acme-1/task-configs",
        "",
        "Plan: 9 to attach.",
    ]
    assert world.writes == 0
    assert not (world.folder / ".bulkops").exists()


def test_a_plan_says_which_shards_are_in_which_wave(world: World, here: Here) -> None:
    """A line for each wave; JSON has all of their shards."""
    declare(world, CANARY)
    lines = here("fleet", "plan", "fleet.toml").lines
    assert lines[1:3] == ["  Wave 1: acme-1", "  Wave 2: acme-2, acme-3"]
    last = here("fleet", "plan", "fleet.toml", "--json").objects[-1]
    assert last["waves"] == [["acme-1"], ["acme-2", "acme-3"]]


def test_a_plan_as_json_names_the_shard_in_each_line(here: Here) -> None:
    """The last line has the totals of all shards."""
    *lines, last = here("fleet", "plan", "fleet.toml", "--json").objects
    assert Counter((line["type"], line["shard"]) for line in lines) == {
        **{("operation", name): 3 for name in NAMES},
        **{("plan", name): 1 for name in NAMES},
    }
    assert last["type"] == "fleet_plan"
    assert (last["operations"], last["problems"]) == (9, {})
    assert last["organizations"] == dict(zip(NAMES, NAMES, strict=True))


def test_a_plan_with_detailed_exitcode(world: World, here: Here) -> None:
    """2 if there are changes, 0 if not, 1 if a shard can't begin."""
    plan = ("fleet", "plan", "fleet.toml", "--detailed-exitcode")
    assert here(*plan).code == 2
    assert here(*APPLY).code == 0
    assert here(*plan).code == 0
    world.simulator.remove_task(TASK, organization="acme-2")
    assert here(*plan).code == 1


def test_every_shard_is_carried_out_with_a_journal_of_its_own(world: World, here: Here) -> None:
    """Each workspace is changed once; again, there is nothing to do, and nothing is asked."""
    done = here(*APPLY)
    assert done.code == 0
    assert once_each(world)
    assert [line for line in done.lines if "done" in line] == [
        f"  {name}  done: 3 succeeded of 3 operations" for name in NAMES
    ]
    assert done.lines[-1] == "Total: 9 succeeded of 9 operations"
    assert {journal_of(world, name).suffix for name in NAMES} == {".jsonl"}
    again = here("fleet", "apply", "fleet.toml")
    assert (again.code, again.err.splitlines()[-1]) == (0, "Nothing to do.")
    assert "  acme-2  nothing to do; 3 skipped" in again.err
    *reports, last = here(*APPLY, "--json").objects
    assert [one["shard"] for one in reports if one["type"] == "report"] == NAMES
    assert last["counts"] == {"succeeded": 9}
    assert world.writes == 9


def test_an_apply_as_json(here: Here) -> None:
    """Results and reports have their shard; the last line has the totals and the exit code."""
    *lines, last = here(*APPLY, "--json").objects
    results = [line for line in lines if line["type"] == "result"]
    assert Counter(line["shard"] for line in results) == dict.fromkeys(NAMES, 3)
    assert [line["shard"] for line in lines if line["type"] == "report"] == NAMES
    assert last == {
        "type": "fleet_report",
        "fleet": "fleet",
        "counts": {"succeeded": 9},
        "states": dict.fromkeys(NAMES, "done"),
        "problems": {},
        "stopped": "",
        "exit_code": 0,
    }


def test_without_a_terminal_the_question_must_be_answered(world: World, here: Here) -> None:
    """Exit 2, and nothing is changed."""
    done = here("fleet", "apply", "fleet.toml")
    assert done.code == 2
    assert "there is no terminal to ask on. Add --yes" in done.err
    assert world.writes == 0


def test_the_organizations_are_found_by_their_names(world: World, here: Here) -> None:
    """Those that match and that the token sees are the shards."""
    declare(world, 'job = "job.toml"\norganizations = ["acme-[12]"]\n')
    assert here(*APPLY).code == 0
    assert changes(world) == {"acme-1": 3, "acme-2": 3}


def test_a_wave_begins_after_the_one_before_it_has_ended(world: World, here: Here) -> None:
    """The canary's changes come first."""
    declare(world, CANARY)
    assert here(*APPLY).code == 0
    order = [effect.names["organization"] for effect in world.simulator.effects]
    assert order[:3] == ["acme-1"] * 3
    assert once_each(world)


def test_an_organization_without_the_run_task_fails_its_shard(world: World, here: Here) -> None:
    """The others of its wave are carried out; the exit code is 2, as of its own apply."""
    world.simulator.remove_task(TASK, organization="acme-2")
    done = here(*APPLY)
    assert done.code == 2
    assert changes(world) == {"acme-1": 3, "acme-3": 3}
    assert "acme-2  failed\n" in done.out
    assert "\n    job.toml: operation.task = " in done.out
    assert "or this token can't see it" in done.out
    again = here(*APPLY)
    assert (again.code, world.writes) == (2, 6)
    fix = "Fix what the line of acme-2 says, then run the same command again.\n"
    assert again.err.endswith(f"Nothing was changed. 1 shard can't begin.\n{fix}")
    assert done.err.endswith(fix)
    assert done.lines[-1] == (
        "Total: 6 succeeded of 6 operations; 3 shards: 2 done, 1 failed (acme-2)"
    )


def test_after_a_failed_shard_no_other_wave_begins(world: World, here: Here) -> None:
    """Until ``--continue`` is given: from then on, that shard no longer counts."""
    declare(world, CANARY)
    world.simulator.remove_task(TASK, organization="acme-1")
    done = here(*APPLY)
    assert done.code == 2
    assert world.writes == 0
    assert "Stopped: 1 shard failed, max_failed_shards = 0 (" in done.err
    left = "2 shards did not begin. The same command with --continue begins what is left."
    assert left in done.err
    again = here(*APPLY)
    assert left in again.err
    assert again.code == 2
    assert re.search(r"\(\.bulkops/fleet/stop-[0-9a-f]{12}\.json, by ", again.err)
    assert world.writes == 0
    done = here(*APPLY, "--continue")
    assert done.code == 2
    assert "Stopped" not in done.err
    assert changes(world) == {"acme-2": 3, "acme-3": 3}


def test_a_rehearsal_neither_stops_nor_opens_waves_elsewhere(
    world: World, here: Here, tmp_path: Path
) -> None:
    """Two servers share the folder: each has its own rollout and stop, which the other keeps."""
    declare(world, CANARY)
    world.simulator.remove_task(TASK, organization="acme-1")
    assert here(*APPLY).code == 2
    (tmp_path / "production").mkdir()
    with three_organizations(tmp_path / "production") as production:
        there = partial(here, TFE_ADDRESS=production.address)
        assert there("fleet", "status", "fleet.toml").out.count("  not begun\n") == 3
        assert there(*APPLY).code == 0
        assert sum(changes(production).values()) == 9
    assert "\nStopped: 1 shard failed" in here("fleet", "status", "fleet.toml").out
    assert here(*APPLY).code == 2
    assert world.writes == 0


def test_a_failed_shard_that_is_tolerated_does_not_stop_the_fleet(world: World, here: Here) -> None:
    """The next wave begins; the exit code is that of the failed shard."""
    declare(world, f"{CANARY}max_failed_shards = 1\n")
    world.simulator.remove_task(TASK, organization="acme-1")
    assert here(*APPLY).code == 2
    assert changes(world) == {"acme-2": 3, "acme-3": 3}


def allow(world: World, *, but: User | None = None) -> None:
    """Give the token all rights; in acme-2, only those of ``but``."""
    rights = {name: User(name="ann") for name in NAMES} | ({"acme-2": but} if but else {})
    world.simulator.tokens = {TOKEN: User(name="ann", organizations=rights)}


def test_an_organization_without_the_right_fails_its_shard(world: World, here: Here) -> None:
    """It says which right, where and whose; the exit code is 3, as of its own apply."""
    allow(world, but=User.read_only("ann"))
    lacking = (
        "    the token in TFE_TOKEN lacks the permission can-manage-run-tasks on every selected "
        "workspace of acme-2. Grant it to the token's team, or use another token there"
    )
    plan = here("fleet", "plan", "fleet.toml")
    assert plan.code == 3
    assert lacking.strip() in plan.out
    done = here(*APPLY)
    assert done.code == 3
    assert changes(world) == {"acme-1": 3, "acme-3": 3}
    assert f"acme-2  failed\n{lacking}\n" in done.out
    assert f"acme-2  failed\n{lacking}\n" in here("fleet", "status", "fleet.toml").out
    allow(world)
    assert here(*APPLY).code == 0
    assert once_each(world)


def test_a_canary_without_the_right_stops_the_fleet(world: World, here: Here) -> None:
    """It counts in ``max_failed_shards``: exit 4, until ``--continue`` is given."""
    declare(world, CANARY.replace('acme-1"]', 'acme-2"]'))
    allow(world, but=User.read_only("ann"))
    assert here(*APPLY).code == 4
    assert world.writes == 0
    assert here(*APPLY, "--continue").code == 3
    assert changes(world) == {"acme-1": 3, "acme-3": 3}


def test_a_shard_of_which_a_part_is_blocked_is_done(world: World, here: Here) -> None:
    """As for a single job: what is possible is done, and the rest is listed; exit 3, again, too."""
    allow(world, but=User(name="ann", manage_workspace_run_tasks={"prod-1"}))
    declare(world, CANARY.replace('acme-1"]', 'acme-2"]'))
    for _ in range(2):
        assert here(*APPLY).code == 3
        assert changes(world) == {"acme-1": 3, "acme-2": 1, "acme-3": 3}


def test_what_is_blocked_stays_known_though_there_is_no_journal(world: World, here: Here) -> None:
    """Nothing else was to do: every report counts it, and exits with 3 as ``apply`` did."""
    for name in ("prod-1", "prod-2"):
        world.simulator.attach(name, TASK, organization="acme-2", enforcement_level="mandatory")
    allow(world, but=User(name="ann", manage_workspace_run_tasks={"prod-1"}))
    assert here(*APPLY).code == 3
    line = "  acme-2  done: nothing to do; 1 blocked"
    assert line in here("fleet", "status", "fleet.toml").lines
    report = ("fleet", "report", "fleet.toml", "--format")
    _, shard, _ = msgspec.json.decode(here(*report, "json").out)["shards"]
    assert (shard["blocked"], shard["exit_code"]) == (1, 3)
    assert 'type="blocked" message="nothing to do; 1 blocked"' in here(*report, "junit").out
    assert "nothing to do; 1 blocked" in here(*report, "markdown").out
    assert "Partly done" in here(*report, "html").out
    watched = here("fleet", "watch", "fleet.toml")
    assert (watched.code, line in watched.lines) == (3, True)


def test_a_shard_that_is_held_is_left_to_its_process(world: World, here: Here) -> None:
    """The others are carried out, and the exit code is 11; free again, it is carried out."""
    journals = journals_at(".bulkops/fleet/acme-2").of_job("scan", "")
    with journals.locked(holder(Clock())):
        done = here(*APPLY)
    assert done.code == 11
    assert changes(world) == {"acme-1": 3, "acme-3": 3}
    assert "acme-2  running" in done.out
    assert here(*APPLY).code == 0
    assert once_each(world)


def test_a_held_shard_keeps_the_next_wave_from_beginning(world: World, here: Here) -> None:
    """Nobody knows how it ends."""
    declare(world, CANARY)
    assert world.kill(signal.SIGKILL, write=1, stage="after", arguments=APPLY).code == -9
    with place_of(journal_of(world, "acme-1")).locked(holder(Clock())):
        done = here(*APPLY)
    assert done.code == 11
    assert "A shard is running in another process; 2 shards did not begin." in done.err
    assert set(changes(world)) == {"acme-1"}


@pytest.mark.parametrize("stage", ["before", "after"])
def test_a_killed_fleet_is_resumed_by_the_same_command(
    world: World, here: Here, stage: str
) -> None:
    """Each workspace is changed once, whichever shard the kill hit."""
    declare(world, CANARY)
    assert world.kill(signal.SIGKILL, write=5, stage=stage, arguments=APPLY).code == -9
    done = here(*APPLY)
    assert done.code == 0
    assert done.lines[-1] == "Total: 9 succeeded of 9 operations"
    assert once_each(world)


@pytest.mark.long
@pytest.mark.parametrize("write", range(1, 10))
def test_a_fleet_killed_at_any_change_is_resumed(world: World, here: Here, write: int) -> None:
    """Killed before each change and after it, three times in a row."""
    kills = ((write, "before"), (1, "after"), (1, "before"))
    for number, stage in kills:
        if world.writes + number <= 9:
            world.kill(signal.SIGKILL, write=number, stage=stage, arguments=APPLY)
    assert here(*APPLY).code == 0
    assert once_each(world)


def test_no_advice_names_what_a_fleet_has_not(world: World, here: Here) -> None:
    """Neither ``--journal`` nor ``--address``: in any error."""
    folder = world.folder / ".bulkops/fleet/acme-3"
    folder.parent.mkdir(parents=True)
    folder.touch()
    applied = here(*APPLY)
    assert "can't be created" in applied.out
    folder.unlink()
    journal = journal_of(world, "acme-1")
    journal.with_name(f"{journal.name}.lock").write_text("mine", encoding="utf-8")
    other = journal_of(world, "acme-2").with_suffix(".undo.jsonl")
    other.write_text("hello\n", encoding="utf-8")
    undone = here("fleet", "undo", "fleet.toml", "--yes")
    assert "is not a lock file of bulkops" in undone.out
    assert f"{other.name}: is not a bulkops journal" in undone.out
    servers = here("fleet", "status", "fleet.toml", TFE_HOSTNAME="tfe.example")
    assert "name different servers" in servers.err
    for done in (applied, undone, servers):
        assert done.code
        assert not {"--journal", "--address"} & {*re.findall(r"--[a-z-]+", done.out + done.err)}


def test_a_signal_drains_all_shards(world: World, here: Here) -> None:
    """What is in flight is finished: nothing is in doubt, and the same command resumes."""
    done = world.kill(signal.SIGTERM, write=2, stage="before", arguments=(*APPLY, "--json"))
    assert done.code == 143
    last = done.objects[-1]
    assert last["exit_code"] == 143
    counts = last["counts"]
    assert isinstance(counts, dict)
    assert "in_doubt" not in counts
    assert here(*APPLY).code == 0
    assert once_each(world)


def test_a_paused_shard_waits_for_continue(world: World, here: Here) -> None:
    """Exit 6; with ``--continue`` every shard continues past its pause."""
    pause = '[rollout]\nwaves = ["1", "100%"]\npause = "manual"\n\n[pace]'
    world.job(('organization = "acme"\n', ""), ("[pace]", pause))
    assert here(*APPLY).code == 6
    assert changes(world) == dict.fromkeys(NAMES, 1)
    done = here("fleet", "apply", "fleet.toml")
    assert done.code == 6
    assert "  acme-2  paused: --continue continues past the pause" in done.err
    assert changes(world) == dict.fromkeys(NAMES, 1)
    assert here(*APPLY, "--continue").code == 0
    assert once_each(world)


def test_a_destructive_job_is_confirmed_by_its_run_task(world: World, here: Here) -> None:
    """``--yes`` is not enough; ``--confirm`` with its name is."""
    assert here(*APPLY).code == 0
    detach = JOB.partition("[operation]")[0].replace('organization = "acme"\n', "")
    text = f'{detach}[operation]\nkind = "detach"\ntask = "{TASK}"\n\n[select]\nall = true\n'
    (world.folder / "job.toml").write_text(text, encoding="utf-8")
    done = here(*APPLY)
    assert done.code == 2
    assert "--yes is not enough for detach. Add --confirm security-scan" in done.err
    assert world.writes == 9
    assert here("fleet", "apply", "fleet.toml", "--confirm", TASK).code == 0
    assert world.writes == 18


def test_a_missing_token_is_found_before_anything_is_sent(world: World, here: Here) -> None:
    """The message names the shard and the variable."""
    declare(world, f'{FLEET}token_env = "TOKEN_3"\n')
    done = here(*APPLY)
    assert done.code == 1
    assert "(acme-3): token_env = TOKEN_3: this environment variable is not set" in done.err
    assert world.requests == 0


def test_the_missing_tokens_of_all_shards_are_reported_at_once(world: World, here: Here) -> None:
    """A line for each shard, at most ten; nothing is sent."""
    shards = (
        f'[[shard]]\norganization = "acme-{n}"\ntoken_env = "TOKEN_{n}"\n' for n in range(1, 13)
    )
    declare(world, f'job = "job.toml"\n{"".join(shards)}')
    for command in (APPLY, ("fleet", "verify", "fleet.toml")):
        done = here(*command)
        assert done.code == 1
        lines = done.err.splitlines()
        assert [line.count("this environment variable is not set") for line in lines[:10]] == [
            1
        ] * 10
        assert lines[10:] == ["and 2 more"]
    assert world.requests == 0


def test_the_missing_organizations_of_all_shards_are_reported_at_once(
    world: World, here: Here
) -> None:
    """Exit 2, as for one."""
    declare(world, 'job = "job.toml"\n[[shard]]\nname = "a"\n[[shard]]\nname = "b"\n')
    done = here(*APPLY)
    assert done.code == 2
    assert ["(a)" in line for line in done.err.splitlines()] == [True, False]
    assert "(b)" in done.err


def test_the_status_is_read_from_the_journals_alone(world: World, here: Here) -> None:
    """A line for each shard, and totals; no request, no token."""
    declare(world, CANARY)
    assert world.kill(signal.SIGKILL, write=3, stage="before", arguments=APPLY).code == -9
    requests = world.requests
    done = here("fleet", "status", "fleet.toml", TFE_TOKEN="")
    assert (done.code, done.err, world.requests) == (0, "", requests)
    head, first, *rest = done.lines
    assert head == "fleet: attach security-scan in 3 shards, in 2 waves"
    assert first.startswith("  acme-1  interrupted: ")
    assert rest[:2] == ["  acme-2  not begun", "  acme-3  not begun"]
    assert rest[-2].endswith("of 3 operations; 3 shards: 1 interrupted, 2 not begun")
    assert rest[-1] == "Wave 2 waits for wave 1: acme-1 (interrupted)"
    assert here(*APPLY).code == 0
    *lines, last = here("fleet", "status", "fleet.toml", "--json").objects
    assert [(line["type"], line["shard"]) for line in lines] == [("status", n) for n in NAMES]
    assert (last["type"], last["counts"]) == ("fleet_status", {"succeeded": 9})
    assert last["exit_code"] == 0
    assert last["states"] == dict.fromkeys(NAMES, "done")


def test_the_status_of_found_organizations_shows_all_that_were_found(
    world: World, here: Here
) -> None:
    """The record of the rollout names them, whether or not they have journals."""
    found = 'organizations = ["acme-[12]"]\n[rollout]\nwaves = ["acme-1"]\n'
    declare(world, f'job = "job.toml"\n{found}')
    world.simulator.remove_task(TASK, organization="acme-1")
    assert here(*APPLY).code == 2
    requests = world.requests
    for command in ("status", "report"):
        done = here("fleet", command, "fleet.toml")
        assert done.lines[0].endswith("in 2 shards, in 2 waves")
        assert "  acme-1  failed" in done.lines
        assert "  acme-2  not begun" in done.lines
    assert world.requests == requests


def test_journals_of_another_address_are_named(world: World, here: Here) -> None:
    """The status and the report of a shell without TFE_ADDRESS say what to set."""
    assert here(*APPLY).code == 0
    hint = (
        f"3 shards have journals for {world.address}, which are not shown here. If they are meant"
    )
    for command in ("status", "report"):
        done = here("fleet", command, "fleet.toml", TFE_ADDRESS="https://tfe.example.com")
        assert hint in done.err
        assert done.err.endswith(f"set TFE_ADDRESS to {world.address}\n")
    assert here("fleet", "status", "fleet.toml").err == ""


def test_a_report_has_counts_over_all_shards(here: Here) -> None:
    """Each row of the JSON and of the CSV names its shard."""
    assert here(*APPLY).code == 0
    document = msgspec.json.decode(here("fleet", "report", "fleet.toml", "--format", "json").out)
    assert document["counts"] == {"succeeded": 9}
    assert [shard["shard"] for shard in document["shards"]] == NAMES
    assert Counter(row["shard"] for row in document["rows"]) == dict.fromkeys(NAMES, 3)
    failed = here("fleet", "report", "fleet.toml", "--format", "json", "--only", "failed").out
    assert msgspec.json.decode(failed)["rows"] == []
    lines = here("fleet", "report", "fleet.toml", "--format", "csv").lines
    assert lines[0].startswith('"shard","workspace","workspace_id",')
    assert Counter(line.partition(",")[0].strip('"') for line in lines[1:]) == dict.fromkeys(
        NAMES, 3
    )
    text = here("fleet", "report", "fleet.toml").lines
    assert text[-1] == "Total: 9 succeeded of 9 operations"


@pytest.mark.parametrize(
    ("output_format", "start", "part"),
    [
        (
            "markdown",
            "## `fleet`: attach `security-scan` in 3 shards\n",
            "| `acme-2` | `acme-2` | done",
        ),
        ("junit", "<?xml ", '<testsuite name="acme-2" tests="3"'),
        ("html", "<!doctype html>", '<h2 id="shard-acme-2"'),
    ],
)
def test_every_format_has_a_section_for_the_shard(
    world: World, here: Here, output_format: str, start: str, part: str
) -> None:
    """It is written from the journals alone: no request, no token."""
    assert here(*APPLY).code == 0
    requests = world.requests
    report = ("fleet", "report", "fleet.toml", "--format", output_format)
    done = here(*report, "--output", "report", TFE_TOKEN="")
    assert (done.code, done.out, done.err, world.requests) == (0, "", "", requests)
    text = (world.folder / "report").read_text(encoding="utf-8")
    assert text.startswith(start)
    assert part in text
    failed = here(*report, "--only", "failed").out
    assert failed.startswith(start)
    assert ("prod-1" in text, "prod-1" in failed) == (output_format != "markdown", False)


def test_a_damaged_journal_is_the_shards_own_problem(world: World, here: Here) -> None:
    """The others are reported; ``apply`` carries the others out and exits with 12."""
    assert here(*APPLY).code == 0
    journal = journal_of(world, "acme-2")
    text = journal.read_bytes()
    journal.write_bytes(text[:200] + b"?" + text[201:])
    done = here("fleet", "report", "fleet.toml")
    assert done.code == 0
    assert "acme-2  failed\n" in done.out
    assert "Total: 6 succeeded of 6 operations" in done.out
    assert here(*APPLY).code == 12


def test_a_plan_that_contradicts_an_unfinished_job_is_refused(world: World, here: Here) -> None:
    """Of that shard alone, unless ``--despite-unfinished`` is given."""
    assert world.kill(signal.SIGKILL, write=5, stage="before", arguments=APPLY).code == -9
    detach = JOB.partition("[operation]")[0].replace('organization = "acme"\n', "")
    text = f'{detach}[operation]\nkind = "detach"\ntask = "{TASK}"\n\n[select]\nall = true\n'
    (world.folder / "other.toml").write_text(text, encoding="utf-8")
    (world.folder / "back.toml").write_text(FLEET.replace("job.toml", "other.toml"))
    done = here("fleet", "apply", "back.toml", "--confirm", TASK)
    assert done.code == 2
    assert "nothing was changed: this plan contradicts .bulkops/fleet/acme-" in done.err
    assert here("fleet", "apply", "back.toml", "--confirm", TASK, "--despite-unfinished").code == 0


def test_a_terminal_has_a_line_for_each_shard(world: World) -> None:
    """In the end only the report is left, and the cursor is back."""
    with held(world, 4) as let_go, on_terminal(world, *APPLY) as terminal:
        terminal.until("in flight")
        terminal.until("acme-3  ")
        let_go.set()
        assert terminal.ended() == 0
        assert "━" not in terminal.text
        assert "  acme-2  done: 3 succeeded of 3 operations\n" in terminal.text
        assert "Total: 9 succeeded of 9 operations" in terminal.text
        assert terminal.cursor_is_there


@pytest.mark.parametrize(("answer", "code", "changed"), [(b"yes\n", 0, 9), (b"no\n", 1, 0)])
def test_one_question_is_about_all_organizations(
    world: World, answer: bytes, code: int, changed: int
) -> None:
    """It names the number of operations and organizations, and the address."""
    exited, screen = on_a_terminal(world, answer, "fleet", "apply", "fleet.toml")
    assert exited == code
    assert f"Apply 9 operations in 3 organizations ({world.address})? Only 'yes' is" in screen
    assert world.writes == changed


def test_the_question_names_only_what_it_changes(world: World) -> None:
    """A shard without operations, or that can't begin, is not one of its organizations."""
    for name in WORKSPACES:
        world.simulator.attach(name, TASK, organization="acme-1", enforcement_level="mandatory")
    world.simulator.remove_task(TASK, organization="acme-2")
    _, screen = on_a_terminal(world, b"no\n", "fleet", "apply", "fleet.toml")
    assert "Plan: 3 to attach; 3 skipped; 1 shard can't begin." in screen
    assert "Apply 3 operations in 1 organization (" in screen


def test_a_failed_operation_counts_in_the_fleets_tolerance(world: World, here: Here) -> None:
    """One more than ``max_failures``: exit 4, and no further wave begins."""
    declare(world, f"{CANARY}max_failures = 0\n")
    world.job(
        ('organization = "acme"\n', ""), ("[pace]", '[rollout]\nmax_failures = "100%"\n\n[pace]')
    )

    def interfere(request: Request) -> None:
        if request.writes:
            world.simulator.before = None
            for name in WORKSPACES[1:]:
                world.simulator.attach(name, TASK, organization="acme-1", stages=("pre_plan",))

    world.simulator.before = interfere
    world.simulator.duplicate_attach = "reject"
    done = here(*APPLY)
    assert done.code == 4, done
    assert "Stopped: 2 of 3 operations failed, max_failures = 0 (" in done.err
    assert set(changes(world)) == {"acme-1"}
    assert here(*APPLY).code == 4
    world.simulator.duplicate_attach = "accept"
    assert here(*APPLY, "--continue").code == 0
    assert changes(world)["acme-2"] == changes(world)["acme-3"] == 3


def test_a_signal_ends_the_waiting_for_a_held_shard(world: World, here: Here) -> None:
    """The others are carried out meanwhile; nothing of it is begun, and the exit code is 143."""
    journals = journals_at(str(world.folder / ".bulkops/fleet/acme-2")).of_job("scan", "")
    with journals.locked(holder(Clock())):
        process = world.start(*APPLY, "--wait")
        assert process.stderr is not None
        said = ""
        while "Waiting" not in said or said.count(": done: ") < 2:
            said += process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        done = ended(process)
    assert "acme-2: " in said.partition("Waiting until it ends")[0].splitlines()[-1]
    assert done.code == 143
    assert changes(world) == {"acme-1": 3, "acme-3": 3}
    assert here(*APPLY).code == 0
    assert once_each(world)


def test_a_held_shard_is_waited_for(world: World) -> None:
    """With ``--wait``, it is carried out as soon as it is free."""
    journals = journals_at(str(world.folder / ".bulkops/fleet/acme-2")).of_job("scan", "")
    with journals.locked(holder(Clock())):
        process = world.start(*APPLY, "--wait")
        assert process.stderr is not None
        while "Waiting" not in process.stderr.readline():
            pass
    assert ended(process).code == 0
    assert once_each(world)


def test_the_metrics_of_all_shards_are_in_one_file(world: World, here: Here) -> None:
    """Each has the label of its shard and the names of a single job's; the rest is the same."""
    declare(world, CANARY)
    world.simulator.remove_task(TASK, organization="acme-1")
    apply = (*APPLY, "--metrics-file", "fleet.prom")
    assert here(*apply).code == 2
    samples = metrics(world)
    assert samples["bulkops_exit_code", "acme-1"] == 2
    assert ("bulkops_exit_code", "acme-2") not in samples
    world.simulator.add_task(TASK, organization="acme-1")
    assert here(*apply, "--continue").code == 0
    samples = metrics(world)
    for name in NAMES:
        assert samples["bulkops_exit_code", name] == 0
        assert samples["bulkops_operations", name] == 3
        assert samples["bulkops_requests_total", name] >= 3
        assert samples["bulkops_execution_end_time_seconds", name] > 1.7e9
    assert not list(world.folder.glob(".fleet.prom*"))


def metrics(world: World) -> dict[tuple[str, str], float]:
    """Return (name, shard) → value of the fleet's metrics; of the outcomes, what succeeded."""
    text = (world.folder / "fleet.prom").read_text(encoding="utf-8")
    assert text.count("# TYPE bulkops_info gauge") == 1
    return {
        (sample.name, sample.labels["shard"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("outcome", "succeeded") == "succeeded"
    }


def test_the_metrics_are_written_while_the_shards_run(world: World) -> None:
    """A killed command leaves those of its last look, without an exit code."""
    apply = (*APPLY, "--metrics-file", "fleet.prom")
    assert world.kill(signal.SIGKILL, write=2, stage="after", arguments=apply).code == -9
    samples = metrics(world)
    assert {shard for _, shard in samples} == set(NAMES)
    assert not any(name == "bulkops_exit_code" for name, _ in samples)


def test_the_log_has_the_requests_of_all_shards(world: World, here: Here) -> None:
    """As for ``apply``: one line each, without a token."""
    assert here("--log-file", "fleet.log", *APPLY).code == 0
    log = (world.folder / "fleet.log").read_text(encoding="utf-8")
    assert all(f"/organizations/{name}/" in log for name in NAMES)
    assert TOKEN not in log
