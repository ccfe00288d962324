"""``bulkops fleet verify``: three organizations at one server, a shard each."""

from __future__ import annotations

import signal

import pytest

from bulkops.simulator.state import User
from tests.cli.run.test_fleet import APPLY, CANARY, NAMES, allow, declare, journal_of
from tests.cli.support import TASK, TOKEN, World
from tests.conftest import Here

VERIFY = ("fleet", "verify", "fleet.toml")


@pytest.fixture(autouse=True)
def applied(world: World, here: Here) -> None:
    """The fleet's job was applied in all three organizations."""
    assert here(*APPLY).code == 0
    assert world.writes == 9


def test_each_shard_is_verified(world: World, here: Here) -> None:
    """A line for each and a total; neither server nor journal is changed."""
    before = [journal_of(world, name).read_bytes() for name in NAMES]
    done = here(*VERIFY)
    assert (done.code, done.err) == (0, "")
    assert done.lines == [
        "fleet: attach security-scan in 3 shards",
        *(f"  {name}  3 of 3 operations verified" for name in NAMES),
        "",
        "Total: 9 of 9 operations verified",
    ]
    assert world.writes == 9
    assert [journal_of(world, name).read_bytes() for name in NAMES] == before


def test_a_shard_that_has_drifted_has_a_section(world: World, here: Here) -> None:
    """It lists what ``verify`` of that journal alone lists: exit 3."""
    world.simulator.detach("prod-2", TASK, organization="acme-2")
    done = here(*VERIFY)
    assert done.code == 3
    journal = journal_of(world, "acme-2").relative_to(world.folder)
    alone = here("verify", str(journal))
    assert alone.code == 3
    assert done.lines[2:] == [
        "  acme-2  2 of 3 operations verified",
        "  acme-3  3 of 3 operations verified",
        "",
        f"acme-2: {journal}",
        alone.lines[0],
        "",
        "Total: 8 of 9 operations verified",
    ]


def test_of_what_was_undone_its_undo_is_verified(world: World, here: Here) -> None:
    """Nothing has drifted, unless somebody attached it again."""
    journal = journal_of(world, "acme-2").relative_to(world.folder)
    assert here("undo", str(journal), "--yes").code == 0
    done = here(*VERIFY)
    assert (done.code, done.err) == (0, "")
    assert "  acme-2  undone: 3 of 3 operations verified" in done.lines
    assert done.lines[-1] == "Total: 9 of 9 operations verified"
    world.simulator.attach("prod-1", TASK, organization="acme-2")
    assert here(*VERIFY).code == 3


def test_an_undo_that_is_not_complete_is_named(world: World, here: Here) -> None:
    """The journal itself is verified, and its section names the journal of the undo."""
    journal = journal_of(world, "acme-2").relative_to(world.folder)
    undo = ("undo", str(journal), "--yes")
    assert world.kill(signal.SIGKILL, write=2, stage="after", arguments=undo).code == -9
    done = here(*VERIFY)
    assert done.code == 3
    of = journal.with_suffix(".undo.jsonl")
    assert f"It has been undone, at least in part: {of}" in done.lines


def test_a_shard_that_failed_without_a_journal_is_not_verified(world: World, here: Here) -> None:
    """Its line says why, and the exit code is not 0."""
    world.job(('organization = "acme"\n', ""), ("mandatory", "advisory"))
    world.simulator.remove_task(TASK, organization="acme-2")
    assert here(*APPLY).code == 2
    done = here(*VERIFY)
    assert done.code == 1
    assert "  acme-2  failed" in done.lines
    assert done.lines[-1] == "Total: 6 of 6 operations verified; 1 shard failed"
    last = here(*VERIFY, "--json").objects[-1]
    assert (last["not_begun"], last["exit_code"]) == ([], 1)
    assert str(last["problems"]).startswith("{'acme-2': ")


def test_a_shard_whose_rest_is_blocked_is_not_verified(world: World, here: Here) -> None:
    """Exit 3, as of ``apply``."""
    world.job(('organization = "acme"\n', ""), ("mandatory", "advisory"))
    for name in ("prod-1", "prod-2"):
        world.simulator.detach(name, TASK, organization="acme-2")
        world.simulator.attach(name, TASK, organization="acme-2", enforcement_level="advisory")
    allow(world, but=User(name="ann", manage_workspace_run_tasks={"prod-1"}))
    assert here(*APPLY).code == 3
    done = here(*VERIFY)
    assert done.code == 3
    assert "  acme-2  done: nothing to do; 1 blocked: nothing to verify" in done.lines
    assert done.lines[-1] == "Total: 6 of 6 operations verified; 1 shard blocked"


def test_the_events_of_a_shard_have_its_name(world: World, here: Here) -> None:
    """The last line has the totals of all shards, and the exit code."""
    world.simulator.detach("prod-2", TASK, organization="acme-2")
    *lines, last = here(*VERIFY, "--json").objects
    assert [(line["type"], line["shard"]) for line in lines] == [
        ("verified", "acme-1"),
        ("differing", "acme-2"),
        ("verified", "acme-2"),
        ("verified", "acme-3"),
    ]
    assert last == {
        "type": "fleet_verify",
        "fleet": "fleet",
        "verified": 8,
        "differing": 1,
        "unreadable": 0,
        "not_begun": [],
        "problems": {},
        "exit_code": 3,
    }


def test_a_shard_without_a_journal_has_nothing_to_verify(world: World, here: Here) -> None:
    """It is said so, and changes no exit code: perhaps there was nothing to do."""
    journal_of(world, "acme-3").unlink()
    done = here(*VERIFY)
    assert done.code == 0
    assert "  acme-3  not begun: nothing to verify" in done.lines
    assert done.lines[-1] == "Total: 6 of 6 operations verified; 1 shard not begun"
    assert here(*VERIFY, "--json").objects[-1]["not_begun"] == ["acme-3"]


def test_a_fleet_without_any_journal_is_an_error(world: World, here: Here) -> None:
    """As a journal that isn't there is: exit 2, and no request."""
    requests = world.requests
    done = here(*VERIFY, BULKOPS_JOURNALS="elsewhere")
    assert done.code == 2
    assert "fleet.toml: no shard has a journal of this job in elsewhere/fleet" in done.err
    assert world.requests == requests


def test_a_journal_of_another_job_is_not_verified(world: World, here: Here) -> None:
    """The job file was changed since: none of its journals is there."""
    world.job(('organization = "acme"\n', ""), ("mandatory", "advisory"))
    assert here(*VERIFY).code == 2


def test_a_damaged_journal_leaves_the_other_shards_verified(world: World, here: Here) -> None:
    """Exit 12; its line says which."""
    journal = journal_of(world, "acme-2")
    text = journal.read_bytes()
    journal.write_bytes(text[:200] + b"?" + text[201:])
    done = here(*VERIFY)
    assert done.code == 12
    assert "  acme-2  can't be verified" in done.lines
    assert done.lines[-1] == "Total: 6 of 6 operations verified; 1 shard can't be verified"


def test_an_organization_that_the_token_no_longer_sees(world: World, here: Here) -> None:
    """It is its shard's own problem, even if its name was found by a glob."""
    declare(world, 'job = "job.toml"\norganizations = ["acme-*"]\n')
    rights = dict.fromkeys(["acme-1", "acme-3"], User(name="ann"))
    world.simulator.tokens = {TOKEN: User(name="ann", organizations=rights)}
    done = here(*VERIFY)
    assert done.code == 1
    assert "  acme-2  can't be verified" in done.lines
    assert done.lines[-1] == "Total: 6 of 6 operations verified; 1 shard can't be verified"


def test_waves_make_no_difference(world: World, here: Here) -> None:
    """All shards are verified side by side."""
    declare(world, CANARY)
    assert here(*VERIFY).lines[-1] == "Total: 9 of 9 operations verified"
