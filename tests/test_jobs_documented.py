"""``jobs/README.md`` says what the code does, and every job file beside it is ready to use."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from msgspec import inspect

from bulkops import rollout
from bulkops.job import JobFile, parse_job
from bulkops.job_errors import allowed, one_of, shown
from bulkops.operations import KINDS
from bulkops.pace import Pace
from bulkops.rollout import Rollout
from bulkops.selection import Select

JOBS = Path(__file__).parents[1] / "jobs"
FILES = sorted(JOBS.glob("*.toml"))
README = (JOBS / "README.md").read_text(encoding="utf-8")

Row = tuple[str, str, str, str]
"""Field, type, default, allowed."""

TABLES: dict[str, type[msgspec.Struct]] = {
    "Top level": JobFile,
    "`[select]`": Select,
    "`[rollout]`": Rollout,
    "`[pace]`": Pace,
    **{f'`kind = "{name}"`': kind.wish_type for name, kind in KINDS.items()},
}

TYPE_NAMES: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.LiteralType: "string",
    inspect.BoolType: "boolean",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.VarTupleType: "array",
    inspect.DictType: "table",
}


def documented() -> dict[str, list[Row]]:
    """Return the rows of each heading's ``| field |`` table."""
    tables: dict[str, list[Row]] = {}
    for part in re.split(r"^##+ ", README, flags=re.MULTILINE):
        heading, *lines = part.splitlines()
        if "| field | type | default | allowed | meaning |" in lines:
            start = lines.index("| field | type | default | allowed | meaning |") + 2
            tables[heading] = list(rows(lines[start:]))
    return tables


def rows(lines: list[str]) -> list[Row]:
    """Return the cells of the table these lines start with, each with a meaning in words."""
    found: list[Row] = []
    for line in lines:
        if not line.startswith("|"):
            break
        field, kind, default, choice, meaning = line.strip("|").split("|")
        assert meaning.strip(), f"{field} is not explained"
        found.append((field.strip(), kind.strip(), default.strip(), choice.strip()))
    return found


def declared(struct: type[msgspec.Struct]) -> list[Row]:
    """Return the rows a Struct's fields should have."""
    return [
        (f"`{f.name}`", type_name(inspect.type_info(f.type)), default(f), allowed(f.type))
        for f in msgspec.structs.fields(struct)
    ]


def default(field: msgspec.structs.FieldInfo) -> str:
    """Return a field's default as the README writes it."""
    if field.required:
        return "required"
    if field.default is msgspec.NODEFAULT or field.default in (None, ()):
        return "none"
    return f"`{shown(field.default)}`"


def type_name(info: inspect.Type) -> str:
    """Return TOML's name for a type."""
    if isinstance(info, inspect.Metadata):
        return type_name(info.type)
    if isinstance(info, inspect.UnionType):
        members = (m for m in info.types if not isinstance(m, inspect.NoneType))
        return " or ".join(map(type_name, members))
    return TYPE_NAMES[type(info)]


def test_every_field_is_documented_and_nothing_else() -> None:
    """Each table lists exactly the code's fields with their types, defaults and choices."""
    kinds: Row = ("`kind`", "string", "required", one_of(KINDS))
    expected = {heading: declared(struct) for heading, struct in TABLES.items()}
    assert documented() == {"`[operation]`": [kinds], **{k: v for k, v in expected.items() if v}}


def test_the_tolerance_arithmetic_is_the_codes() -> None:
    """Each row of the tolerance table is what ``Rollout.tolerated`` gives."""
    found = re.findall(r"^\| `(\S+)` \| (\d+) \| (\d+) \| (\d+|never) \|$", README, re.MULTILINE)
    assert len(found) == 7
    for written, operations, borne, stops_at in found:
        max_failures = written.strip('"') if written.startswith('"') else int(written)
        tolerated = Rollout(max_failures=max_failures).tolerated(int(operations))
        assert tolerated == int(borne)
        assert stops_at == (str(tolerated + 1) if tolerated < int(operations) else "never")


def test_the_waves_arithmetic_is_the_codes() -> None:
    """Each row of the waves' table is what ``Rollout.steps`` gives."""
    found = re.findall(r"^\| (?:none|`(\[.*\])`) \| (\d+) \| ([\d, ]+) \|$", README, re.MULTILINE)
    assert len(found) == 5
    for written, operations, sizes in found:
        waves = tuple(re.findall(r'"(.+?)"', written))
        steps = Rollout(waves=waves).steps(int(operations))
        assert ", ".join(str(step.size) for step in steps) == sizes


def test_what_counts_as_a_failure_is_said_the_same_everywhere() -> None:
    """The table in the code's docstring is the README's."""
    rows = re.compile(r"^\| ([a-z].*?) *\| (yes|no) +\|$", re.MULTILINE)
    documented = rows.findall(README)
    assert documented == rows.findall(rollout.__doc__ or "")
    assert len(documented) == 8


def test_the_example_is_a_job() -> None:
    """The README's example parses as it stands."""
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert parse_job(example, "README.md").name == "require-security-scan"


def test_the_readme_names_every_file_and_no_other() -> None:
    """The list of ready files is the folder's."""
    named = set(re.findall(r"\]\((\S+\.toml)\)", README))
    assert named == {path.name for path in FILES}
    assert len(FILES) >= 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_ready_file_is_a_job_that_explains_itself(path: Path) -> None:
    """Each parses, is named as its file, and starts with use, both commands and the way back."""
    text = path.read_text(encoding="utf-8")
    job = parse_job(text, path.name)
    assert (job.name, job.organization) == (path.stem, "acme")
    comment = text.partition("\n\n")[0]
    assert all(line.startswith("#") for line in comment.splitlines())
    for phrase in (
        "# When: ",
        f"#   bulkops plan jobs/{path.name}\n",
        f"#   bulkops apply jobs/{path.name}\n",
        "# Back: ",
    ):
        assert phrase in comment
