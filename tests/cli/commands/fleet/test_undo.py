"""``bulkops fleet undo``: three organizations at one server, a shard each."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from bulkops.clock import Clock
from bulkops.journal.place import place_of
from bulkops.journal.process import holder
from bulkops.simulator.state import User
from tests.cli.commands.test_apply import on_a_terminal
from tests.cli.run.test_fleet import APPLY, CANARY, NAMES, WORKSPACES, declare
from tests.cli.support import JOB, TASK, TOKEN, World, ended
from tests.cli.terminal import held
from tests.conftest import Here

UNDO = ("fleet", "undo", "fleet.toml", "--yes")
RETAINED = "  {0}  undone already: 3 succeeded of 3 operations"


def journals_of(world: World, shard: str) -> tuple[Path, Path]:
    """Return the path of a shard's only journal, and of its undo's."""
    folder = world.folder / ".bulkops" / "fleet" / shard / "scan"
    (journal,) = (path for path in folder.glob("*.jsonl") if ".undo" not in path.name)
    return journal, journal.with_suffix(".undo.jsonl")


def effects(world: World) -> dict[str, list[str]]:
    """Return ``organization/workspace`` → the methods of its changes, in order."""
    found = dict[str, list[str]]()
    for effect in world.simulator.effects:
        names = effect.names
        found.setdefault(f"{names['organization']}/{names['workspace']}", []).append(effect.method)
    return found


def undone_once(world: World, *shards: str) -> bool:
    """Return whether each workspace of these organizations was attached once and detached once."""
    expected = {f"{shard}/{name}" for shard in shards or NAMES for name in WORKSPACES}
    found = effects(world)
    return all(found.get(place) == ["POST", "DELETE"] for place in expected)


@pytest.fixture
def applied(world: World, here: Here) -> World:
    """The fleet's job was applied in all three organizations."""
    assert here(*APPLY).code == 0
    assert world.writes == 9
    return world


def test_every_shard_is_undone_with_a_journal_beside_its_own(applied: World, here: Here) -> None:
    """Each change is undone once; again, there is nothing to undo, and nothing is asked."""
    done = here(*UNDO)
    assert done.code == 0
    assert undone_once(applied)
    assert (
        done.lines[-5:]
        == [
            "fleet: undo of attach security-scan in 3 shards",
            *(f"  {name}  done: 3 succeeded of 3 operations" for name in NAMES),
            "",
            "Total: 9 succeeded of 9 operations",
        ][-5:]
    )
    assert all(journals_of(applied, name)[1].exists() for name in NAMES)
    requests = applied.requests
    again = here("fleet", "undo", "fleet.toml")
    assert (again.code, again.err.splitlines()[-1]) == (0, "Nothing to undo.")
    assert [line for line in again.err.splitlines() if "already" in line] == [
        RETAINED.format(name) for name in NAMES
    ]
    assert (applied.writes, applied.requests) == (18, requests)


def test_an_undo_as_json(applied: World, here: Here) -> None:
    """Results and reports have their shard; the reports name what they undo."""
    *lines, last = here(*UNDO, "--json").objects
    results = [line for line in lines if line["type"] == "result"]
    assert Counter(line["shard"] for line in results) == dict.fromkeys(NAMES, 3)
    reports = [line for line in lines if line["type"] == "report"]
    assert [line["shard"] for line in reports] == NAMES
    assert all(line["undo_of"] for line in reports)
    assert last["counts"] == {"succeeded": 9}
    assert last["exit_code"] == 0
    assert undone_once(applied)


@pytest.mark.parametrize(("answer", "code", "changed"), [(b"yes\n", 0, 18), (b"no\n", 1, 9)])
def test_one_question_is_about_all_organizations(
    applied: World, answer: bytes, code: int, changed: int
) -> None:
    """It names the number of operations, and of the organizations that have any."""
    journals_of(applied, "acme-3")[0].rename(applied.folder / "elsewhere.jsonl")
    exited, screen = on_a_terminal(applied, answer, "fleet", "undo", "fleet.toml")
    assert exited == code
    assert f"Undo 6 operations in 2 organizations ({applied.address})? Only 'yes' is" in screen
    assert applied.writes == (15 if changed == 18 else 9)


def test_without_a_terminal_the_question_must_be_answered(applied: World, here: Here) -> None:
    """Exit 2, and nothing is changed."""
    done = here("fleet", "undo", "fleet.toml")
    assert done.code == 2
    assert "there is no terminal to ask on. Add --yes" in done.err
    assert applied.writes == 9


def test_a_fleet_without_any_journal_is_an_error(world: World, here: Here) -> None:
    """Perhaps its journals are elsewhere: exit 2."""
    done = here(*UNDO)
    assert done.code == 2
    assert "fleet.toml: no shard has a journal of this job in .bulkops/fleet" in done.err
    assert world.writes == 0


def test_a_rollout_that_was_killed_is_undone_as_far_as_it_came(world: World, here: Here) -> None:
    """A change in doubt is undone, too; shards that had not begun have nothing to undo."""
    declare(world, CANARY)
    assert world.kill(signal.SIGKILL, write=2, stage="after", arguments=APPLY).code == -9
    done = here(*UNDO)
    assert done.code == 0
    assert "  acme-2  done: nothing to undo (no journal)" in done.lines
    assert all(methods == ["POST", "DELETE"] for methods in effects(world).values())


def test_shards_are_undone_without_waves_whatever_fails(world: World, here: Here) -> None:
    """The canary can't be undone: the others are, and the exit code is the canary's."""
    declare(world, CANARY)
    assert here(*APPLY).code == 0
    journal, _ = journals_of(world, "acme-1")
    text = journal.read_bytes()
    journal.write_bytes(text[:200] + b"?" + text[201:])
    done = here(*UNDO)
    assert done.code == 12
    assert undone_once(world, "acme-2", "acme-3")
    assert effects(world)["acme-1/prod-1"] == ["POST"]


def test_an_undo_that_its_tolerance_stopped_does_not_stop_the_others(
    world: World, here: Here
) -> None:
    """It needs ``--continue``; the others are undone without it: exit 4."""
    world.job(('organization = "acme"\n', ""), ("[pace]", "[rollout]\nmax_failures = 0\n\n[pace]"))
    assert here(*APPLY).code == 0
    world.simulator.tokens = {TOKEN: User.read_only("ann")}
    journal = str(journals_of(world, "acme-1")[0])
    assert here("undo", journal, "--yes").code == 4
    world.simulator.tokens = {TOKEN: User(name="ann")}
    done = here(*UNDO)
    assert done.code == 4
    assert "--continue continues past it" in done.err
    assert undone_once(world, "acme-2", "acme-3")
    assert here(*UNDO, "--continue", "--retry-failed").code == 0
    assert undone_once(world)


def test_what_was_changed_since_is_left_alone(applied: World, here: Here) -> None:
    """It is listed: exit 3, as often as the command is run."""
    applied.simulator.detach("prod-2", TASK, organization="acme-2")
    applied.simulator.attach("prod-2", TASK, organization="acme-2", stages=("pre_plan",))
    done = here(*UNDO)
    assert done.code == 3
    assert "changed outside this job" in done.err
    assert undone_once(applied, "acme-1", "acme-3")
    assert here(*UNDO).code == 3
    assert applied.simulator.attachments("prod-2", TASK, organization="acme-2")


@pytest.mark.parametrize("stage", ["before", "after"])
def test_a_killed_undo_is_resumed_by_the_same_command(
    applied: World, here: Here, stage: str
) -> None:
    """Each change is undone once, whichever shard the kill hit."""
    assert applied.kill(signal.SIGKILL, write=5, stage=stage, arguments=UNDO).code == -9
    assert here(*UNDO).code == 0
    assert undone_once(applied)
    assert here("fleet", "undo", "fleet.toml").err.endswith("\n\nNothing to undo.\n")


@pytest.mark.long
@pytest.mark.parametrize("write", range(1, 10))
def test_an_undo_killed_at_any_change_is_resumed(applied: World, here: Here, write: int) -> None:
    """Killed before each change and after it, three times in a row."""
    kills = ((write, "before"), (1, "after"), (1, "before"))
    for number, stage in kills:
        if applied.writes + number <= 18:
            applied.kill(signal.SIGKILL, write=number, stage=stage, arguments=UNDO)
    assert here(*UNDO).code == 0
    assert undone_once(applied)


def test_a_signal_drains_all_shards(applied: World, here: Here) -> None:
    """What is in flight is finished: nothing is in doubt, and the same command resumes."""
    arguments = (*UNDO, "--json")
    done = applied.kill(signal.SIGTERM, write=2, stage="before", arguments=arguments)
    assert done.code == 143
    counts = done.objects[-1]["counts"]
    assert isinstance(counts, dict)
    assert "in_doubt" not in counts
    assert here(*UNDO).code == 0
    assert undone_once(applied)


def test_only_a_verification_that_is_left_is_not_asked_about(applied: World, here: Here) -> None:
    """Killed after its last change, an undo is verified and ended, without ``--yes``."""
    assert here(*UNDO).code == 0
    for name in NAMES:
        path = journals_of(applied, name)[1]
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    done = here("fleet", "undo", "fleet.toml")
    assert done.code == 0
    assert "  acme-2  resumed: checked for drift" in done.err.splitlines()
    assert applied.writes == 18
    assert "Nothing to undo." in here("fleet", "undo", "fleet.toml").err


@pytest.mark.parametrize("number", [0, 1])
def test_a_held_shard_is_left_to_its_process(applied: World, here: Here, number: int) -> None:
    """Whether its journal or its undo's is: the others are undone, and the exit code is 11."""
    assert applied.kill(signal.SIGKILL, write=4, stage="before", arguments=UNDO).code == -9
    with place_of(journals_of(applied, "acme-2")[number]).locked(holder(Clock())):
        done = here(*UNDO)
    assert done.code == 11
    assert "acme-2  running" in done.out
    assert done.err.splitlines()[-1] == "A shard is running in another process."
    assert undone_once(applied, "acme-1", "acme-3")
    assert here(*UNDO).code == 0
    assert undone_once(applied)


def test_a_held_shard_is_waited_for(applied: World) -> None:
    """With ``--wait``, it is planned and undone as soon as it is free."""
    with place_of(journals_of(applied, "acme-2")[0]).locked(holder(Clock())):
        process = applied.start(*UNDO, "--wait")
        assert process.stderr is not None
        while "Waiting" not in process.stderr.readline():
            pass
        assert applied.writes == 9
    assert ended(process).code == 0
    assert undone_once(applied)


def test_a_job_that_was_resumed_since_the_question_is_not_undone(
    world: World, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it did meanwhile is not in the plan; the other shards are undone."""
    world.job(('organization = "acme"\n', ""), ("[pace]", "[pace]\nmax_at_once = 1"))
    assert world.kill(signal.SIGKILL, write=4, stage="before", arguments=APPLY).code == -9
    before = effects(world)
    shard = next(
        name for name in NAMES if f"{name}/prod-1" in before and f"{name}/prod-3" not in before
    )
    journal = str(journals_of(world, shard)[0])

    def resume(*_: object, **__: object) -> None:
        assert world.run("resume", journal, "--yes").code == 0

    with monkeypatch.context() as patched:
        patched.setattr("bulkops.cli.run.fleet.have_confirmed", resume)
        done = here(*UNDO)
    assert done.code == 13
    assert ".jsonl: has changed since its undo was planned; nothing was sent" in done.err
    assert {tuple(effects(world)[f"{shard}/{name}"]) for name in WORKSPACES} == {("POST",)}
    assert here(*UNDO).code == 0
    assert all(methods == ["POST", "DELETE"] for methods in effects(world).values())


def test_a_journal_of_something_else_is_not_taken_for_the_undo(applied: World, here: Here) -> None:
    """That shard alone is not undone: exit 2."""
    _, undo = journals_of(applied, "acme-2")
    shutil.copy(journals_of(applied, "acme-3")[0], undo)
    done = here(*UNDO)
    assert done.code == 2
    assert "is the journal of another job" in done.err
    assert undone_once(applied, "acme-1", "acme-3")
    assert effects(applied)["acme-2/prod-1"] == ["POST"]


def test_an_organization_without_the_right_is_its_shards_own_problem(
    applied: World, here: Here
) -> None:
    """The token no longer sees it: the others are undone."""
    rights = dict.fromkeys(["acme-1", "acme-3"], User(name="ann"))
    applied.simulator.tokens = {TOKEN: User(name="ann", organizations=rights)}
    done = here(*UNDO)
    assert done.code == 1
    assert undone_once(applied, "acme-1", "acme-3")
    assert "acme-2  failed" in done.out
    applied.simulator.tokens = {TOKEN: User(name="ann")}
    assert here(*UNDO).code == 0
    assert undone_once(applied)


def test_a_kind_that_cannot_be_undone(world: World, here: Here) -> None:
    """Exit 2 for each of its shards."""
    text = JOB.partition("[operation]")[0].replace('organization = "acme"\n', "")
    deleting = f'{text}[operation]\nkind = "task-delete"\ntask = "{TASK}"\n'
    (world.folder / "job.toml").write_text(deleting, encoding="utf-8")
    assert here("fleet", "apply", "fleet.toml", "--confirm", TASK).code == 0
    writes = world.writes
    done = here(*UNDO)
    assert done.code == 2
    assert "jobs of kind task-delete can't be undone" in done.err
    assert world.writes == writes


def test_found_organizations_are_undone_if_they_have_begun(world: World, here: Here) -> None:
    """The server need not be asked which there are."""
    declare(world, 'job = "job.toml"\norganizations = ["acme-[12]"]\n')
    assert here(*APPLY).code == 0
    assert here(*UNDO).code == 0
    assert undone_once(world, "acme-1", "acme-2")


def test_a_job_that_was_undone_can_be_applied_and_undone_again(applied: World, here: Here) -> None:
    """The newest journal counts: its changes are undone, and nothing else."""
    assert here(*UNDO).code == 0
    assert here(*APPLY).code == 0
    assert here(*UNDO).code == 0
    assert all(methods == ["POST", "DELETE"] * 2 for methods in effects(applied).values())


@pytest.mark.usefixtures("applied")
def test_the_status_names_the_undo(here: Here) -> None:
    """What was undone is no longer counted."""
    assert here(*UNDO).code == 0
    done = here("fleet", "status", "fleet.toml")
    assert "  acme-2  undone: 3 succeeded of 3 operations" in done.lines
    assert done.lines[-1] == "Total: no operations; 3 shards: 3 undone"
    last = here("fleet", "status", "fleet.toml", "--json").objects[-1]
    assert (last["counts"], last["states"]) == ({}, dict.fromkeys(NAMES, "undone"))


PAUSING = (
    ('organization = "acme"\n', ""),
    ("[pace]", '[rollout]\nwaves=["1"]\npause="manual"\n[pace]'),
)


def test_a_paused_rollout_that_was_undone_begins_again(world: World, here: Here) -> None:
    """Its old journals are not resumed: they would do only the rest."""
    world.job(*PAUSING)
    assert here(*APPLY).code == 6
    assert here(*UNDO).code == 0
    assert world.writes == 6
    assert here(*APPLY).code == 6
    assert here(*APPLY, "--continue").code == 0
    assert here(*UNDO).code == 0
    expected = {2: 6, 4: 3}
    assert Counter(len(methods) for methods in effects(world).values()) == expected
    assert all(methods[-1] == "DELETE" for methods in effects(world).values())


def test_what_a_job_did_after_its_undo_is_not_taken_for_undone(world: World, here: Here) -> None:
    """That shard alone is refused, and the message says how to undo all of it."""
    world.job(*PAUSING)
    assert here(*APPLY).code == 6
    assert here(*UNDO).code == 0
    journal = str(journals_of(world, "acme-2")[0].relative_to(world.folder))
    assert here("resume", journal, "--continue", "--yes").code == 3
    done = here(*UNDO)
    assert done.code == 2
    assert "was resumed since its undo was planned, and made 2 more changes" in done.err
    assert here("undo", journal, "--journal", "other.jsonl", "--yes").code == 0
    assert all(methods[-1] == "DELETE" for methods in effects(world).values())


@pytest.mark.parametrize("first", ["apply", "undo"])
def test_a_fleet_is_not_applied_and_undone_at_once(world: World, here: Here, first: str) -> None:
    """Exit 11, before anything is sent; with ``--wait`` after the first one has ended."""
    running, other = (APPLY, UNDO) if first == "apply" else (UNDO, APPLY)
    if first == "undo":
        assert here(*APPLY).code == 0
    writes = world.writes
    with held(world, 2) as let_go:
        process = world.start(*running)
        while world.writes == writes:
            assert process.poll() is None
            assert not let_go.wait(0.02)
        refused = here(*other)
        waiting = world.start(*other, "--wait")
        assert waiting.stderr is not None
        said = waiting.stderr.readline()
        let_go.set()
        codes = [ended(process).code, ended(waiting).code]
    done = "applied" if first == "apply" else "undone"
    assert refused.code == 11
    assert f"this fleet is being {done}: acme-" in refused.err
    assert "Run the same command again when it has ended, or add --wait" in refused.err
    assert said.endswith(". Waiting until it ends. Ctrl-C stops waiting.\n")
    assert codes == [0, 0]
    expected = ["POST", "DELETE"] if first == "apply" else ["POST", "DELETE", "POST"]
    assert [*effects(world).values()] == [expected] * 9
