"""The events' Structs: of one mind with the values they are made from, schema and documents."""

from __future__ import annotations

from typing import Any

import jsonschema
import msgspec
import pytest

from bulkops.api import resources
from bulkops.events import EVENTS, Event, Plan, Progress, RunTask, Status, WorkspaceTask, executed
from bulkops.events.planned import _FIELDS as PLAN_FIELDS
from bulkops.events.schema import events_schema
from bulkops.events.tasks import Attachment, GlobalConfiguration
from bulkops.job.schema import meanings, summary
from bulkops.journal.states import Outcome
from bulkops.report import model
from bulkops.report.current_wave import CurrentWave
from tests.documents.event_tables import (
    DOCUMENT,
    SCHEMA,
    document_as_it_should_be,
    schema_as_it_should_be,
)

VALIDATOR = jsonschema.Draft202012Validator(events_schema())

PROGRESS = Progress(
    at="2026-11-25T12:38:48.906Z",
    done=3,
    of=12,
    counts={"succeeded": 2, "failed": 1, "pending": 9},
    in_flight=4,
    requests=11,
    retries=1,
    rate=2.5,
    limit=None,
    pause_seconds=0.0,
    outage_seconds=0.0,
    wave=1,
    waves=3,
    seconds_left=None,
)


def _fields(struct: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(struct)}


def _tag(event: type[Event]) -> str:
    return str(event.__struct_config__.tag)


def test_the_schema_is_one_of_the_dialect_it_names() -> None:
    """It is valid by the metaschema of draft 2020-12."""
    jsonschema.Draft202012Validator.check_schema(events_schema())
    assert events_schema()["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


def test_the_schema_in_the_folder_is_what_the_code_says() -> None:
    """``jobs/events.schema.json`` is what ``bulkops schema events`` prints.

    Where this fails, `python -m tests.documents.job_tables` writes it anew.
    """
    assert SCHEMA.read_text(encoding="utf-8") == schema_as_it_should_be()


def test_the_tables_in_the_folder_are_what_the_code_says() -> None:
    """``jobs/events.md`` has every type with its fields, and no other.

    Where this fails, `python -m tests.documents.job_tables` writes them anew.
    """
    text = DOCUMENT.read_text(encoding="utf-8")
    assert document_as_it_should_be(text) == text
    assert [line[5:-1] for line in text.splitlines() if line.startswith("### ")] == [
        _tag(event) for event in EVENTS
    ]


@pytest.mark.parametrize("event", EVENTS, ids=_tag)
def test_every_event_and_every_field_is_explained(event: type[Event]) -> None:
    """Each has a sentence of its own, and each field a meaning; each event has its own type."""
    assert summary(event)
    assert set(meanings(event)) == _fields(event)
    assert all(meanings(event).values())
    assert [other for other in EVENTS if _tag(other) == _tag(event)] == [event]


def test_every_subclass_of_an_event_is_listed() -> None:
    """No type can be printed that the schema doesn't have."""

    def tagged(struct: type[Event]) -> set[type[Event]]:
        below = set().union(*map(tagged, struct.__subclasses__()), set[type[Event]]())
        return below or {struct}

    assert tagged(Event) == set(EVENTS)


@pytest.mark.parametrize(
    ("event", "value", "more"),
    [
        (Status, model.Report, {"rows", "skipped", "timeline", "waves", "next_steps"}),
        (executed.CurrentWave, CurrentWave, set[str]()),
        (RunTask, resources.RunTask, {"organization"}),
        (Attachment, resources.WorkspaceTask, set[str]()),
        (GlobalConfiguration, resources.GlobalConfiguration, set[str]()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_nothing_that_is_known_is_left_out(
    event: type[msgspec.Struct], value: type[msgspec.Struct], more: set[str]
) -> None:
    """An event has every field of the value it is made from, but for a report's long lists."""
    assert _fields(event) == _fields(value) - more


def test_the_actions_that_were_fields_of_a_plan_still_are() -> None:
    """By a promise; that of a kind that came later is in ``actions`` only."""
    known = {"attach", "create", "update", "detach", "delete", "enable", "disable", "rotate"}
    assert known == PLAN_FIELDS
    assert {"actions", *known} <= _fields(Plan)


def test_nested_names_are_the_clients_and_no_api_spelling() -> None:
    """A run task is made with all that is in it, spelled as fields everywhere."""
    attached = resources.WorkspaceTask("wstask-1", "ws-1", "task-1", "mandatory", ("pre_plan",))
    task = resources.RunTask(
        "task-1",
        "scan",
        "https://scan.example",
        global_configuration=resources.GlobalConfiguration(enabled=True),
        workspace_tasks=(attached,),
    )
    made = msgspec.json.decode(msgspec.json.encode(RunTask.of(task)))
    assert made["global_configuration"] == {
        "enabled": True,
        "stages": [],
        "enforcement_level": None,
    }
    assert made["workspace_tasks"] == [
        {
            "id": "wstask-1",
            "workspace_id": "ws-1",
            "task_id": "task-1",
            "enforcement_level": "mandatory",
            "stages": ["pre_plan"],
            "workspace_name": None,
        }
    ]
    alone = msgspec.json.decode(msgspec.json.encode(WorkspaceTask.of(attached, "scan")))
    assert alone == {"type": "workspace_task", **made["workspace_tasks"][0], "task_name": "scan"}
    VALIDATOR.validate(made)
    VALIDATOR.validate(alone)


def _progress(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(PROGRESS))
    return {name: value for name, value in {**made, **changes}.items() if value != "left out"}


RESULT: dict[str, Any] = {
    "type": "result",
    "workspace": "prod-001",
    "workspace_id": "ws-1",
    "key": "attach:ws-1",
    "aspect": "",
    "action": "attach",
    "outcome": "succeeded",
    "attempts": 1,
    "reason": "",
    "at": "2026-11-25T12:38:48.906Z",
}


@pytest.mark.parametrize(
    "line",
    [
        _progress(),
        _progress(limit=30.0, seconds_left=0.5, wave=None),
        _progress(new_field=[1]),
        RESULT,
        {**RESULT, "new_field": None},
        {**RESULT, "action": "freeze"},
    ],
    ids=str,
)
def test_the_schema_takes_what_is_promised(line: dict[str, Any]) -> None:
    """Fields that it does not know are for later versions to add."""
    VALIDATOR.validate(line)


@pytest.mark.parametrize(
    "line",
    [
        _progress(type="no such type"),
        _progress(type="left out"),
        _progress(done="left out"),
        _progress(done="3"),
        _progress(done=None),
        _progress(counts={"suceeded": 1}),
        _progress(counts={"succeeded": "1"}),
        _progress(at="2026-11-25T12:38:48.906+00:00"),
        _progress(at="2026-11-25 12:38:48Z"),
        {**RESULT, "outcome": "done"},
        {**RESULT, "outcome": "pending"},
        {**RESULT, "action": "Attached!"},
        {**RESULT, "attempts": 1.5},
        {**RESULT, "at": ""},
        {**RESULT, "task": "scan", "task_id": "task-1"},
        {name: value for name, value in RESULT.items() if name != "workspace_id"},
        [RESULT],
        {},
    ],
    ids=str,
)
def test_the_schema_refuses_what_no_command_prints(line: object) -> None:
    """A missing field, a wrong type, an unknown word, a time without ``Z``, two targets."""
    assert not VALIDATOR.is_valid(line)


def test_the_words_of_a_count_are_the_outcomes() -> None:
    """``counts`` has an outcome, or ``pending``, as each of its names."""
    defined: Any = events_schema()["$defs"]
    names = defined["Progress"]["properties"]["counts"]["propertyNames"]["enum"]
    assert names == [*Outcome, model.PENDING]
