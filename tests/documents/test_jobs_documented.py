"""``jobs/README.md`` agrees with the code, and each file beside it is ready to use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bulkops.fleet.fleet import parse_fleet
from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.standing import WORST_FIRST
from bulkops.job import rollout
from bulkops.job.conditions import ATTRIBUTES
from bulkops.job.file import load_job
from bulkops.job.job import parse_job
from bulkops.job.rollout import Rollout
from bulkops.job.schema import meanings
from bulkops.operations import KINDS
from bulkops.operations.kinds.attach import AttachSpec
from bulkops.operations.model import Scope
from bulkops.operations.values import overridable
from tests.documents.job_tables import (
    FLEET_SCHEMA,
    JOBS,
    SCHEMA,
    TABLES,
    readme_as_it_should_be,
    rows,
    schemas_as_they_should_be,
)

FLEET = JOBS / "fleet.toml"
FILES = sorted({*JOBS.glob("*.toml")} - {FLEET})
README = (JOBS / "README.md").read_text(encoding="utf-8")


def test_every_field_is_documented_and_nothing_else() -> None:
    """The tables have the code's fields, types, defaults, choices and meanings.

    If this fails, `python -m tests.documents.job_tables` writes them again.
    """
    assert readme_as_it_should_be(README) == README


def test_every_field_is_explained() -> None:
    """Every field has a meaning."""
    assert not re.findall(r"^\| `.*\|\s*\|$", README, re.MULTILINE)


@pytest.mark.parametrize("heading", TABLES)
def test_every_field_of_a_table_has_a_meaning_of_its_own(heading: str) -> None:
    """No two fields of a table have the same meaning."""
    texts = meanings(TABLES[heading])
    assert len(set(texts.values())) == len(texts)


def test_meanings_do_not_refer_to_the_code_around_them() -> None:
    """In a table, a meaning can't refer to what is above or below it in the code."""
    text = "".join(rows(struct) for struct in TABLES.values())
    assert "above" not in text
    assert "below" not in text


def test_the_kinds_with_a_selection_are_the_codes() -> None:
    """README lists exactly the kinds whose jobs have ``[select]``."""
    text = README.partition("## `[select]`\n\n")[2].partition("|")[0]
    selecting = [name for name, kind in KINDS.items() if kind.scope is Scope.SELECTED]
    assert set(re.findall(r"`([a-z-]+)`", text)) == set(selecting)


def test_the_schemas_in_the_folder_are_up_to_date() -> None:
    """``jobs/job.schema.json`` and ``fleet.schema.json`` are what ``bulkops schema`` prints.

    If this fails, `python -m tests.documents.job_tables` writes them again.
    """
    expected = schemas_as_they_should_be()
    assert {path: path.read_text(encoding="utf-8") for path in expected} == expected


def test_every_attribute_of_a_condition_is_documented() -> None:
    """The table of ``where`` has exactly the code's attributes, with their operators."""
    (table,) = re.findall(r"^\| attribute \|.*?\n((?:\|.*\n)+)", README, re.MULTILINE)
    documented = {
        name: tuple(re.findall("`([^`]+)`", operators))
        for _, names, operators, _, _ in (line.split("|") for line in table.splitlines()[1:])
        for name in re.findall("`([^`]+)`", names)
    }
    assert documented == {name: kind.operators for name, kind in ATTRIBUTES.items()}


def test_the_tolerance_arithmetic_is_the_codes() -> None:
    """Each row of the tolerance table is what ``Rollout.tolerated`` gives."""
    found = re.findall(r"^\| `(\S+)` \| (\d+) \| (\d+) \| (\d+|never) \|$", README, re.MULTILINE)
    assert len(found) == 7
    for written, operations, expected, stops_at in found:
        max_failures = written.strip('"') if written.startswith('"') else int(written)
        tolerated = Rollout(max_failures=max_failures).tolerated(int(operations))
        assert tolerated == int(expected)
        assert stops_at == (str(tolerated + 1) if tolerated < int(operations) else "never")


def test_the_waves_arithmetic_is_the_codes() -> None:
    """Each row of the waves' table is what ``Rollout.steps`` gives."""
    found = re.findall(r"^\| (?:none|`(\[.*\])`) \| (\d+) \| ([\d, ]+) \|$", README, re.MULTILINE)
    assert len(found) == 5
    for written, operations, sizes in found:
        waves = tuple(re.findall(r'"(.+?)"', written))
        steps = Rollout(waves=waves).steps(int(operations))
        assert ", ".join(str(step.size) for step in steps) == sizes


def test_the_table_of_failures_is_the_codes() -> None:
    """README's table of failures is that of the code's docstring."""
    rows = re.compile(r"^\| ([a-z].*?) *\| (yes|no) +\|$", re.MULTILINE)
    documented = rows.findall(README)
    assert documented == rows.findall(rollout.__doc__ or "")
    assert len(documented) == 9


def _examples() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", README, re.DOTALL)


def test_the_examples_are_a_job_and_a_fleet() -> None:
    """README's examples are valid; the fleet is one of that job, in two waves."""
    example, notify, fleet = (one for one in _examples() if "from_file" not in one)
    job = parse_job(example, "README.md")
    assert job.name == "require-security-scan"
    told = parse_job(example + notify, "README.md")
    assert told.notify.url_env == "WEBHOOK"
    assert told.digest == job.digest
    parsed = parse_fleet(fleet, Path("/jobs/README.toml"), "README.md")
    assert parsed.job == Path(f"/jobs/{job.name}.toml")
    assert parsed.waves() == [("acme-canary",), ("acme-emea",)]


def test_the_example_of_values_is_a_job(tmp_path: Path) -> None:
    """README's example of values per workspace is valid, with the file beside it."""
    (table,) = (one for one in _examples() if "from_file" in one)
    (listing,) = re.findall(r"```csv\n(.*?)```", README, re.DOTALL)
    (tmp_path / "as-listed.csv").write_text(listing, encoding="utf-8")
    file = tmp_path / "job.toml"
    file.write_text(f'name = "listed"\norganization = "acme"\n{table}', encoding="utf-8")
    groups = {one.workspaces: one.spec for one in load_job(file).values}
    assert groups == {
        ("prod-api-001",): AttachSpec(task="security-scan", enforcement_level="mandatory"),
        ("prod-app-001",): AttachSpec(
            task="security-scan", enforcement_level="mandatory", stages=("pre_plan", "post_plan")
        ),
        ("staging-app-001",): AttachSpec(task="security-scan", enforcement_level="advisory"),
    }


def test_the_kinds_with_values_are_the_codes() -> None:
    """README lists exactly the kinds that can have values per workspace."""
    text = README.partition("### Values per workspace\n")[2].partition("```")[0]
    named = set(re.findall(r"`([a-z-]+)`", text.partition("The kinds")[2]))
    assert named == {name for name, kind in KINDS.items() if overridable(kind)}


def test_the_waves_of_shards_are_the_codes() -> None:
    """Each row of the fleets' table is what ``FleetRollout.steps`` gives for README's shards."""
    (listed,) = re.findall(r"(?m)^the shards (`acme-canary`.*):$", README)
    shards = re.findall("`(.+?)`", listed)
    found = re.findall(r"^\| (?:none|`(\[.*\])`) \| ([\d, ]+) \|$", README, re.MULTILINE)
    assert len(found) == 5
    for written, sizes in found:
        steps = FleetRollout(waves=tuple(re.findall(r'"(.+?)"', written))).steps(shards)
        assert ", ".join(str(len(step)) for step in steps) == sizes


def test_the_order_of_a_fleets_exit_codes_is_documented() -> None:
    """README lists them from the worst on."""
    (listed,) = re.findall(r"from the worst on: (.*)\.$", README, re.MULTILINE)
    codes = listed.replace("a signal's (129, 130, 143)", "129, 130, 143").split(", ")
    assert list(map(int, codes)) == [*map(int, WORST_FIRST)]


def test_the_readme_names_every_file_and_no_other() -> None:
    """README lists exactly the job and fleet files in the folder."""
    named = set(re.findall(r"\]\((\S+\.toml)\)", README))
    assert named == {path.name for path in (*FILES, FLEET)}
    assert len(FILES) >= 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_ready_file_is_a_job_that_explains_itself(path: Path) -> None:
    """Each is valid, has its file's name, its schema, when to use it, and how to undo it."""
    text = path.read_text(encoding="utf-8")
    job = load_job(path)
    assert (job.name, job.organization) == (path.stem, "acme")
    _explains_itself(text, SCHEMA, f"plan jobs/{path.name}", f"apply jobs/{path.name}")


def test_the_ready_fleet_explains_itself() -> None:
    """It is valid, has its schema, when to use it, and how to undo it."""
    text = FLEET.read_text(encoding="utf-8")
    fleet = parse_fleet(text, FLEET, FLEET.name)
    assert fleet.name == FLEET.stem
    assert fleet.job in FILES
    _explains_itself(
        text, FLEET_SCHEMA, "fleet plan jobs/fleet.toml", "fleet apply jobs/fleet.toml"
    )


def _explains_itself(text: str, schema: Path, *commands: str) -> None:
    directive, _, rest = text.partition("\n")
    assert directive == f"#:schema ./{schema.name}"
    comment = rest.partition("\n\n")[0]
    assert all(line.startswith("#") for line in comment.splitlines())
    shown = [f"#   bulkops {command}\n" for command in commands]
    assert all(phrase in comment for phrase in ("# When: ", *shown, "# Back: "))
