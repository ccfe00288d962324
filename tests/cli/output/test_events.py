"""``--json``: every line of every command, checked against the shipped schema."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from unittest import mock

import jsonschema
import msgspec
import pytest

from bulkops.api.messages import Request
from bulkops.operations import KINDS
from bulkops.operations.kinds.attach import Attach
from bulkops.simulator.faults import Faults
from tests.cli.command_tree import LEAVES, command_of
from tests.cli.support import TASK, Done, Process, World, closed_now, ended
from tests.conftest import Here
from tests.documents.event_tables import DOCUMENT, SCHEMA

TEXT = DOCUMENT.read_text(encoding="utf-8")
PARTS: dict[str, Any] = msgspec.json.decode(SCHEMA.read_bytes())
WHOLE = jsonschema.Draft202012Validator(PARTS)
EVENTS = {
    name: jsonschema.Draft202012Validator({"$defs": PARTS["$defs"], "$ref": place})
    for name, place in PARTS["discriminator"]["mapping"].items()
}
"""Type → its part of the schema, which is quicker than ``WHOLE``."""
TIMES = frozenset(["at", "created_at", "until"])

NOT_PRINTED = {"progress": "it is printed every few seconds, and no command here takes so long"}
"""Types of the schema that no case below is sure to print, and why."""

APPLY = ("apply", "job.toml", "--journal", "scan.jsonl", "--yes", "--json")
LAST = ("prod-011", "prod-012")
TOLERANT = ("[pace]", '[rollout]\nmax_failures = "100%"\n[pace]')

Staging = Callable[[World, Here], object]


def ordinary(_world: World, _here: Here) -> None:
    """Only the workspaces and the run task exist."""


def half_done(world: World, _here: Here) -> None:
    """One workspace is attached as desired, one otherwise, one twice."""
    world.simulator.attach("prod-001", TASK, enforcement_level="mandatory")
    world.simulator.attach("prod-002", TASK)
    for _ in range(2):
        world.simulator.attach("prod-003", TASK)


def all_done(world: World, here: Here) -> None:
    """The job was carried out."""
    assert here(*APPLY).code == 0
    assert world.all_desired()


def in_the_default_place(world: World, here: Here) -> None:
    """One journal there is complete, another one can't be read."""
    assert here("apply", "job.toml", "--yes").code == 0
    (world.folder / ".bulkops" / "lint").mkdir()
    (world.folder / ".bulkops" / "lint" / "1.jsonl").write_text("{}", encoding="utf-8")


def all_as_desired(world: World, _here: Here) -> None:
    """The change was made outside the job."""
    for name in world.shown():
        world.simulator.attach(name, TASK, enforcement_level="mandatory")


def of_a_fleet(world: World, _here: Here) -> None:
    """A fleet file names the job and two organizations."""
    text = 'job = "job.toml"\norganizations = ["acme", "beta"]\n'
    (world.folder / "fleet.toml").write_text(text, encoding="utf-8")


def of_one_shard(world: World, _here: Here) -> None:
    """A fleet file names the job and its organization."""
    text = 'job = "job.toml"\n[[shard]]\norganization = "acme"\n'
    (world.folder / "fleet.toml").write_text(text, encoding="utf-8")
    half_done(world, _here)


def of_a_fleet_that_has_run(world: World, here: Here) -> None:
    """Its shard was carried out, and could not do everything."""
    of_one_shard(world, here)
    assert here("fleet", "apply", "fleet.toml", "--yes").code == 3


def of_a_fleet_that_has_drifted(world: World, here: Here) -> None:
    """The same, then a workspace was changed outside it."""
    of_a_fleet_that_has_run(world, here)
    world.simulator.detach("prod-004", TASK)


def refused(world: World, _here: Here) -> None:
    """Two workspaces are deleted before they are changed."""
    world.job(TOLERANT)

    def strike(request: Request) -> None:
        if request.writes:
            world.simulator.before = None
            for name in LAST:
                world.simulator.remove_workspace(name)

    world.simulator.before = strike


def intolerant(world: World, here: Here) -> None:
    """The same, and no failure is tolerated."""
    refused(world, here)
    world.job(("[pace]", "[rollout]\nmax_failures = 0\n[pace]"))


def failed(world: World, here: Here) -> None:
    """Two operations failed."""
    refused(world, here)
    assert here(*APPLY).code == 3


def changed_since_planned(world: World, here: Here) -> None:
    """A plan was saved, then the run task was attached otherwise outside it."""
    here("plan", "job.toml", "--out", "scan.plan")
    world.simulator.attach("prod-001", TASK, stages=("pre_plan",))


def unanswering(world: World, _here: Here) -> None:
    """The server closes the connection on any request about a single workspace."""
    world.job(TOLERANT)
    place = world.simulator.world.organizations["acme"].workspaces["prod-001"].id
    closing = Faults.parse("close-before=100%", 1)

    def strike(request: Request) -> None:
        world.simulator.faults = closing if f"/workspaces/{place}" in request.path else None

    world.simulator.before = strike


def losing(world: World, _here: Here) -> None:
    """The answer to every write is lost after it took effect."""
    world.simulator.faults = Faults.parse("POST:close-after=100%", 1)


def rolled_out(more: str) -> Staging:
    """Return a setup with a job in three waves."""

    def stage(world: World, _here: Here) -> None:
        world.job(("[pace]", f'[rollout]\nwaves = ["1", "50%"]\n{more}\n[pace]'))

    return stage


def outside_its_windows(world: World, _here: Here) -> None:
    """No window of the job opens today or tomorrow."""
    world.job(("[pace]", f'[rollout]\nwindows = ["{closed_now()}"]\n[pace]'))


def at_rest(world: World, here: Here) -> None:
    """The job waits for its next window."""
    outside_its_windows(world, here)
    # As if its window had closed after the start.
    with mock.patch("bulkops.cli.run.start.end_if_closed"):
        assert here(*APPLY, "--exit-outside-window").code == 6


def of_a_fleet_outside_its_windows(world: World, here: Here) -> None:
    """The job of a fleet waits for its next window."""
    of_one_shard(world, here)
    outside_its_windows(world, here)


def notifying(world: World, _here: Here) -> None:
    """The job tells a webhook, which does not exist."""
    world.job(("[pace]", '[notify]\nurl_env = "WEBHOOK"\n[pace]'))
    world.environment["WEBHOOK"] = f"{world.address}/hook"


def held(world: World, here: Here) -> None:
    """The job waits for --continue after its first wave."""
    rolled_out('pause = "manual"')(world, here)
    assert here(*APPLY).code == 6


def killed(world: World, _here: Here) -> None:
    """The job was killed in the middle."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    world.kill(signal.SIGKILL, write=4, stage="after")


def altered(world: World, here: Here) -> None:
    """The job was carried out, then two workspaces were changed outside it."""
    all_done(world, here)
    world.simulator.detach("prod-002", TASK)
    world.simulator.attach("prod-003", TASK, enforcement_level="mandatory")


def altered_task(world: World, here: Here) -> None:
    """The job disabled the run task, then it was enabled outside the job."""
    disabling(world, here)
    assert here(*APPLY).code == 0
    (task,) = world.simulator.world.tasks.values()
    task.enabled = True


def disabling(world: World, _here: Here) -> None:
    """The job disables the run task."""
    _job_of(world, 'kind = "task-disable"\ntask = "security-scan"', "")


def updating(world: World, _here: Here) -> None:
    """The job changes settings of workspaces."""
    _job_of(world, 'kind = "workspace-update"\nauto_apply = true', "[select]\nall = true")


def replacing(world: World, _here: Here) -> None:
    """The job replaces a run task by another: two aspects."""
    world.simulator.add_task("lint")
    for name in ("prod-001", "prod-002"):
        world.simulator.attach(name, "lint")
    _job_of(
        world,
        'kind = "replace"\ntask = "security-scan"\nreplaces = "lint"',
        "[select]\nall = true",
    )


def of_several_steps(world: World, _here: Here) -> None:
    """The job attaches one run task, then detaches another, then sets the Terraform version."""
    world.simulator.add_task("lint")
    world.simulator.attach("prod-001", "lint")
    _job_of(
        world,
        'kind = "attach"\ntask = "security-scan"\nenforcement_level = "mandatory"\n'
        '[[operation]]\nkind = "detach"\ntask = "lint"\n'
        '[[operation]]\nkind = "workspace-update"\nterraform_version = "1.9.8"',
        "[select]\nall = true",
        heading="[[operation]]",
    )


def torn(world: World, here: Here) -> None:
    """The journal's last line is cut."""
    all_done(world, here)
    world.journal.write_bytes(world.journal.read_bytes()[:-20])


def damaged(world: World, here: Here) -> None:
    """A byte in the middle of the journal is changed."""
    all_done(world, here)
    data = bytearray(world.journal.read_bytes())
    data[len(data) // 2] ^= 1
    world.journal.write_bytes(bytes(data))


def attached(world: World, _here: Here) -> None:
    """One workspace has the run task."""
    world.simulator.attach("prod-001", TASK)


def _job_of(world: World, operation: str, select: str, *, heading: str = "[operation]") -> None:
    (world.folder / "job.toml").write_text(
        f'name = "scan"\norganization = "acme"\n{heading}\n{operation}\n{select}\n'
        '[pace]\nsettle = "50ms"\n',
        encoding="utf-8",
    )


class Case(NamedTuple):
    """A command, its setup, its exit code, and the types that it must print."""

    staging: Staging
    command: str
    code: int
    types: str

    @property
    def arguments(self) -> list[str]:
        """The command line."""
        return [*self.command.split(), *(() if "--json" in self.command else ("--json",))]


def _case_name(case: Case) -> str:
    return f"{case.command} {case.staging.__name__}".replace(" --json", "")


APPLYING = " ".join(APPLY)
AGAIN = "(where a journal is gone on with)"
CASES = [
    Case(ordinary, "workspaces job.toml", 0, "workspace selection"),
    Case(ordinary, "workspaces job.toml --why --select prod-00*", 0, "workspace selection"),
    Case(ordinary, "check job.toml", 0, "job"),
    Case(updating, "check job.toml", 0, "job"),
    Case(of_a_fleet, "check fleet.toml", 0, "fleet"),
    Case(of_one_shard, "fleet plan fleet.toml", 0, "operation skip plan fleet_plan"),
    Case(of_one_shard, "fleet apply fleet.toml --yes", 3, "result report fleet_report"),
    Case(of_a_fleet_that_has_run, "fleet apply fleet.toml", 3, "skip plan report fleet_report"),
    Case(
        of_a_fleet_that_has_drifted,
        "fleet undo fleet.toml --yes",
        0,
        "operation skip plan result report fleet_report",
    ),
    Case(of_a_fleet_that_has_run, "fleet verify fleet.toml", 0, "verified fleet_verify"),
    Case(
        of_a_fleet_that_has_drifted,
        "fleet verify fleet.toml",
        3,
        "differing verified fleet_verify",
    ),
    Case(of_a_fleet_that_has_run, "fleet status fleet.toml", 0, "status fleet_status"),
    Case(of_a_fleet_that_has_run, "fleet watch fleet.toml", 3, "result report fleet_report"),
    Case(ordinary, "plan job.toml", 0, "operation plan"),
    Case(half_done, "plan job.toml --out scan.plan", 0, "operation skip plan"),
    Case(rolled_out('pause = "5m"\ngate = "true"'), "plan job.toml", 0, "operation plan"),
    Case(disabling, "plan job.toml", 0, "operation plan"),
    Case(updating, "plan job.toml", 0, "operation plan"),
    Case(replacing, "plan job.toml", 0, "operation skip plan"),
    Case(of_several_steps, "check job.toml", 0, "job"),
    Case(of_several_steps, "plan job.toml", 0, "operation plan"),
    Case(ordinary, APPLYING, 0, "operation plan result report"),
    Case(half_done, APPLYING, 3, "operation skip plan result report"),
    Case(all_as_desired, APPLYING, 0, "skip plan"),
    Case(disabling, APPLYING, 0, "operation plan result report"),
    Case(updating, APPLYING, 0, "operation plan result report"),
    Case(replacing, APPLYING, 0, "operation skip plan result report"),
    Case(
        of_several_steps,
        "apply job.toml --journal scan.jsonl --confirm lint --json",
        0,
        "operation plan result report",
    ),
    Case(losing, APPLYING, 0, "operation plan result report"),
    Case(refused, APPLYING, 3, "operation plan result report"),
    Case(intolerant, APPLYING, 4, "operation plan result report"),
    Case(unanswering, APPLYING, 5, "operation plan result report"),
    Case(
        changed_since_planned,
        "apply scan.plan --journal scan.jsonl",
        3,
        "operation plan result report",
    ),
    Case(rolled_out('pause = "10ms"\ngate = "true"'), APPLYING, 0, "plan result wave report"),
    Case(rolled_out('pause = "manual"'), APPLYING, 6, "plan result wave report"),
    Case(notifying, APPLYING, 0, "plan result report"),
    Case(rolled_out('gate = "exit 1"'), APPLYING, 4, "plan result wave report"),
    Case(rolled_out('gate = "exit 3"'), APPLYING, 6, "plan result wave report"),
    Case(outside_its_windows, "plan job.toml", 0, "operation plan"),
    Case(
        outside_its_windows,
        f"{APPLYING} --exit-outside-window",
        6,
        "rest",
    ),
    Case(at_rest, "resume scan.jsonl --yes --exit-outside-window", 6, "rest"),
    Case(at_rest, "status scan.jsonl", 0, "status"),
    Case(at_rest, "watch scan.jsonl", 6, "rest report"),
    Case(
        of_a_fleet_outside_its_windows,
        "fleet apply fleet.toml --yes --exit-outside-window",
        6,
        "rest",
    ),
    Case(all_done, APPLYING, 0, "report"),
    Case(killed, APPLYING, 0, "result report"),
    Case(killed, "resume scan.jsonl --yes", 0, "result report"),
    Case(failed, "resume scan.jsonl --yes --retry-failed", 3, "result report"),
    Case(held, "resume scan.jsonl --yes --continue", 6, "result wave report"),
    Case(all_done, "undo scan.jsonl --yes", 0, "operation plan result report"),
    Case(altered, "undo scan.jsonl --yes", 3, "operation skip plan result report"),
    Case(all_done, "verify scan.jsonl", 0, "verified"),
    Case(altered, "verify scan.jsonl", 3, "differing verified"),
    Case(altered_task, "verify scan.jsonl", 3, "differing verified"),
    Case(failed, "verify scan.jsonl", 3, "differing verified"),
    Case(all_done, "status scan.jsonl", 0, "status"),
    Case(killed, "status scan.jsonl", 0, "status"),
    Case(held, "status scan.jsonl", 0, "status"),
    Case(all_done, "watch scan.jsonl", 0, "result report"),
    Case(failed, "watch scan.jsonl", 3, "result report"),
    Case(held, "watch scan.jsonl", 6, "result wave report"),
    Case(in_the_default_place, "journal list", 1, "listed"),
    Case(ordinary, "journal list --job scan", 0, ""),
    Case(all_done, "journal check scan.jsonl", 0, "journal"),
    Case(torn, "journal check scan.jsonl", 0, "journal"),
    Case(damaged, "journal check scan.jsonl", 12, "journal"),
    Case(all_done, "journal copy scan.jsonl copy.jsonl", 0, "copied"),
    Case(ordinary, "task list", 0, "run_task"),
    Case(attached, "task show security-scan --include workspace_tasks.workspace", 0, "run_task"),
    Case(
        ordinary,
        "task create lint --url https://lint.example --global-enforcement-level advisory "
        "--global-stage pre_plan",
        0,
        "run_task",
    ),
    Case(ordinary, "task update security-scan --disabled --yes", 0, "run_task"),
    Case(ordinary, "task delete security-scan --yes", 0, "deleted"),
    Case(attached, "workspace-task list prod-001", 0, "workspace_task"),
    Case(attached, "workspace-task show prod-001 security-scan", 0, "workspace_task"),
    Case(
        ordinary,
        "workspace-task attach prod-001 security-scan --enforcement-level mandatory",
        0,
        "workspace_task",
    ),
    Case(
        attached,
        "workspace-task update prod-001 security-scan --stages pre_plan --yes",
        0,
        "workspace_task",
    ),
    Case(attached, "workspace-task detach prod-001 security-scan --yes", 0, "detached"),
]


def documented() -> list[tuple[list[str], str]]:
    """Return commands and their types by ``jobs/events.md``, as an expression over types."""
    found = re.findall(r"^- (`.*?`): `(.*?)`", TEXT, re.MULTILINE)
    return [
        (
            [name.strip("`") for name in names.split(", ")],
            re.sub(r"[a-z_]+", lambda word: f"(?:{word[0]};)", expression.replace(" ", "")),
        )
        for names, expression in found
    ]


def validated(line: str) -> dict[str, Any]:
    """Return one line's object, if it is an event by the schema, ``type`` first, times in UTC."""
    value: dict[str, Any] = msgspec.json.decode(line)
    EVENTS[value["type"]].validate(value)
    assert line.startswith(f'{{"type":"{value["type"]}",')
    assert not line.endswith(" ")
    _look_at_times(value)
    if {"workspace", "workspace_id"} & value.keys():
        assert value["project"] == "Default Project", (
            "a line that names a workspace has its project"
        )
    return value


def _look_at_times(value: dict[str, Any]) -> None:
    for name, member in value.items():
        if isinstance(member, dict) and name not in ("before", "desired"):
            _look_at_times(member)
        elif name in TIMES and member is not None and (member or name != "until"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", member)
            assert datetime.fromisoformat(member).tzinfo == UTC


def types_of(done: Done) -> str:
    """Return the types of a command's lines, each of which is an event."""
    return "".join(f"{validated(line)['type']};" for line in done.lines)


def _command_of(case: Case) -> str:
    """Return the name of a case's command."""
    (name,) = {name for names, _ in documented() for name in names} & {
        " ".join(case.command.split()[:number]) for number in (1, 2)
    }
    return name


def _is_as_documented(command: str, types: str) -> bool:
    expected = [expression for names, expression in documented() if command in names]
    return any(re.fullmatch(expression, types) for expression in expected)


@pytest.mark.parametrize("case", CASES, ids=_case_name)
def test_every_line_is_an_event_and_they_come_as_documented(
    world: World, here: Here, case: Case
) -> None:
    """Each matches the schema, has ``type`` first, and comes in the order that events.md gives."""
    case.staging(world, here)
    done = here(*case.arguments, TFE_ORGANIZATION="acme")
    assert done.code == case.code, done.err
    types = types_of(done)
    for event in {value["type"]: value for value in done.objects}.values():
        WHOLE.validate(event)
    assert set(types.rstrip(";").split(";")) >= set(case.types.split())
    assert _is_as_documented(_command_of(case), types), types


def test_every_type_is_printed_by_a_case() -> None:
    """Each type of the schema is printed in one of the cases, or is excepted with a reason."""
    assert PARTS["oneOf"] == [
        {"$ref": place} for place in PARTS["discriminator"]["mapping"].values()
    ]
    observed = {name for case in CASES for name in case.types.split()}
    assert observed.isdisjoint(NOT_PRINTED)
    assert observed | set(NOT_PRINTED) == set(EVENTS)


def test_every_command_with_json_is_documented_and_run() -> None:
    """events.md lists exactly the commands that take ``--json``, and each has a case here."""
    commands = {
        " ".join(path)
        for path in LEAVES
        if any("--json" in option.opts for option in command_of(path).params)
    }
    assert {name for names, _ in documented() for name in names} == commands
    assert {_command_of(case) for case in CASES} == commands


@pytest.mark.parametrize(
    ("staging", "types", "last"),
    [
        (refused, "operation;plan;result;", ("report", 3)),
        (unanswering, "operation;plan;result;", ("report", 5)),
        (all_as_desired, "skip;plan;", ("plan", None)),
    ],
    ids=["refused", "in doubt", "nothing"],
)
def test_each_problem_has_its_reason(
    world: World,
    here: Here,
    staging: Staging,
    types: str,
    last: tuple[str, int | None],
) -> None:
    """The result of each operation in trouble has a reason, and the report the exit code."""
    staging(world, here)
    done = here(*APPLY)
    assert set(types.rstrip(";").split(";")) <= set(types_of(done).split(";"))
    results = [value for value in done.objects if value["type"] == "result"]
    assert all(bool(v["reason"]) is (v["outcome"] != "succeeded") for v in results)
    assert (done.objects[-1]["type"], done.objects[-1].get("exit_code")) == last


def test_an_error_leaves_whole_lines_and_no_last_one(world: World, here: Here) -> None:
    """If the server fails in the middle, every printed line is an event, and the exit code is 1."""
    world.job(("[pace]", '[rollout]\nmax_failures = "100%"\n[pace]\nmax_at_once = 1'))
    strike = Faults.parse("503=100%", 1)
    observed = {"writes": 0}

    def down(request: Request) -> None:
        observed["writes"] += request.writes
        if observed["writes"] > 3:
            world.simulator.faults = strike

    world.simulator.before = down
    done = here(*APPLY)
    assert (done.code, done.err.count("Error: ")) == (1, 1)
    types = types_of(done)
    assert types.startswith("operation;" * 12 + "plan;" + "result;" * 3)
    assert not types.endswith("report;")


def test_an_interrupted_job_has_its_report(world: World, here: Here) -> None:
    """SIGTERM: exit 143, every line is whole, and the last one reports how the job ended."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))
    observed = {"writes": 0}

    def strike(process: Process, request: Request) -> None:
        observed["writes"] += request.writes
        if observed["writes"] == 4:
            world.simulator.after = None
            process.send_signal(signal.SIGTERM)

    done = ended(world.start_watched("after", strike, *APPLY))
    assert done.code == 143
    assert _is_as_documented("apply", types_of(done))
    assert (done.objects[-1]["ended"], done.objects[-1]["exit_code"]) == ("SIGTERM", 143)
    (status,) = here("status", "scan.jsonl", "--json").lines
    assert validated(status)["ended"] == "SIGTERM"


def test_events_of_an_installed_kind_match_the_schema(
    world: World, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its name and the verbs it counts, its plan event matches the schema."""

    class Advise(Attach):
        """A kind with a verb that no operation ever has, and the name of another field."""

        name = "advise"
        verbs = ("job", "attach")

    monkeypatch.setitem(KINDS, "advise", Advise)
    world.job(('kind = "attach"', 'kind = "advise"'))
    done = here("plan", "job.toml", "--json")
    assert types_of(done) == "operation;" * 12 + "plan;"
    totals = done.objects[-1]
    assert (totals["job"], totals["kind"], totals["attach"]) == ("scan", "advise", 12)
    assert "update" not in totals
    assert _is_as_documented("apply", types_of(here(*APPLY)))


def test_all_that_an_apply_prints_is_a_manifest(world: World, here: Here) -> None:
    """The next job ignores the lines of waves and reports, and takes the workspaces."""
    rolled_out('gate = "true"')(world, here)
    done = here(*APPLY)
    assert "wave;" in types_of(done)
    (world.folder / "applied.jsonl").write_text(done.out, encoding="utf-8")
    world.job(("all = true", 'file = "applied.jsonl"'), name="again.toml")
    assert here("workspaces", "again.toml").lines[-1] == "12 workspaces selected."


def test_schema_events_prints_the_shipped_schema(here: Here) -> None:
    """``bulkops schema events`` prints ``jobs/events.schema.json``, byte for byte."""
    done = here("schema", "events")
    assert (done.code, done.err) == (0, "")
    assert done.out == SCHEMA.read_text(encoding="utf-8")
    assert here("schema").out == here("schema", "job").out != done.out
    assert here("schema", "nonsense").code == 2


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed: apt-get install jq")
def test_the_jq_examples_work(world: World, here: Here) -> None:
    """Each example of events.md, run unchanged, prints what the text promises."""
    refused(world, here)
    (world.folder / "job.toml").rename(world.folder / "scan.toml")
    blocks = re.findall(r"<!-- jq -->\n((?:    .*\n)+)", TEXT)
    expected = [world.shell(re.sub(r"(?m)^    ", "", block)) for block in blocks]
    planned, applied, verified = expected
    assert [done.code for done in expected] == [0, 0, 0]
    assert planned.lines == [f"attach prod-{number:03}" for number in range(1, 13)]
    assert {line.partition(":")[0] for line in applied.lines[:-1]} == set(LAST)
    assert applied.lines[-1] == '["complete",10,3]'
    assert verified.out == ""
    for line in (world.folder / "events.jsonl").read_text(encoding="utf-8").splitlines():
        validated(line)
    again = (world.folder / "again.jsonl").read_text(encoding="utf-8")
    assert again == "".join(f'{{"workspace":"{name}"}}\n' for name in LAST)
