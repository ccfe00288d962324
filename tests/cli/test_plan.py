"""``bulkops plan``: what it shows, what it asks the server, how it ends."""

from __future__ import annotations

import pytest

from bulkops.cli.plan_text import SHOWN
from bulkops.cli.session import run
from bulkops.client.api import Client
from bulkops.simulator.core import Simulator
from tests.cli.support import TASK, StagedSimulator, World, organization, serving
from tests.conftest import Here


def _half_done(simulator: Simulator) -> None:
    simulator.attach("prod-001", TASK, enforcement_level="mandatory")
    simulator.attach("prod-002", TASK, enforcement_level="advisory")
    for _ in range(2):
        simulator.attach("prod-003", TASK, enforcement_level="advisory")


def test_text_shows_each_change_and_why_the_rest_is_left(world: World) -> None:
    """The plan names job and task, each change with before and after, skips, and totals."""
    _half_done(world.simulator)
    done = world.run("plan", "job.toml")
    assert (done.code, done.err) == (0, "")
    assert done.lines[0].startswith(f"attach {TASK} (task-")
    assert done.lines[2:4] == [
        "  ~ prod-002  advisory at post_plan → mandatory at post_plan",
        "  + prod-004  mandatory at post_plan",
    ]
    assert "    1 skipped: already attached as wanted" in done.lines
    assert any(line.startswith("  ! prod-003  blocked: attached 2 times") for line in done.lines)
    assert done.lines[-1] == "Plan: 9 to attach, 1 to update, 0 to detach; 1 skipped, 1 blocked."


def test_json_is_one_object_a_line_with_its_type_first(world: World, here: Here) -> None:
    """Every line of ``--json`` is an object, ``type`` first; the last one has the totals."""
    _half_done(world.simulator)
    done = here("plan", "job.toml", "--json")
    assert (done.code, done.err) == (0, "")
    assert all(next(iter(value)) == "type" for value in done.objects)
    kinds = [value["type"] for value in done.objects]
    assert kinds == ["operation"] * 10 + ["skip"] * 2 + ["plan"]
    assert done.objects[0]["action"] == "update"
    totals = done.objects[-1]
    assert (totals["attach"], totals["update"], totals["detach"]) == (9, 1, 0)
    assert (totals["skipped"], totals["blocked"]) == (1, 1)


def test_long_lists_are_folded_for_people_only(world: World, here: Here) -> None:
    """Beyond twenty operations the text says how many more; ``--json`` lists all."""
    for number in range(13, 41):
        world.simulator.add_workspace(f"prod-{number:03}")
    done = here("plan", "job.toml")
    assert sum(line.startswith("  + ") for line in done.lines) == SHOWN
    assert "    … and 20 more (--json lists all)" in done.lines
    listed = [v for v in here("plan", "job.toml", "--json").objects if v["type"] == "operation"]
    assert len(listed) == 40


def test_columns_are_aligned(world: World, here: Here) -> None:
    """Names of different length leave the changes in one column."""
    world.simulator.add_workspace("a-much-longer-name-than-that")
    changes = [line for line in here("plan", "job.toml").lines if line.startswith("  + ")]
    assert len({line.index("mandatory") for line in changes}) == 1


def test_plan_changes_nothing(world: World, here: Here) -> None:
    """Neither the server nor the folder is changed by a plan."""
    here("plan", "job.toml")
    assert world.writes == 0
    assert [path.name for path in world.folder.iterdir()] == ["job.toml"]


def test_detailed_exitcode(world: World, here: Here) -> None:
    """``--detailed-exitcode`` ends with 2 for changes, 0 for none; without it both are 0."""
    assert here("plan", "job.toml").code == 0
    assert here("plan", "job.toml", "--detailed-exitcode").code == 2
    for name in world.shown():
        world.simulator.attach(name, TASK, enforcement_level="mandatory")
    done = here("plan", "job.toml", "--detailed-exitcode")
    assert done.code == 0
    assert done.lines[-1] == "Plan: 0 to attach, 0 to update, 0 to detach; 12 skipped."


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("missing.toml",), "missing.toml"),
        ((), "Missing argument"),
        (("job.toml", "--nonsense"), "--nonsense"),
        (("job.toml", "--address", "ftp://x"), "ftp://x"),
    ],
    ids=["no file", "no argument", "no option", "no address"],
)
def test_with_detailed_exitcode_every_error_is_1(
    here: Here, arguments: tuple[str, ...], says: str
) -> None:
    """With ``--detailed-exitcode`` 2 means changes only; without it these errors are 2."""
    done = here("plan", "--detailed-exitcode", *arguments)
    assert done.code == 1
    assert says in done.err
    assert here("plan", *arguments).code == 2


def test_requests_grow_by_pages_not_by_workspaces(here: Here) -> None:
    """A plan of 950 workspaces, half of them attached, asks 2·⌈N/100⌉ and a few times."""
    simulator = StagedSimulator(rate=0)
    organization(simulator, 950)
    for name in sorted(simulator.world.organizations["acme"].workspaces)[::2]:
        simulator.attach(name, TASK)
    with serving(simulator) as address:
        done = here("plan", "job.toml", "--address", address)
    assert done.lines[-1].startswith("Plan: 475 to attach, 475 to update")
    assert simulator.stats.requests <= 2 * 10 + 4


def test_an_empty_selection_that_is_allowed_is_nothing_to_do(world: World, here: Here) -> None:
    """``allow_empty = true`` makes a selection of nothing an empty plan, exit 0."""
    world.job(("all = true", 'names = ["dev-*"]\nallow_empty = true'))
    done = here("plan", "job.toml", "--detailed-exitcode")
    assert done.code == 0
    assert done.lines[-1] == "Plan: 0 to attach, 0 to update, 0 to detach; 0 skipped."


def test_tfe_organization_stands_in(world: World, here: Here) -> None:
    """A job file that names no organization takes TFE_ORGANIZATION's."""
    world.job(('organization = "acme"\n', ""))
    assert here("plan", "job.toml", TFE_ORGANIZATION="acme").code == 0


def test_a_result_is_never_spelled_out() -> None:
    """``asyncio.Runner`` spells its task, result included: for a million operations too much."""

    class Huge:
        def __repr__(self) -> str:
            raise AssertionError("spelled out")

    huge = Huge()

    async def work(_client: Client) -> Huge:
        return huge

    assert run(Client("http://127.0.0.1:1", token="any"), work) is huge
