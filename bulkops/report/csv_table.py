"""The report as CSV, a line an operation, then one a target on which nothing was to be done. Pure.

| column                    | is                                                                   |
|---------------------------|----------------------------------------------------------------------|
| workspace, workspace_id   | the target, where it is a workspace                                  |
| task, task_id             | the target, where it is a run task of the organization               |
| action, aspect, change    | what was to be done; empty where nothing was                         |
| outcome                   | of ``Outcome``, ``pending``, or ``blocked``                          |
| attempts                  | requests sent for it in the last execution                           |
| at, seconds               | when it came to this outcome, and how long it took                   |
| status, request_id        | of the last answer; the id only where the operation is in trouble    |
| reason                    | in words, where it did not simply succeed                            |
| shows                     | what the server showed instead when it was last read                 |

Of what was skipped when planned the action is empty; ``blocked`` is what the job wanted and can't
be. ``only_failed`` leaves what failed, is in conflict or in doubt; that is a ``select.file`` for a
next job (``bulkops.job.manifest``), which goes by the ids, whatever a name begins with.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias

from bulkops.journal.states import Outcome
from bulkops.report.csv_lines import rows_as_csv
from bulkops.report.model import BLOCKED, Of, Report, Row, SkippedRow

Cells: TypeAlias = dict[str, object]
"""Column → what is in it, for a row; a column that is not named, or has nothing, is empty."""

COLUMNS = (
    *("workspace", "workspace_id", "task", "task_id", "action", "aspect", "change", "outcome"),
    *("attempts", "at", "seconds", "status", "request_id", "reason", "shows"),
)


def document(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as CSV, line by line."""
    rows = _rows(report, only_failed=only_failed)
    cells = ([str(row.get(column) or "") for column in COLUMNS] for row in rows)
    return rows_as_csv(chain([COLUMNS], cells))


def _rows(report: Report, *, only_failed: bool) -> Iterator[Cells]:
    for row in report.rows:
        if not only_failed or row.troubled:
            yield _operation(row)
    if not only_failed:
        yield from map(_skipped, report.skipped)


def _target(of: Of) -> Cells:
    names = {"workspace": of.workspace, "workspace_id": of.workspace_id}
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
