"""``bulkops plan``: output, requests and exit codes."""

from __future__ import annotations

from itertools import combinations

import pytest

from bulkops.cli.session import run
from bulkops.client.api import Client
from bulkops.simulator.core import Simulator
from tests.cli.support import TASK, StagedSimulator, World, organization, serving
from tests.cli.terminal import COLOUR, on_terminal
from tests.conftest import Here


def _half_done(simulator: Simulator) -> None:
    simulator.attach("prod-001", TASK, enforcement_level="mandatory")
    simulator.attach("prod-002", TASK, enforcement_level="advisory")
    for _ in range(2):
        simulator.attach("prod-003", TASK, enforcement_level="advisory")


def test_text_shows_changes_and_skips(world: World) -> None:
    """It names job and task, counts each change, and lists skips with reasons, and totals."""
    _half_done(world.simulator)
    done = world.run("plan", "job.toml")
    assert (done.code, done.err) == (0, "")
    assert done.lines[0].startswith(f"attach {TASK} (task-")
    assert done.lines[2:7] == [
        "  + attach  mandatory at post_plan                          9 workspaces",
        "      prod-004, prod-005, prod-006, prod-007, prod-008, prod-009, prod-010,",
        "      prod-011, prod-012",
        "  ~ update  advisory at post_plan → mandatory at post_plan  1 workspace",
        "      prod-002",
    ]
    assert "    1 skipped: already attached as desired" in done.lines
    assert any(line.startswith("  ! prod-003  blocked: attached 2 times") for line in done.lines)
    assert done.lines[-1] == "Plan: 9 to attach, 1 to update, 0 to detach; 1 skipped, 1 blocked."


def test_json_is_one_object_per_line_with_its_type_first(world: World, here: Here) -> None:
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
    """After two lines of names the text counts the rest; ``--json`` lists all."""
    for number in range(13, 41):
        world.simulator.add_workspace(f"prod-{number:03}")
    done = here("plan", "job.toml")
    assert done.lines[2:5] == [
        "  + attach  mandatory at post_plan  40 workspaces",
        "      prod-001, prod-002, prod-003, prod-004, prod-005, prod-006, prod-007,",
        "      prod-008, prod-009, prod-010, prod-011, … and 29 more (--json lists all)",
    ]
    listed = [v for v in here("plan", "job.toml", "--json").objects if v["type"] == "operation"]
    assert len(listed) == 40


def test_many_kinds_of_change_are_folded(world: World, here: Here) -> None:
    """If every workspace differs, twelve different changes are shown and the rest counted."""
    stages = ("pre_plan", "post_plan", "pre_apply", "post_apply")
    desired = [s for n in (1, 2, 3) for s in combinations(stages, n) if s != ("post_plan",)]
    for name, these in zip(sorted(world.shown()), desired, strict=False):
        world.simulator.attach(name, TASK, stages=these)
    world.simulator.add_workspace("prod-013")
    world.simulator.attach("prod-013", TASK, stages=stages)
    done = here("plan", "job.toml")
    assert sum(line.startswith("  ~ ") for line in done.lines) == 12
    assert "    … and 1 other changes: 1 operation (--json lists all)" in done.lines


def test_a_plan_shows_projects_and_duration(world: World, here: Here) -> None:
    """Projects with most operations come first; the duration is at the server's limit."""
    for number in (1, 2):
        world.simulator.add_project(f"payments {number}")
        for workspace in range(number):
            world.simulator.add_workspace(f"pay-{number}{workspace}", project=f"payments {number}")
    # Many, so that the limit by which this plan itself is read need not be a low one.
    for number in range(13, 148):
        world.simulator.add_workspace(f"prod-{number:03}")
    lines = here("plan", "job.toml").lines
    assert "    Projects: Default Project 147, payments 2 2, payments 1 1" in lines
    assert not any("Time: " in line for line in lines)
    for more, estimate in (
        ('pause = "5m"\nwaves = ["1"]\n', "about 6 min at 20 requests per second, pauses included"),
        (
            'pause = "manual"\nwaves = ["1"]\n',
            "about 8 s at 20 requests per second, not counting the pauses",
        ),
        ('pause = "5m"\n', "about 8 s at 20 requests per second"),
    ):
        world.job(("[pace]", f"[rollout]\n{more}[pace]\nrate = 20"))
        assert f"    Time: {estimate}" in here("plan", "job.toml").lines


def test_a_terminal_has_colours_and_its_own_width(world: World) -> None:
    """The signs are coloured unless NO_COLOR is set; lists are folded to the terminal."""
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with on_terminal(
            world, "plan", "job.toml", columns=40, environment=environment
        ) as observed:
            assert observed.ended() == 0
        assert bool(COLOUR.search(observed.output)) == coloured
        assert ("\x1b" in observed.output) == coloured
        assert "\n      prod-001, prod-002, prod-003,\n" in observed.text
        assert "\n      … and 9 more (--json lists all)\n" in observed.text


def test_many_projects_are_folded(world: World, here: Here) -> None:
    """Projects fill at most two lines."""
    for number in range(30):
        world.simulator.add_project(f"project {number:02}")
        world.simulator.add_workspace(f"own-{number:02}", project=f"project {number:02}")
    lines = here("plan", "job.toml").lines
    (at,) = [n for n, line in enumerate(lines) if line.startswith("    Projects: ")]
    assert lines[at].endswith(",")
    assert lines[at + 1].startswith("              project ")
    assert lines[at + 1].endswith(" more")
    assert max(map(len, lines[at : at + 2])) <= 80


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
    """A plan of 950 workspaces, half of them attached, takes 2·⌈N/100⌉ requests and a few."""
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


def test_tfe_organization_is_the_default(world: World, here: Here) -> None:
    """A job file that names no organization takes the environment's, from either variable."""
    world.job(('organization = "acme"\n', ""))
    assert here("plan", "job.toml", TFE_ORGANIZATION="acme").code == 0
    assert here("plan", "job.toml", TFE_ORGANIZATION="", TF_CLOUD_ORGANIZATION="acme").code == 0


def test_a_result_is_never_formatted_by_asyncio() -> None:
    """``asyncio.Runner`` formats its task with the result: too much for a million operations."""

    class Huge:
        def __repr__(self) -> str:
            raise AssertionError("spelled out")

    huge = Huge()

    async def work(_client: Client) -> Huge:
        return huge

    assert run(Client("http://127.0.0.1:1", token="any"), work) is huge
