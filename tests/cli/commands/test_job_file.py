"""``bulkops check`` and ``bulkops schema``: both without a network."""

from __future__ import annotations

import pytest

from tests.cli.support import NOBODY, World
from tests.conftest import Here
from tests.documents.job_tables import SCHEMA


def test_check_describes_a_job_in_one_line(world: World, here: Here) -> None:
    """It has name, kind, task, organization and selecting fields; no request is sent."""
    world.job(("all = true", 'names = ["prod-*"]\nexclude_tags = ["old"]\nallow_empty = true'))
    done = here("check", "job.toml", TFE_ADDRESS=NOBODY, TFE_TOKEN="")
    assert (done.code, done.err) == (0, "")
    assert done.out == "scan: attach security-scan in acme, selected by names, exclude_tags\n"
    assert world.requests == 0


def test_check_as_json(here: Here) -> None:
    """``--json`` is one object with the same facts."""
    done = here("check", "job.toml", "--json")
    assert done.code == 0
    assert done.objects == [
        {
            "type": "job",
            "job": "scan",
            "kind": "attach",
            "organization": "acme",
            "task": "security-scan",
            "selecting": ["all"],
        }
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mandatory", "mandatry"),
        ("all = true", "al = true"),
        ("all = true", ""),
        ('organization = "acme"', ""),
        ("[pace]", "[pace"),
        ('settle = "50ms"', 'settle = "50"'),
    ],
)
def test_check_refuses_what_plan_refuses_with_the_same_message(
    world: World, here: Here, old: str, new: str
) -> None:
    """A wrong file is exit 2, with plan's message on stderr and nothing on stdout."""
    world.job((old, new))
    checked, planned = here("check", "job.toml"), here("plan", "job.toml")
    assert (checked.code, checked.out) == (2, "")
    assert checked.err == planned.err
    assert "job.toml" in checked.err


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ("mandatory", "list.csv, line 3: enforcement_level is empty: give one of"),
        ("mandatory\nprod-002,mandatry", 'list.csv, line 3: enforcement_level = "mandatry": not'),
        ("mandatory\nprod-001,advisory", 'list.csv, line 3: "prod-001" has other values than in '),
    ],
    ids=["empty", "unknown", "twice"],
)
def test_wrong_values_are_exit_2_and_nothing_is_sent(
    world: World, here: Here, cells: str, problem: str
) -> None:
    """A value that is missing or wrong in the file is named, with its line."""
    world.job(
        ('enforcement_level = "mandatory"', 'from_file = ["enforcement_level"]'),
        ("all = true", 'file = "list.csv"'),
    )
    text = f"name,enforcement_level\nprod-001,{cells}\nprod-003,\n"
    (world.folder / "list.csv").write_text(text, encoding="utf-8")
    done = here(*world.applying)
    assert (done.code, done.out) == (2, "")
    assert problem in done.err
    assert world.requests == 0


def test_check_of_a_missing_file(here: Here) -> None:
    """A missing file is exit 2 and named."""
    done = here("check", "nothing.toml")
    assert done.code == 2
    assert "nothing.toml: can't be read" in done.err


def test_schema_prints_what_the_ready_files_name(world: World, here: Here) -> None:
    """``bulkops schema`` prints ``jobs/job.schema.json``, byte for byte, without a request."""
    done = here("schema", TFE_ADDRESS=NOBODY)
    assert (done.code, done.err) == (0, "")
    assert done.out == SCHEMA.read_text(encoding="utf-8")
    assert world.requests == 0
