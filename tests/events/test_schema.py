"""The events' Structs agree with the values they are built from, the schema and the docs."""

from __future__ import annotations

from typing import Any

import jsonschema
import msgspec
import pytest

from bulkops.api import resources
from bulkops.events import EVENTS, Event, Plan, Progress, RunTask, Status, WorkspaceTask, reported
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


def test_the_schema_is_valid_in_its_dialect() -> None:
    """The metaschema of draft 2020-12 accepts it."""
    jsonschema.Draft202012Validator.check_schema(events_schema())
    assert events_schema()["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


def test_the_schema_file_is_up_to_date() -> None:
    """``jobs/events.schema.json`` is what ``bulkops schema events`` prints.

    If this fails, `python -m tests.documents.job_tables` generates it again.
    """
    assert SCHEMA.read_text(encoding="utf-8") == schema_as_it_should_be()


def test_the_tables_of_the_docs_are_up_to_date() -> None:
    """``jobs/events.md`` has every type with its fields, and no others.

    If this fails, `python -m tests.documents.job_tables` generates them again.
    """
    text = DOCUMENT.read_text(encoding="utf-8")
    assert document_as_it_should_be(text) == text
    assert [line[5:-1] for line in text.splitlines() if line.startswith("### ")] == [
        _tag(event) for event in EVENTS
    ]


@pytest.mark.parametrize("event", EVENTS, ids=_tag)
def test_every_event_and_every_field_is_described(event: type[Event]) -> None:
    """Each event has a summary and a unique type; each field has a description."""
    assert summary(event)
    assert set(meanings(event)) == _fields(event)
    assert all(meanings(event).values())
    assert [other for other in EVENTS if _tag(other) == _tag(event)] == [event]


def test_every_subclass_of_an_event_is_listed() -> None:
    """No event can be printed that the schema does not have."""

    def tagged(struct: type[Event]) -> set[type[Event]]:
        below = set().union(*map(tagged, struct.__subclasses__()), set[type[Event]]())
        return below or {struct}

    assert tagged(Event) == set(EVENTS)


@pytest.mark.parametrize(
    ("event", "value", "more"),
    [
        (Status, model.Report, {"rows", "skipped", "timeline", "waves", "next_steps"}),
        (reported.CurrentWave, CurrentWave, set[str]()),
        (RunTask, resources.RunTask, {"organization", "unread"}),
        (Attachment, resources.WorkspaceTask, {"unread"}),
        (GlobalConfiguration, resources.GlobalConfiguration, set[str]()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_event_has_every_field_of_its_source(
    event: type[msgspec.Struct], value: type[msgspec.Struct], more: set[str]
) -> None:
    """Only a report's long lists are left out."""
    assert _fields(event) - {"shard"} == _fields(value) - more


def test_the_guaranteed_actions_are_fields_of_a_plan() -> None:
    """Actions of later kinds are in ``actions`` only."""
    known = {"attach", "create", "update", "detach", "delete", "enable", "disable", "rotate"}
    assert known == PLAN_FIELDS
    assert {"actions", *known} <= _fields(Plan)


def test_nested_fields_use_underscores() -> None:
    """A run task's nested objects have the names of the client's fields, not the API's."""
    attached = resources.WorkspaceTask("wstask-1", "ws-1", "task-1", "mandatory", ("pre_plan",))
    task = resources.RunTask(
        "task-1",
        "scan",
        "https://scan.example",
        enabled=None,
        global_configuration=resources.GlobalConfiguration(enabled=True),
        workspace_tasks=(attached,),
    )
    decoded = msgspec.json.decode(msgspec.json.encode(RunTask.of(task)))
    assert decoded["enabled"] is None
    assert decoded["global_configuration"] == {
        "enabled": True,
        "stages": [],
        "enforcement_level": None,
    }
    assert decoded["workspace_tasks"] == [
        {
            "id": "wstask-1",
            "workspace_id": "ws-1",
            "task_id": "task-1",
            "enforcement_level": "mandatory",
            "stages": ["pre_plan"],
            "workspace_name": None,
            "project": None,
        }
    ]
    alone = msgspec.json.decode(msgspec.json.encode(WorkspaceTask.of(attached, "scan")))
    assert alone == {"type": "workspace_task", **decoded["workspace_tasks"][0], "task_name": "scan"}
    VALIDATOR.validate(decoded)
    VALIDATOR.validate(alone)


def _progress(**changes: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(PROGRESS))
    return {name: value for name, value in {**decoded, **changes}.items() if value != "left out"}


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
def test_the_schema_accepts_guaranteed_lines(line: dict[str, Any]) -> None:
    """It permits unknown fields, which later versions may add."""
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
def test_the_schema_refuses_lines_that_no_command_prints(line: object) -> None:
    """Missing field, wrong type, unknown value, time without ``Z``, two targets."""
    assert not VALIDATOR.is_valid(line)


def test_the_keys_of_counts_are_the_outcomes() -> None:
    """Each key is an outcome or ``pending``."""
    defined: Any = events_schema()["$defs"]
    names = defined["Progress"]["properties"]["counts"]["propertyNames"]["enum"]
    assert names == [*Outcome, model.PENDING]
