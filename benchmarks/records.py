"""Generates the journal records of a realistic rollout of any size."""

from __future__ import annotations

from collections.abc import Iterator

from bulkops import __version__
from bulkops.job.job import digest_of
from bulkops.journal.records import (
    FORMAT,
    Ended,
    Execution,
    Header,
    Holder,
    Intent,
    Planned,
    Record,
    Result,
    Verified,
)
from bulkops.journal.states import How, Outcome
from bulkops.operations.model import Observed, Target, TaskRef

AT = "2026-11-24T21:58:03.120Z"
HOLDER = Holder("ann", "build-7", 4711, AT)
TASK = TaskRef("task-hwHxbJKf7rUePGPU", "security-scan")
JOB: dict[str, object] = {
    "name": "security-scan",
    "organization": "acme",
    "operation": {
        "kind": "attach",
        "task": "security-scan",
        "enforcement_level": "mandatory",
        "stages": ["post_plan"],
    },
    "select": {"all": True},
    "rollout": {"max_failures": "10%"},
    "pace": {"settle": "10s"},
}


def workspace_id(number: int) -> str:
    """Return an id of realistic length."""
    return f"ws-{number:016d}"


def workspace_name(number: int) -> str:
    """Return a name that sorts by number."""
    return f"prod-platform-{number:07d}"


def key(number: int) -> str:
    """Return an operation's key."""
    return f"attach:{workspace_id(number)}"


def header(operations: int) -> Header:
    """Return the header of a journal with this many operations."""
    return Header(
        format=FORMAT,
        run_id="bulkops-0123456789ab",
        bulkops=__version__,
        created_at=AT,
        started_by=HOLDER,
        address="http://127.0.0.1:8080",
        organization="acme",
        job=JOB,
        digest=digest_of(JOB),
        task=TASK,
        single_stage=False,
        operations=operations,
        skips=0,
    )


def planned(number: int) -> Planned:
    """Return an operation: odd numbers change advisory to mandatory, even ones attach."""
    desired: dict[str, object] = {"enforcement-level": "mandatory", "stages": ["post_plan"]}
    before: dict[str, object] = {"enforcement-level": "advisory", "stages": ["post_plan"]}
    observed = Observed(f"wstask-{number:016d}", before) if number % 2 else None
    target = Target(workspace_id(number), workspace_name(number))
    return Planned(key(number), target, observed, desired)


def intent(number: int) -> Intent:
    """Return the operation's intent."""
    return Intent(key(number), AT)


def finished(number: int) -> Result:
    """Return the operation's success."""
    return Result(
        key=key(number),
        outcome=Outcome.SUCCEEDED,
        at=AT,
        ours=True,
        id=f"wstask-{number:016d}",
        attempts=1,
        status=200 if number % 2 else 201,
        request_id=f"0d9e4fb0-7a41-4f2e-9c61-{number:012x}",
    )


def whole(operations: int) -> Iterator[Record]:
    """Yield all records of a completed rollout."""
    yield header(operations)
    yield from map(planned, range(operations))
    yield Execution(HOLDER, __version__)
    for number in range(operations):
        yield intent(number)
        yield finished(number)
    yield Verified(AT, operations)
    yield Ended(AT, How.COMPLETE)
