"""The JSON Schema of job files: it is valid, and agrees with ``parse_job``."""

from __future__ import annotations

import copy
import importlib.metadata
import math
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.errors import JobError
from bulkops.job.job import JobFile, job_from_builtins
from bulkops.job.journal import JournalOptions
from bulkops.job.listing.values import FIELDS
from bulkops.job.pace import Pace
from bulkops.job.rollout import Rollout
from bulkops.job.schema import job_schema, meanings, summary, table_schema, with_nested
from bulkops.job.select import Select
from bulkops.operations import KINDS
from bulkops.operations.model import Scope
from bulkops.operations.values import overridable
from tests.documents.job_tables import FLEETS, JOBS, TABLES
from tests.kinds import CASES

Document = dict[str, Any]

ONLY_THE_CODE = (
    r"= nan: not ",
    r"= an integer of \d+ bits: not ",
    r"select\.where\[\d+\] = .*: not a condition",
    r"= \"re:.*: not a regular expression",
    r"operation\.from_file = .*: name the file with these columns in \[select\]",
    r"operation\.values",
    r"step 2: .* changes the same thing of a workspace as step 1",
)
"""Messages of ``parse_job`` for what the schema can't refuse."""

SCHEMA = job_schema()


def _as_ecma(_validator: Any, pattern: str, value: object, _schema: Any) -> Any:
    # Python's "$" accepts a trailing line break; that of ECMA 262, which editors use, doesn't.
    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern}")


def _is_integer(_checker: Any, value: object) -> bool:
    # TOML distinguishes 1.0 from 1, JSON doesn't.
    return isinstance(value, int) and not isinstance(value, bool)


def _remembered(keyword: str) -> Callable[..., Any]:
    """Return a keyword's check, which is made once for each value.

    Most tables are the same in thousands of documents. repr() tells 1 from 1.0 and from True.
    """
    check = jsonschema.Draft202012Validator.VALIDATORS[keyword]
    refusals: dict[tuple[int, str], str | None] = {}

    def remembered(validator: Any, content: object, value: object, schema: Any) -> Any:
        key = id(content), repr(value)
        if key not in refusals:
            errors = check(validator, content, value, schema)
            refusals[key] = next((error.message for error in errors), None)
        if (message := refusals[key]) is not None:
            yield jsonschema.ValidationError(message)

    return remembered


VALIDATOR = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"pattern": _as_ecma, "$ref": _remembered("$ref"), "oneOf": _remembered("oneOf")},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)(SCHEMA)

VALUES: tuple[Any, ...] = (
    *("", " ", "prod-*", "a b", "a/b", "a\n", "key=value", "x" * 91, "mandatory", "advisory"),
    *("ws-1", "ws-", "ws-1\n", "post_plan", "10%", "100%", "101%", "0%", "10%\n", "5m", "5m\n"),
    *("1s", "2s", "02s", "600s", "601s", "10m", "11m", "2000ms", "1h"),
    *(
        "10",
        "0",
        "02",
        "2\n",
        "-1",
        "1.5",
        "1000000000",
        "manual",
        "nonsense",
        "attach",
        "update",
        "detach",
        "re:[",
        "re:prod",
    ),
    *(True, False, -1, 0, 1, 2, 512, 513, 0.05, 0.1, 1.0, 1e5, 1e6, math.inf, math.nan, 2**70),
    *([], [""], ["prod-*"], ["ws-1"], ["post_plan"], ["post_plan", "nonsense"], ["a", 1]),
    *(["pre_plan", "pre_plan"], ["1", "10%"], [["a"]], {}, {"a": 1}, [{}]),
    *(["stages"], ["enforcement_level", "stages"], ["task"], ["execution_mode"]),
    *([{"workspaces": ["a"]}], [{"workspaces": ["a"], "stages": ["post_plan"]}]),
)


class Inner(msgspec.Struct):
    """A table in a table."""


class Outer(msgspec.Struct):
    """A table with nested tables."""

    some: Annotated[tuple[Inner | str, ...], msgspec.Meta(max_length=3)] = ()


def _fields(*structs: type[msgspec.Struct]) -> list[str]:
    return sorted({field.name for struct in structs for field in msgspec.structs.fields(struct)})


TABLES_OF_ALL: dict[str, type[msgspec.Struct]] = {
    "select": Select,
    "rollout": Rollout,
    "pace": Pace,
    "journal": JournalOptions,
}
"""Tables that every kind has."""

SHARED = [
    *(((), name) for name in _fields(JobFile)),
    *(
        ((table,), name)
        for table, struct in TABLES_OF_ALL.items()
        for name in [*_fields(struct), "nonsense"]
    ),
]
"""These tables, and keys in them to set or remove."""

OPERATION = [*_fields(*(kind.spec_type for kind in KINDS.values())), *FIELDS]
"""The keys of all kinds' ``[operation]``."""

PLACES = [*SHARED, *((("operation",), name) for name in [*OPERATION, "kind", "nonsense"])]
"""Every place in a job file."""

SELECTING_OR_NOT = {kind.scope is Scope.SELECTED: name for name, kind in KINDS.items()}
"""One kind with ``[select]`` and one without."""


def _known(kind: str) -> list[str]:
    """Return the keys of a kind's ``[operation]``."""
    per_workspace = FIELDS if overridable(KINDS[kind]) else ()
    return [*_fields(KINDS[kind].spec_type), *per_workspace]


def _job(kind: str) -> Document:
    return {
        "name": "scan",
        "operation": {"kind": kind, **copy.deepcopy(CASES[kind].spec)},
        **({"select": {"names": ["prod-*"]}} if KINDS[kind].scope is Scope.SELECTED else {}),
    }


@pytest.fixture(autouse=True, scope="module")
def installed() -> Iterator[None]:
    """Search for installed kinds only once: it takes 6 ms, and each unknown kind needs it."""
    with pytest.MonkeyPatch.context() as patch:
        found = cache(importlib.metadata.entry_points)
        patch.setattr(importlib.metadata, "entry_points", found)
        yield


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Return a valid job with up to four places changed, mostly to invalid values."""
    job = _job(draw(st.sampled_from(sorted(CASES))))
    for table, key in draw(st.lists(st.sampled_from(PLACES), max_size=4)):
        inside = _inside(job, table)
        if not isinstance(inside, dict):
            return job
        if draw(st.booleans()):
            inside[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        else:
            inside.pop(key, None)
    return job


def _inside(job: Document, table: tuple[str, ...]) -> Any:
    inside = job
    for name in table:
        inside = inside.setdefault(name, {})
    return inside


def _refusal(document: Document) -> str | None:
    try:
        job_from_builtins(document, default_organization="acme")
    except JobError as error:
        return str(error)
    return None


def _of_one_mind(document: Document) -> None:
    refusal = _refusal(document)
    error = next(VALIDATOR.iter_errors(document), None)
    if refusal is None:
        assert error is None, (error, document)
    elif error is None:
        assert any(re.search(pattern, refusal) for pattern in ONLY_THE_CODE), (refusal, document)


def _of_one_mind_on_every_value(kind: str, table: tuple[str, ...], key: str) -> None:
    for value in VALUES:
        job = _job(kind)
        _inside(job, table)[key] = value
        _of_one_mind(job)


def test_the_schema_is_valid() -> None:
    """The schema is valid by the metaschema of draft 2020-12, and names it."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


def test_every_reference_and_definition_is_used() -> None:
    """Each ``$ref`` has a definition, and each definition has a ``$ref``."""
    text = msgspec.json.encode(SCHEMA).decode()
    defined = SCHEMA["$defs"]
    assert isinstance(defined, dict)
    assert set(re.findall(r'"#/\$defs/(\w+)"', text)) == set(defined)


def test_every_field_and_every_kind_has_its_meaning() -> None:
    """Each property's description starts with its meaning in the Struct's docstring."""
    defined: Any = SCHEMA["$defs"]
    for struct in {*TABLES.values()} - {*FLEETS.values()}:
        where: Any = SCHEMA if struct is JobFile else defined[struct.__name__]
        for field in msgspec.structs.fields(struct):
            meaning = meanings(struct)[field.name]
            assert meaning
            assert where["properties"][field.name]["description"].startswith(meaning)
    for kind in KINDS.values():
        assert defined[kind.spec_type.__name__]["description"] == summary(kind)


@given(documents())
@settings(max_examples=400, deadline=None)
def test_schema_and_code_agree_on_changed_jobs(document: Document) -> None:
    """Both refuse the same jobs, except for what only the code can check."""
    _of_one_mind(document)


@pytest.mark.parametrize("kind", SELECTING_OR_NOT.values())
@pytest.mark.parametrize(
    ("table", "key"), SHARED, ids=[".".join([*table, key]) for table, key in SHARED]
)
def test_they_agree_on_every_value_in_every_shared_place(
    kind: str, table: tuple[str, ...], key: str
) -> None:
    """Whatever a field of a shared table is set to, both accept it or both refuse it."""
    _of_one_mind_on_every_value(kind, table, key)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_they_agree_on_every_value_in_every_place_of_a_kind(kind: str) -> None:
    """Whatever a field of a kind is set to, both accept it or both refuse it."""
    assert _refusal(_job(kind)) is None
    _of_one_mind(_job(kind))
    for table in TABLES_OF_ALL:
        for content in ({}, {"all": True}):
            _of_one_mind({**_job(kind), table: content})
    for key in (*_known(kind), "kind"):
        _of_one_mind_on_every_value(kind, ("operation",), key)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_they_refuse_what_only_other_kinds_have(kind: str) -> None:
    """Both refuse a field of another kind, or an unknown one."""
    for key in {*OPERATION, "nonsense"} - {*_known(kind)}:
        job = _job(kind)
        job["operation"][key] = "scan"
        assert _refusal(job) is not None, job
        assert not VALIDATOR.is_valid(job), job


@pytest.mark.parametrize("first", sorted(KINDS))
def test_they_agree_on_several_steps(first: str) -> None:
    """Two steps of any kinds: both refuse those that don't apply to selected workspaces."""
    accepted = 0
    for second in KINDS:
        tables = [_job(kind)["operation"] for kind in (first, second)]
        tables[1] = {**tables[1], **({"task": "lint"} if "task" in tables[1] else {})}
        for steps in (tables, tables[:1], [{**tables[0], "nonsense": 1}, tables[1]], []):
            for select in ({}, {"select": {"all": True}}):
                document = {"name": "scan", "operation": steps, **select}
                _of_one_mind(document)
                accepted += _refusal(document) is None
    assert accepted


@pytest.mark.parametrize(
    ("table", "given"),
    [
        ("select", {}),
        ("select", {"all": False}),
        ("select", {"exclude_names": ["a"]}),
        ("select", {"all": True, "names": ["a"]}),
        ("select", {"all": True, "project": "p"}),
        ("notify", {"on": ["stopped"]}),
        ("notify", {"heartbeat_url_env": "A", "hmac_key_env": "B"}),
        *(
            ("operation", {"kind": kind, **table})
            for kind, case in CASES.items()
            for table in case.refused
        ),
        ("operation", {"task": "scan", "enforcement_level": "advisory"}),
    ],
    ids=str,
)
def test_rules_over_several_fields(table: str, given: Document) -> None:
    """The schema has the rules over several fields, too."""
    document = {**_job("attach"), table: given}
    assert _refusal(document) is not None
    assert not VALIDATOR.is_valid(document)


COLUMNS: dict[str, tuple[list[str], Document]] = {
    "attach": (["enforcement_level"], {"task": "scan"}),
    "workspace-update": (["execution_mode"], {"agent_pool_id": "apool-1"}),
    "update": (["stages", "enforcement_level"], {"task": "scan"}),
}
"""Kind → columns, with which the rest of its ``[operation]`` is whole, and without isn't."""


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_stands_in_for_a_field(kind: str) -> None:
    """A table needs no field that a column gives, and its rules over several fields are the rows'.

    The code refuses it only because this test gives it no file.
    """
    columns, table = COLUMNS[kind]
    job = {**_job(kind), "operation": {"kind": kind, **table, "from_file": columns}}
    assert VALIDATOR.is_valid(job)
    assert "name the file with these columns in [select]" in (_refusal(job) or "")
    both = {**job["operation"], "values": [{"workspaces": ["a"]}]}
    for wrong in ({**job["operation"], "from_file": ["kind"]}, both, {"kind": kind, **table}):
        assert not VALIDATOR.is_valid({**job, "operation": wrong}), wrong
        refusal = _refusal({**job, "operation": wrong})
        assert refusal is not None
        assert "name the file" not in refusal


@pytest.mark.parametrize(
    "path", sorted({*JOBS.glob("*.toml")} - {JOBS / "fleet.toml"}), ids=lambda path: path.name
)
def test_the_ready_files_are_valid(path: Path) -> None:
    """Each job file in ``jobs/`` is valid by the schema."""
    assert VALIDATOR.is_valid(tomllib.loads(path.read_text(encoding="utf-8")))


def test_a_field_without_a_meaning_is_in_the_schema() -> None:
    """An installed kind doesn't need a docstring."""

    class Silent(msgspec.Struct):
        """A spec that doesn't document its field."""

        field: bool = False

    assert meanings(Silent) == {}
    assert table_schema(Silent)["properties"] == {
        "field": {"type": "boolean", "description": "true or false", "default": False}
    }


def test_a_table_in_a_table_is_defined_once() -> None:
    """A Struct nested in a list is defined once."""

    assert list(with_nested([Outer])) == [Outer, Inner]
