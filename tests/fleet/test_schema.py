"""The JSON Schema of fleet files: it is valid, and agrees with ``parse_fleet``."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from bulkops.errors import JobError
from bulkops.fleet.fleet import parse_fleet
from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.schema import fleet_schema
from bulkops.fleet.tables import FleetFile, ShardTable
from bulkops.job.schema import meanings
from tests.fleet.test_fleet import LISTED

JOBS = Path(__file__).resolve().parents[2] / "jobs"
SCHEMA = fleet_schema()
STRUCTS = (FleetFile, ShardTable, FleetRollout)
ONLY_THE_CODE = (
    r"name is missing, and organization = ",
    r"\.address\b.*(not an address such as|contains )",
    r"has the name of",
    r"matches no shard",
    r"counted from the first shard",
    r"is listed twice",
    r"journals: .*://",
)
"""Messages of ``parse_fleet`` for what the schema can't refuse."""

VALUES: tuple[Any, ...] = (
    *("", " ", "a b", "a/b", "a.b", "a\n", "x" * 91, "0", "1", "02", "10%", "0%", "acme-*", "A_B"),
    *("https://tfe.example.com", "s3://acme/x", "s3://acme", "re:a", "[ab]", "*"),
    *(True, False, -1, 0, 1, 1.0),
    *([], [""], ["a"], ["acme-*"], ["1", "100%"], ["2", "1"], ["a", 1], {}, {"a": 1}, [{}]),
)


def _as_ecma(_validator: Any, pattern: str, value: object, _schema: Any) -> Any:
    # Python's "$" accepts a trailing line break; that of ECMA 262, which editors use, doesn't.
    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern}")


def _is_integer(_checker: Any, value: object) -> bool:
    # TOML distinguishes 1.0 from 1, JSON doesn't.
    return isinstance(value, int) and not isinstance(value, bool)


VALIDATOR = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"pattern": _as_ecma},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)(SCHEMA)


def _refusal(document: dict[str, Any]) -> str | None:
    try:
        parse_fleet(_toml(document), Path("/srv/scan.toml"))
    except JobError as error:
        return str(error)
    return None


def _toml(document: dict[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in document.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_value(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)


def _of_one_mind(document: dict[str, Any]) -> None:
    refusal, error = _refusal(document), next(VALIDATOR.iter_errors(document), None)
    if refusal is None:
        assert error is None, (error, document)
    elif error is None:
        assert any(re.search(pattern, refusal) for pattern in ONLY_THE_CODE), (refusal, document)


def _names(struct: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(struct)]


def test_the_schema_is_valid_and_complete() -> None:
    """By the metaschema; and each field is described by its meaning in the Struct's docstring."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    defined: Any = SCHEMA["$defs"]
    for struct in STRUCTS:
        where: Any = SCHEMA if struct is FleetFile else defined[struct.__name__]
        for name in _names(struct):
            meaning = meanings(struct)[name]
            assert where["properties"][name]["description"].startswith(meaning)


PLACES = [
    *(((), name) for name in [*_names(FleetFile), "nonsense"]),
    *((("shard", 1), name) for name in [*_names(ShardTable), "nonsense"]),
    *((("rollout",), name) for name in [*_names(FleetRollout), "nonsense"]),
]
"""Tables, and keys in them to set or remove."""


@pytest.mark.parametrize(
    ("table", "key"), PLACES, ids=[".".join(map(str, [*table, key])) for table, key in PLACES]
)
def test_schema_and_code_agree_on_every_value(table: tuple[Any, ...], key: str) -> None:
    """Whatever a field is set to, both accept it or both refuse it; so if it is missing."""
    document = {**tomllib.loads(LISTED), "rollout": {}}
    assert _refusal(document) is None
    for value in (None, *VALUES):
        changed = copy.deepcopy(document)
        inside: Any = changed
        for name in table:
            inside = inside[name]
        if value is None:
            inside.pop(key, None)
        else:
            inside[key] = value
        _of_one_mind(changed)


def test_they_agree_on_rules_over_several_fields() -> None:
    """Shards or organizations, a name or an organization, one token."""
    job = {"job": "scan.toml"}
    for more, good in (
        ({}, False),
        ({"organizations": ["a"]}, True),
        ({"organizations": ["a"], "shard": [{"name": "a"}]}, False),
        ({"shard": [{"address": "a.com"}]}, False),
        ({"shard": [{"name": "a", "token_env": "A"}]}, True),
        ({"shard": [{"name": "a", "token_env": "A", "token_file": "a"}]}, False),
    ):
        document: dict[str, Any] = {**job, **more}
        assert VALIDATOR.is_valid(document) is good
        assert (_refusal(document) is None) is good


def test_the_ready_file_is_valid() -> None:
    """``jobs/fleet.toml`` is valid by the schema."""
    text = (JOBS / "fleet.toml").read_text(encoding="utf-8")
    assert VALIDATOR.is_valid(tomllib.loads(text))
