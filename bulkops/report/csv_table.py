"""The report as CSV: one line per operation, then one per target without an operation. Pure.

| column                    | contents                                                             |
|---------------------------|----------------------------------------------------------------------|
| workspace, workspace_id   | the target, if it is a workspace                                     |
| project                   | its project; empty if the server or an older journal shows none      |
| task, task_id             | the target, if it is a run task of the organization; in a job of     |
|                           | several steps, the run task that is attached or detached             |
| action, aspect, change    | the planned change; empty if skipped when planned                    |
| outcome                   | of ``Outcome``, or ``pending`` or ``blocked``                        |
| attempts                  | requests sent for it in the last execution                           |
| at, seconds               | time of the outcome, and duration                                    |
| status, request_id        | of the last answer; the id only if the operation is in trouble       |
| reason                    | reason for the outcome, human-readable; empty if it simply           |
|                           | succeeded; if it is pending, until when the job rests                |
| shows                     | what the server showed instead when it was last read                 |

``blocked`` means that the job wants a change that is not possible. With ``only_failed`` the file
has the operations that failed, drifted, are in conflict or in doubt; it can be the ``select.file``
of another job (``bulkops.job.listing.manifest``), which uses the ids, not the names.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias

from bulkops.journal.states import Outcome
from bulkops.report.csv_lines import rows_as_csv
from bulkops.report.model import BLOCKED, PENDING, Of, Report, Row, SkippedRow
from bulkops.report.words import waiting

Cells: TypeAlias = dict[str, object]
"""A row: column → value; missing and false values become empty cells."""

COLUMNS = (
    *("workspace", "workspace_id", "project", "task", "task_id", "action", "aspect", "change"),
    *("outcome", "attempts", "at", "seconds", "status", "request_id", "reason", "shows"),
)


def document(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as CSV, line by line."""
    return rows_as_csv(chain([COLUMNS], cells(report, only_failed=only_failed)))


def cells(report: Report, *, only_failed: bool = False) -> Iterator[list[str]]:
    """Yield the cells of each line, without the header."""
    rows = _rows(report, only_failed=only_failed)
    return ([str(row.get(column) or "") for column in COLUMNS] for row in rows)


def _rows(report: Report, *, only_failed: bool) -> Iterator[Cells]:
    waits = waiting(report)
    for row in report.rows:
        if not only_failed or row.troubled:
            cells = _operation(row)
            yield cells | {"reason": waits} if row.outcome == PENDING else cells
    if not only_failed:
        yield from map(_skipped, report.skipped)


def _target(of: Of) -> Cells:
    names = {"workspace": of.workspace, "workspace_id": of.workspace_id, "project": of.project}
    return {**names, "task": of.task, "task_id": of.task_id}


def _operation(row: Row) -> Cells:
    return {
        **_target(row),
        "action": row.action,
        "aspect": row.aspect,
        "change": row.change,
        "outcome": row.outcome,
        "attempts": str(row.attempts),
        "at": row.at,
        "seconds": "" if row.seconds is None else f"{row.seconds:.3f}",
        "status": row.status,
        "request_id": row.request_id,
        "reason": row.reason,
        "shows": row.shows,
    }


def _skipped(row: SkippedRow) -> Cells:
    outcome = BLOCKED if row.blocked else Outcome.SKIPPED.value
    return {**_target(row), "outcome": outcome, "attempts": "0", "reason": row.reason}
