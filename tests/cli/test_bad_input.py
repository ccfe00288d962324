"""Wrong job files and command lines: exit 2, and what to fix."""

from __future__ import annotations

import pytest

from tests.cli.support import TASK, StagedSimulator, World, organization, serving
from tests.conftest import Here

BOTH = pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")], ids=["plan", "apply"])

WITHOUT_A_REQUEST = {
    "unknown key": (
        ("[pace]", "[pace]\nmax_atonce = 3"),
        ("job.toml: unknown key pace.max_atonce", 'did you mean "max_at_once"?'),
    ),
    "unknown table": (("[pace]", "[paces]"), ("unknown key paces", 'did you mean "pace"?')),
    "wrong type": (
        ('"mandatory"', "true"),
        ("operation.enforcement_level = true", 'one of "advisory", "mandatory"'),
    ),
    "wrong level": (
        ('"mandatory"', '"hard-mandatory"'),
        ('operation.enforcement_level = "hard-mandatory"', 'one of "advisory", "mandatory"'),
    ),
    "wrong stage": (
        ('"mandatory"', '"mandatory"\nstages = ["post_plan", "after_plan"]'),
        ('operation.stages[1] = "after_plan"', '"pre_plan"'),
    ),
    "wrong kind": (('"attach"', '"reattach"'), ('operation.kind = "reattach"', '"attach"')),
    "missing key": (
        ('task = "security-scan"\n', ""),
        ("operation.task is missing", "give a run task"),
    ),
    "no selection": (("all = true\n", ""), ("job.toml: select", "all = true")),
    "no TOML": (("[select]", "[select"), ("job.toml: not valid TOML", "line 9")),
    "no organization": (
        ('organization = "acme"\n', ""),
        ("organization is missing", "TFE_ORGANIZATION"),
    ),
    "wrong duration": (('"50ms"', '"50"'), ('pace.settle = "50"', '"500ms"')),
}

AFTER_READING = {
    "no such task": (
        ('"security-scan"', '"security-scam"'),
        ('operation.task = "security-scam"', f"it sees: {TASK}"),
    ),
    "no such project": (
        ("all = true", 'project = "prod"'),
        ('select.project = "prod"', "it sees: Default Project"),
    ),
    "nothing selected": (
        ("all = true", 'names = ["dev-*"]'),
        ('no workspace matches [select] names = ["dev-*"]', "allow_empty = true"),
    ),
}


@BOTH
@pytest.mark.parametrize(
    ("change", "says", "asks"),
    [
        *((*case, False) for case in WITHOUT_A_REQUEST.values()),
        *((*case, True) for case in AFTER_READING.values()),
    ],
    ids=[*WITHOUT_A_REQUEST, *AFTER_READING],
)
def test_a_wrong_job_file_is_refused(
    world: World,
    here: Here,
    command: tuple[str, ...],
    change: tuple[str, str],
    says: tuple[str, ...],
    *,
    asks: bool,
) -> None:
    """The message names file, key, value and the allowed values: exit 2, and nothing is changed.

    If the file alone shows the mistake, no request is sent either.
    """
    world.job(change)
    done = here(*command, "job.toml")
    assert (done.code, done.out) == (2, "")
    for part in ("job.toml: ", *says):
        assert part in done.err
    assert bool(world.requests) is asks
    assert world.writes == 0
    assert not list(world.folder.rglob("*.jsonl"))


@BOTH
@pytest.mark.parametrize("path", ["missing.toml", "."])
def test_a_job_file_that_cant_be_read(here: Here, command: tuple[str, ...], path: str) -> None:
    """If the job file is missing or a folder: exit 2, with its path and the reason."""
    done = here(*command, path)
    assert done.code == 2
    assert f"Error: {path}: can't be read: " in done.err


def test_an_ambiguous_task_name(world: World, here: Here) -> None:
    """If two run tasks have the same name, the message lists their ids: exit 2."""
    owner = world.simulator.world.organizations["acme"]
    second = world.simulator.add_task("other")
    second.name = TASK
    done = here("apply", "job.toml", "--yes")
    assert done.code == 2
    assert "2 run tasks have this name: give the id of one" in done.err
    for task in owner.tasks.values():
        assert task.id in done.err
    assert world.writes == 0


@BOTH
@pytest.mark.parametrize(
    ("profile", "stages", "says"),
    [
        (
            "tfe-v202401-1",
            '["post_apply"]',
            "Terraform Enterprise v202401-1 doesn't support this stage",
        ),
        ("tfe-v202402-1", '["pre_plan", "post_plan"]', "supports only one stage per attachment"),
    ],
)
def test_a_stage_the_server_lacks(
    world: World, here: Here, command: tuple[str, ...], *, profile: str, stages: str, says: str
) -> None:
    """An older Terraform Enterprise drops stages silently, so the job is refused first: exit 2."""
    world.job(('"mandatory"', f'"mandatory"\nstages = {stages}'))
    simulator = StagedSimulator(rate=0, profile=profile)
    organization(simulator)
    with serving(simulator) as address:
        done = here(*command, "job.toml", "--address", address)
    assert done.code == 2
    assert "job.toml: operation.stages" in done.err
    assert says in done.err
    assert not simulator.effects


@pytest.mark.parametrize("journal", [".", "folder"])
def test_a_journal_that_is_a_folder(world: World, here: Here, journal: str) -> None:
    """``--journal`` must name a file: a folder is exit 2, and no request is sent."""
    (world.folder / "folder").mkdir()
    done = here("apply", "job.toml", "--yes", "--journal", journal)
    assert (done.code, world.requests) == (2, 0)
    assert f"{journal}: is a folder. Name a file for the journal" in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("apply",), "Missing argument 'JOB|PLAN'"),
        (("apply", "job.toml", "--drain-timeout", "soon"), "not a valid number of seconds"),
        (("apply", "job.toml", "--drain-timeout", "nan"), "not a number of seconds"),
        (("resume", "scan.jsonl", "--drain-timeout", "inf"), "not a number of seconds"),
        (("undo", "scan.jsonl", "--drain-timeout", "-1"), "--drain-timeout"),
        (("plan", "job.toml", "--limit", "some"), "'some' is not a valid whole number"),
        (("report", "scan.jsonl", "--format", "pdf"), "'pdf'"),
        (("resume",), "Missing argument 'JOURNAL'"),
        (("appply", "job.toml"), "appply"),
        (("plan", "job.toml", "--address", "tfe.example.com/api/v2"), "only scheme, host and port"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_command_line(
    world: World, here: Here, arguments: tuple[str, ...], says: str
) -> None:
    """Exit 2, the message names the mistake, and no request is sent."""
    done = here(*arguments)
    assert (done.code, done.out, world.requests) == (2, "", 0)
    assert says in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("apply", "{}"),
        ("check", "{}"),
        ("fleet", "apply", "{}"),
        ("plan", "job.toml", "--out", "{}"),
        ("apply", "job.toml", "--metrics-file", "{}"),
        ("report", "scan.jsonl", "--output", "{}"),
        ("--log-file", "{}", "plan", "job.toml"),
    ],
)
def test_only_journals_can_be_at_an_address(here: Here, words: tuple[str, ...]) -> None:
    """It isn't taken for a path, and may have a signature, which isn't repeated."""
    done = here(*(word.format("s3://bucket/scan?sig=7c21f0") for word in words))
    assert done.code == 2
    assert done.err.endswith("s3://… is an address: only journals can be at one\n")
