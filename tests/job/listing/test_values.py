"""Values per workspace: which specs a file gives, how errors read, and what a journal keeps."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.errors import JobError
from bulkops.job.job import Job, job_from_builtins, job_to_builtins
from bulkops.job.listing.manifest import parse_manifest
from bulkops.job.listing.values import read_specs
from bulkops.operations import KINDS
from bulkops.operations.kinds.base import WorkspaceTaskKind
from bulkops.operations.model import Observed, Operation, Scope, Skip, Target, TaskSpec
from bulkops.operations.steps import StepTable
from bulkops.operations.values import overridable

Table = dict[str, Any]

ATTACH: Table = {"kind": "attach", "task": "scan", "enforcement_level": "advisory"}
COLUMNS = ["enforcement_level", "stages"]
LISTED = """\
workspace,enforcement_level,stages,owner
a,mandatory,,x
b,,pre_plan  post_apply,mandatory
c,,,
d, Mandatory,,
"""
JOB = {"name": "scan", "organization": "acme", "select": {"file": "list.csv"}}


def read(text: str, operation: Table, **select: object) -> Job:
    """Return a job with this ``[operation]``, and a text as its ``select.file``."""
    document = {**JOB, "operation": operation, "select": {"file": "list.csv", **select}}
    return job_from_builtins(
        document, "job.toml", read=lambda name: parse_manifest(text, f"jobs/{name}")
    )


def attach(text: str, columns: list[str] = COLUMNS, **own: object) -> Job:
    """Return a job that attaches with the values in a text."""
    return read(text, {**ATTACH, **own, "from_file": columns})


def specs(job: Job) -> dict[str, Table]:
    """Return listed name or id → its spec."""
    return {e: msgspec.to_builtins(spec) for e, spec in job.steps[0].by_entry.items()}


def test_a_row_that_ends_early_has_empty_cells() -> None:
    """The file has these columns, even if all of its rows are so short."""
    full = attach("workspace,enforcement_level,stages\na,mandatory,\nb,mandatory,\n")
    assert attach("workspace,enforcement_level,stages\na,mandatory\nb,mandatory\n") == full


def test_cells_override_the_jobs_own_values() -> None:
    """An empty cell leaves the job's value, a list is separated by blanks, the rest is ignored."""
    job = attach(LISTED.replace("Mandatory", "mandatory"))
    found = {name: (s["enforcement_level"], s["stages"]) for name, s in specs(job).items()}
    assert found == {
        "a": ("mandatory", ("post_plan",)),
        "b": ("advisory", ("pre_plan", "post_apply")),
        "c": ("advisory", ("post_plan",)),
        "d": ("mandatory", ("post_plan",)),
    }
    assert job.select.listed == ("a", "b", "c", "d")
    assert job.steps[0].spec in job.steps[0].specs
    assert len(job.steps[0].specs) == 3


def test_a_column_replaces_a_required_field() -> None:
    """If each row has a level, the job file needs none."""
    operation = {"kind": "attach", "task": "scan", "from_file": ["enforcement_level"]}
    job = read("name,enforcement_level\na,mandatory\nb,advisory\n", operation)
    assert [spec["enforcement_level"] for spec in specs(job).values()] == ["advisory", "mandatory"]


def test_json_has_values_of_its_own_types() -> None:
    """Lists, booleans and null are read from JSON, and text as from CSV."""
    rows: list[Table] = [
        {"name": "a", "auto_apply": True, "description": None},
        {"name": "b", "auto_apply": "FALSE", "description": "true"},
        {"name": "c", "terraform_version": "1.9.8"},
    ]
    columns = ["auto_apply", "description", "terraform_version"]
    operation = {"kind": "workspace-update", "assessments_enabled": True, "from_file": columns}
    for text in (json.dumps(rows), json.dumps({"x": rows[0], "y": rows[1], "z": rows[2]})):
        found = specs(read(text, operation))
        given_ = {
            name: {k: v for k, v in spec.items() if v is not None} for name, spec in found.items()
        }
        assert given_ == {
            "a": {"assessments_enabled": True, "auto_apply": True},
            "b": {"assessments_enabled": True, "auto_apply": False, "description": "true"},
            "c": {"assessments_enabled": True, "terraform_version": "1.9.8"},
        }


REFUSED: dict[str, tuple[str, Table]] = {
    'jobs/list.csv, line 3: enforcement_level = "mandatroy": not one of "advisory", "mandatory"': (
        "name,enforcement_level,stages\na,,\nb,mandatroy,\n",
        {},
    ),
    'jobs/list.csv, line 2: stages[1] = "plan": not one of "post_apply", "post_plan"': (
        "name,enforcement_level,stages\na,,pre_plan plan\n",
        {},
    ),
    'jobs/list.csv, line 2: stages[0] = "pre_plan,post_plan": not one of': (
        'name,enforcement_level,stages\na,,"pre_plan,post_plan"\n',
        {},
    ),
    'jobs/list.csv, line 3: "a" has other values than in jobs/list.csv, line 2: keep one of': (
        "name,enforcement_level,stages\na,,\na,mandatory,\n",
        {},
    ),
    'job.toml: operation.from_file: jobs/list.csv has no column "stages", or has it twice. Its col'
    'umns: "name", "enforcement_level"': ("name,enforcement_level,stages,Stages\na,,,\n", {}),
    "job.toml: operation.from_file: jobs/list.csv lists no workspace, which leaves "
    "enforcement_level without a value: list one, or set enforcement_level in [operation]": (
        "workspace,enforcement_level,stages\n",
        {"enforcement_level": None},
    ),
    'job.toml: operation.from_file[0] = "task": not one of "enforcement_level", "stages"': (
        LISTED,
        {"from_file": ["task"]},
    ),
    'job.toml: operation.from_file[1] = "kind": not one of': (
        LISTED,
        {"from_file": ["stages", "kind"]},
    ),
    'job.toml: unknown key operation.stage: did you mean "stages"? Known: kind, from_file, task': (
        LISTED,
        {"stage": "post_plan"},
    ),
    'job.toml: operation.enforcement_level is missing: give one of "advisory", "mandatory"': (
        LISTED,
        {"enforcement_level": None, "from_file": ["stages"]},
    ),
    "jobs/list.csv, line 3: enforcement_level is empty: give one of": (
        "name,enforcement_level,stages\na,mandatory,\nb,,\n",
        {"enforcement_level": None},
    ),
    "job.toml: operation: values takes the place of from_file: give only one": (
        LISTED,
        {"values": [{"workspaces": ["a"]}]},
    ),
}


@pytest.mark.parametrize(("message", "wrong"), REFUSED.items(), ids=REFUSED)
def test_a_refusal_names_the_file_the_line_and_the_column(
    message: str, wrong: tuple[str, Table]
) -> None:
    """The error names what is allowed, too."""
    text, changes = wrong
    table = {**ATTACH, "from_file": COLUMNS, **changes}
    operation = {name: value for name, value in table.items() if value is not None}
    with pytest.raises(JobError) as caught:
        read(text, operation)
    assert str(caught.value).startswith(message)


def test_a_rule_over_several_fields_is_checked_for_each_row() -> None:
    """A row that the kind refuses is named; the job's own values may need the row's."""
    operation = {"kind": "workspace-update", "from_file": ["execution_mode", "agent_pool_id"]}
    text = "name,execution_mode,agent_pool_id\na,remote,\nb,agent,apool-1\nc,agent,\n"
    with pytest.raises(JobError, match=r"list.csv, line 4: `execution_mode = \"agent\"` and"):
        read(text, operation)
    job = read(text.replace("c,agent,\n", "c,,\n"), {**operation, "auto_apply": True})
    assert specs(job)["b"]["agent_pool_id"] == "apool-1"
    assert specs(job)["c"]["execution_mode"] is None


def test_a_kind_without_such_fields_has_no_columns() -> None:
    """Run tasks are the same everywhere; kinds that change no selected workspaces have no file."""
    possible = {name: overridable(kind) for name, kind in KINDS.items()}
    assert possible["replace"] == ("enforcement_level", "stages")
    assert possible["detach"] == possible["workspace-unlock"] == ()
    assert not any(possible[name] for name, k in KINDS.items() if k.scope is not Scope.SELECTED)
    with pytest.raises(JobError, match=r"unknown key operation\.from_file\. Known: kind, task"):
        read(LISTED, {"kind": "detach", "task": "scan", "from_file": ["task"]})


def test_without_a_file_there_is_nothing_to_read() -> None:
    """``from_file`` requires ``select.file``, and a job whose file is read."""
    document = {**JOB, "operation": {**ATTACH, "from_file": COLUMNS}}
    with pytest.raises(
        JobError, match=r"name the file with these columns in \[select\], for example file = "
    ):
        job_from_builtins(document)
    with pytest.raises(JobError, match="name the file with these columns"):
        job_from_builtins({**document, "select": {"all": True}})


def test_the_digest_is_that_of_the_values() -> None:
    """Other values make another job; the order of rows, columns and the format don't matter."""
    job = attach("name,enforcement_level,stages\na,mandatory,\nb,,pre_plan\n")
    lists = [
        {"name": "b", "stages": ["pre_plan"], "enforcement_level": "advisory"},
        {"name": "a", "enforcement_level": "mandatory", "stages": "post_plan"},
    ]
    other = attach("stages;name;enforcement_level\npre_plan;b;\n;a;mandatory\n", COLUMNS[::-1])
    assert {one.digest for one in (attach(json.dumps(lists)), other)} == {job.digest}
    for text in (
        "name,enforcement_level,stages\na,,\nb,,pre_plan\n",
        "name,enforcement_level,stages\na,mandatory,\nb,mandatory,pre_plan\n",
        "name,enforcement_level,stages\nb,mandatory,\na,,pre_plan\n",
    ):
        assert attach(text).digest != job.digest


def test_a_workspace_may_be_listed_twice_with_the_same_values() -> None:
    """It counts once, however the values are written."""
    text = "name,enforcement_level,stages\na,,\nb,mandatory,\na,advisory,post_plan\na,,\n"
    job = attach(text)
    assert [one.workspaces for one in job.steps[0].values] == [("a",), ("b",)]
    assert job.select.listed == ("a", "b")


def test_the_same_values_everywhere_are_the_jobs_own() -> None:
    """A file that gives every workspace one value makes the same job as that value without it."""
    job = attach("name,enforcement_level,stages\na,mandatory,\nb,mandatory,\n")
    plain = read("name\na\nb\n", {**ATTACH, "enforcement_level": "mandatory"})
    assert (job.steps, job.digest) == (plain.steps, plain.digest)


CELLS = st.fixed_dictionaries(
    {
        "workspace": st.from_regex(r"[a-z]{1,3}", fullmatch=True),
        "enforcement_level": st.sampled_from(["", "advisory", "mandatory"]),
        "stages": st.sampled_from(["", "pre_plan", "post_plan pre_apply"]),
    }
)


@settings(max_examples=40)
@given(st.lists(CELLS, max_size=8, unique_by=lambda row: row["workspace"]))
def test_a_journal_keeps_the_values(rows: list[dict[str, str]]) -> None:
    """From a header the same job is read, with the same digest, without the file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["workspace", *COLUMNS])
    writer.writeheader()
    writer.writerows(rows)
    job = attach(text.getvalue())
    document = msgspec.json.decode(msgspec.json.encode(job_to_builtins(job)))
    again = job_from_builtins(document)
    assert msgspec.structs.replace(again, list_file=job.list_file) == job
    assert again.digest == job.digest
    assert {*specs(job)} in ({row["workspace"] for row in rows}, set())
    for row in rows:
        spec = specs(job).get(row["workspace"]) or msgspec.to_builtins(job.steps[0].spec)
        assert spec["enforcement_level"] == (row["enforcement_level"] or "advisory")
        assert list(spec["stages"]) == (row["stages"] or "post_plan").split()


class AuditSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A spec that names another run task and, by mistake, not in ``per_job``."""

    audit: str = "one"

    @property
    def run_tasks(self) -> Mapping[str, str]:
        """Both run tasks."""
        return {"task": self.task, "audit": self.audit}


class Audit(WorkspaceTaskKind):
    """A kind with this spec, which leaves everything as it is."""

    name = "audit"
    spec_type = AuditSpec

    def decide_by(self, target: Target, observed: Sequence[Observed]) -> Operation | Skip:
        """Skip the target."""
        return Skip(target, f"attached {len(observed)} times")


def test_a_run_task_is_never_a_value() -> None:
    """Whatever an installed kind declares, all workspaces have the same run tasks."""
    manifest = parse_manifest("name,audit\na,two\nb,\n", "list.csv")
    table = StepTable("job.toml", Audit, {"task": "scan", "from_file": ["audit"]})
    with pytest.raises(JobError, match="a run task or secret is the same on every workspace"):
        read_specs(table, listed=None, manifest=manifest)


MADE_UP: dict[str, Any] = {
    "other workspaces than select.listed": [{"workspaces": ["a"]}],
    'operation.values[1].workspaces: "a" has values already': [
        {"workspaces": ["a", "b"]},
        {"workspaces": ["a"], "stages": ["pre_plan"]},
    ],
    "Known: workspaces, enforcement_level, stages": [{"workspaces": ["a", "b"], "task": "other"}],
    "operation.values[0].workspaces is missing": [{"stages": ["pre_plan"]}],
    'operation.values[0].stages[0] = "x": not one of': [{"workspaces": ["a"], "stages": ["x"]}],
}


@pytest.mark.parametrize(("message", "values"), MADE_UP.items(), ids=MADE_UP)
def test_made_up_values_in_a_journal_are_refused(message: str, values: list[Table]) -> None:
    """Every listed workspace is in exactly one group, and no group names another run task."""
    operation = {**ATTACH, "values": values}
    with pytest.raises(JobError) as caught:
        job_from_builtins({**JOB, "operation": operation, "select": {"listed": ["a", "b"]}})
    assert message in str(caught.value)
