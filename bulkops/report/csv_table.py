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

from bulkops.journal.states import TROUBLE, Outcome
from bulkops.report.csv_lines import rows_as_csv
from bulkops.report.model import BLOCKED, Of, Report, Row, SkippedRow

COLUMNS = (
    "workspace",
    "workspace_id",
    "task",
    "task_id",
    "action",
    "aspect",
    "change",
    "outcome",
    "attempts",
    "at",
    "seconds",
    "status",
    "request_id",
    "reason",
    "shows",
)


def document(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as CSV, line by line."""
    return rows_as_csv(_rows(report, only_failed=only_failed))


def _rows(report: Report, *, only_failed: bool) -> Iterator[list[str]]:
    yield [*COLUMNS]
    for row in report.rows:
        if not only_failed or row.outcome in TROUBLE:
            yield _operation(row)
    if not only_failed:
        yield from map(_skipped, report.skipped)


def _target(of: Of) -> list[str]:
    return [str(cell or "") for cell in (of.workspace, of.workspace_id, of.task, of.task_id)]


def _operation(row: Row) -> list[str]:
    return [
        *_target(row),
        row.action,
        row.aspect,
        row.change,
        row.outcome,
        str(row.attempts),
        row.at,
        "" if row.seconds is None else f"{row.seconds:.3f}",
        str(row.status or ""),
        row.request_id,
        row.reason,
        row.shows,
    ]


def _skipped(row: SkippedRow) -> list[str]:
    outcome = BLOCKED if row.blocked else Outcome.SKIPPED.value
    return [*_target(row), "", "", "", outcome, "0", "", "", "", "", row.reason, ""]
