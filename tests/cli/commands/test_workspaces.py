"""``bulkops workspaces``, and the options that narrow a job."""

from __future__ import annotations

import pytest

from bulkops.api.messages import Request
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.simulator.core import Simulator
from bulkops.simulator.profiles import PROFILES
from bulkops.simulator.state import Entitlements
from tests.cli.support import World, organization, serving
from tests.conftest import Here

BUT_PROD = ("all = true", 'all = true\nexclude_tags = ["env=prod"]')
SOME = ("all = true", 'names = ["prod-00*"]\nexclude_names = ["*[3-9]"]')


def test_selected_workspaces_are_listed(world: World, here: Here) -> None:
    """One line per workspace, by name, and their number; nothing is changed."""
    world.job(SOME)
    done = here("workspaces", "job.toml")
    assert (done.code, done.err) == (0, "")
    names = world.simulator.world.organizations["acme"].workspaces
    assert done.lines == [
        f"  + prod-001  {names['prod-001'].id}  Default Project",
        f"  + prod-002  {names['prod-002'].id}  Default Project",
        "",
        "2 workspaces selected.",
    ]
    assert world.writes == 0


def test_why_lists_each_other_workspace(world: World, here: Here) -> None:
    """Each workspace is selected, or comes with the first reason why it is not."""
    world.job(SOME)
    done = here("workspaces", "job.toml", "--why", "--limit", "1")
    assert done.code == 0
    assert len(done.lines) == 12 + 2
    assert "  - prod-002  it is not among the first 1 by name (limit)" in done.lines
    assert '  - prod-003  its name matches exclude_names ["*[3-9]"]' in done.lines
    assert '  - prod-012  its name matches none of names = ["prod-00*"]' in done.lines
    assert done.lines[-1] == "1 of 12 workspaces selected."


def test_entries_that_select_nothing_are_noted(world: World, here: Here) -> None:
    """A name, an id or a line of the list that matches no workspace is noted, as in a plan."""
    (world.folder / "list.csv").write_text("name\nprod-001\nprod-0001\n", encoding="utf-8")
    world.job(("all = true", 'file = "list.csv"'))
    note = 'select.file "list.csv": "prod-0001" selects no workspace'
    for command in ("workspaces", "plan"):
        assert f"    Note: {note}" in here(command, "job.toml").lines
        assert here(command, "job.toml", "--json").objects[-1]["notes"] == [note]


def test_why_nothing_is_selected(world: World, here: Here) -> None:
    """An empty selection is an error that names --why, and --why lists all reasons."""
    world.job(("all = true", 'where = ["resource-count > 0"]'))
    done = here("workspaces", "job.toml")
    assert done.code == 2
    assert "bulkops workspaces JOB --why" in done.err
    done = here("workspaces", "job.toml", "--why")
    assert (done.code, done.lines[-1]) == (0, "0 of 12 workspaces selected.")
    assert sum(line.endswith("its resource-count is 0, not > 0") for line in done.lines) == 12


def test_json_output_is_a_manifest(world: World, here: Here) -> None:
    """A job whose ``file`` is that output selects the same workspaces, with --why or without."""
    world.job(SOME)
    for why in ((), ("--why",)):
        done = here("workspaces", "job.toml", "--json", *why)
        assert [value["type"] for value in done.objects[:-1]] == ["workspace"] * (12 if why else 2)
        assert done.objects[-1] == {"type": "selection", "selected": 2, "notes": []}
        (world.folder / "list.jsonl").write_text(done.out, encoding="utf-8")
        world.job(("all = true", 'file = "list.jsonl"'), name="listed.toml")
        assert here("workspaces", "listed.toml").lines[-1] == "2 workspaces selected."


def test_messages_name_the_file_that_lists(world: World, here: Here) -> None:
    """Reasons, notes and errors name what the job file has, not the field of journals."""
    world.job(("all = true", 'file = "list.csv"'))
    (world.folder / "list.csv").write_bytes("Workspace Name;Owner\nnone;ü\n".encode("utf-16"))
    assert here("check", "job.toml").out.endswith("selected by file\n")
    done = here("workspaces", "job.toml")
    assert done.code == 2
    assert 'job.toml: no workspace matches [select] file = "list.csv"' in done.err
    why = here("workspaces", "job.toml", "--why")
    assert why.out.count('neither its name nor its id is in "list.csv"') == 12
    assert 'select.file "list.csv": "none" selects no workspace' in why.out + why.err


def test_a_report_of_failures_is_a_manifest(world: World, here: Here) -> None:
    """What a job could not do is the next job's list, directly from report and apply."""
    world.job(("[pace]", '[rollout]\nmax_failures = "100%"\n[pace]'))

    def strike(request: Request) -> None:
        # Planned without a limit, so that the last two are refused.
        if request.method == "POST":
            acme = world.simulator.world.organizations["acme"]
            acme.entitlements = Entitlements(run_task_workspace_limit=10)

    world.simulator.before = strike
    applied = here("apply", "job.toml", "--journal", "scan.jsonl", "--yes", "--json")
    assert applied.code == 3
    failed = {str(v["workspace"]) for v in applied.objects if v.get("outcome") == "failed"}
    assert len(failed) == 2
    here("report", "scan.jsonl", "--format", "json", "--only", "failed", "--output", "failed.json")
    world.job(("all = true", 'file = "failed.json"'), name="again.toml")
    done = here("workspaces", "again.toml")
    assert {line.split()[1] for line in done.lines[:-2]} == failed
    (world.folder / "applied.jsonl").write_text(applied.out, encoding="utf-8")
    world.job(("all = true", 'file = "applied.jsonl"'), name="all.toml")
    assert here("workspaces", "all.toml").lines[-1] == "12 workspaces selected."


def test_a_narrowed_job_is_another_job(world: World, here: Here) -> None:
    """--select and --limit are in plan and journal, and the whole job does not resume that one."""
    narrow = ("--select", "prod-00*", "--select", "prod-012", "--limit", "2")
    planned = here("plan", "job.toml", *narrow)
    assert planned.lines[-1].startswith("Plan: 2 to attach")
    applied = here("apply", "job.toml", "--journal", "scan.jsonl", "--yes", *narrow)
    assert applied.code == 0
    assert set(world.changed()) == {"prod-001", "prod-002"}
    header = read(JournalFile(world.journal)).replay.header
    assert header.job["select"] == {"all": True, "only": ["prod-00*", "prod-012"], "limit": 2}
    assert here("apply", "job.toml", "--journal", "scan.jsonl", "--yes").code == 2
    assert here("apply", "job.toml", "--journal", "scan.jsonl", "--yes", *narrow).code == 0
    assert here("resume", "scan.jsonl", "--yes").code == 0
    assert sum(world.changed().values()) == 2


@pytest.mark.parametrize("command", ["plan", "apply", "workspaces"])
def test_select_must_name_something(world: World, here: Here, command: str) -> None:
    """A --select that matches nothing the job selects is an error before anything is changed."""
    world.job(SOME)
    done = here(command, "job.toml", "--select", "prod-001", "--select", "prod-005")
    assert done.code == 2
    assert '"prod-005" (--select, or only) matches no workspace that [select] selects' in done.err
    assert here(command, "job.toml", "--limit", "0").code == 2
    assert world.writes == 0


def test_a_job_that_is_narrow_can_only_become_narrower(world: World, here: Here) -> None:
    """The smaller limit applies; a second list of names is refused."""
    world.job(("all = true", 'all = true\nonly = ["prod-00*"]\nlimit = 2'))
    assert here("workspaces", "job.toml", "--limit", "5").lines[-1] == "2 workspaces selected."
    assert here("workspaces", "job.toml", "--limit", "1").lines[-1] == "1 workspace selected."
    done = here("workspaces", "job.toml", "--select", "prod-001")
    assert done.code == 2
    assert 'job.toml: --select: only = ["prod-00*"] is already in [select]' in done.err


def test_one_glob_is_sent_to_the_server(here: Here) -> None:
    """--select of one name reads one page of a thousand workspaces, not ten."""
    simulator = Simulator(rate=0)
    organization(simulator, 1000)
    with serving(simulator) as address:
        done = here("workspaces", "job.toml", "--select", "prod-007", "--address", address)
    assert done.lines[-1] == "1 workspace selected."
    assert simulator.stats.requests == 2


COMMANDS = [
    ("plan", "job.toml"),
    ("plan", "job.toml", "--json", "--out", "scan.plan"),
    ("plan", "job.toml", "--detailed-exitcode"),
    ("apply", "job.toml", "--yes"),
    ("apply", "job.toml", "--confirm", "security-scan"),
    ("coverage", "job.toml"),
    ("workspaces", "job.toml"),
    ("workspaces", "job.toml", "--json"),
]


@pytest.mark.parametrize("kind", ["attach", "detach"])
@pytest.mark.parametrize("arguments", COMMANDS)
def test_an_exclusion_that_can_not_be_judged_stops_everything(
    world: World, here: Here, arguments: tuple[str, ...], kind: str
) -> None:
    """The server only links to tag bindings, so production might be selected: an error."""
    world.simulator.profile = PROFILES["hcp-linked-tags"]
    for name in ("prod-001", "prod-002"):
        world.simulator.attach(name, "security-scan")
    world.job(BUT_PROD, *([DETACHING] if kind == "detach" else []))
    done = here(*arguments)
    assert (done.code, done.out) == (1, "")
    assert "job.toml: the server doesn't show whether [select] selects 12 workspaces" in done.err
    assert 'whether it has exclude_tags ["env=prod"] is unknown: the server doesn' in done.err
    assert "(prod-001, prod-002, prod-003, prod-004, prod-005, prod-006, prod-007 and 5" in done.err
    assert world.writes == 0
    assert not list(world.folder.rglob("*.jsonl"))


DETACHING = (
    'kind = "attach"\ntask = "security-scan"\nenforcement_level = "mandatory"',
    'kind = "detach"\ntask = "security-scan"',
)


def test_why_lists_unknown_values(world: World, here: Here) -> None:
    """They are the reason of each such workspace, and in a note, but not an error."""
    world.simulator.profile = PROFILES["hcp-linked-tags"]
    world.job(("all = true", 'all = true\nexclude_tags = ["legacy"]\nexclude_names = ["*9"]'))
    done = here("workspaces", "job.toml", "--why")
    assert done.code == 0
    reason = 'whether it has exclude_tags ["legacy"] is unknown: the server doesn\'t show its tag'
    assert f"  - prod-001  {reason} bindings" in done.lines
    assert '  - prod-009  its name matches exclude_names ["*9"]' in done.lines
    note = "select: the server doesn't show whether it selects 11 workspaces: nothing is planned"
    assert f"    Note: {note}" in done.lines
    *_, selection = here("workspaces", "job.toml", "--why", "--json").objects
    assert selection["notes"] == [note]


@pytest.mark.parametrize("excluding", ['exclude_names = ["stage-*"]', 'exclude_tags = ["a=b"]'])
@pytest.mark.parametrize("command", ["plan", "workspaces"])
def test_workspaces_notes_an_exclusion_that_excludes_nothing(
    world: World, here: Here, command: str, excluding: str
) -> None:
    """The note is in the text, and in the last object of --json."""
    world.job(("all = true", f"all = true\n{excluding}"))
    field, _, entry = excluding.partition(" = ")
    note = f"select: {field} {entry.strip('[]')} excludes no workspace"
    assert f"    Note: {note}" in here(command, "job.toml").lines
    *_, last = here(command, "job.toml", "--json").objects
    assert last["notes"] == [note]
    world.job(("all = true", 'all = true\nexclude_names = ["*-001"]'))
    *_, last = here(command, "job.toml", "--json").objects
    assert last["notes"] == []


@pytest.mark.parametrize("command", ["plan", "apply", "workspaces", "coverage"])
@pytest.mark.parametrize(
    ("excluding", "what"),
    [
        ('exclude_names = ["Prod-001"]', "name of prod-001"),
        ('exclude_tags = ["Legacy"]', "tags of prod-002"),
        ('exclude_tags = ["ENV=prod"]', "tags of prod-003"),
    ],
)
def test_an_exclusion_that_differs_by_case_only_is_exit_2(
    world: World, here: Here, command: str, excluding: str, what: str
) -> None:
    """An exclusion that matches only without regard to case is exit 2; nothing is changed."""
    workspaces = world.simulator.world.organizations["acme"].workspaces
    workspaces["prod-002"].tags = ["legacy"]
    workspaces["prod-003"].tag_bindings = {"env": "prod"}
    world.job(("all = true", f"all = true\n{excluding}"))
    done = here(command, "job.toml")
    assert (done.code, done.out, world.writes) == (2, "", 0)
    assert f"case-sensitive, and it differs only in case from the {what}: write" in done.err


@pytest.mark.parametrize("command", ["plan", "workspaces"])
def test_versions_that_can_not_be_compared_are_counted(
    world: World, here: Here, command: str
) -> None:
    """`latest` and `~> 1.8.0` are neither below nor above 1.9.8: they are not selected."""
    workspaces = world.simulator.world.organizations["acme"].workspaces
    for number, workspace in enumerate(workspaces.values()):
        workspace.terraform_version = ("1.9.7", "latest", "latest", "~> 1.8.0")[number % 4]
    world.job(("all = true", 'where = ["terraform-version < 1.9.8"]'))
    note = (
        "select: where can't compare the terraform-version of 9 workspaces, which are not "
        'selected: "latest" (6), "~> 1.8.0" (3)'
    )
    done = here(command, "job.toml")
    assert done.code == 0
    assert f"    Note: {note}" in done.lines
    *_, last = here(command, "job.toml", "--json").objects
    assert last["notes"] == [note]
    why = here("workspaces", "job.toml", "--why")
    assert '  - prod-002  its terraform-version can\'t be compared: "latest" is not' in why.out
