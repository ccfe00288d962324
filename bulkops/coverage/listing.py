"""Where one run task is attached, as a file that a job can select by (``select.file``). Pure.

The columns have the names of ``[operation]``'s fields, so that a job with ``from_file`` restores
exactly this state.
"""

from __future__ import annotations

from collections.abc import Iterator

from bulkops.coverage.matrix import Coverage
from bulkops.operations.aspects.attachment import LEVEL
from bulkops.report.csv_lines import rows_as_csv

COLUMNS = ("workspace", "workspace_id", "project", "enforcement_level", "stages")


def csv_lines(coverage: Coverage, *, missing: bool = False) -> Iterator[str]:
    """Yield the CSV lines of a matrix of one run task: one per attachment.

    Args:
        missing: also yield the workspaces without the run task, with empty cells.
    """
    return rows_as_csv(_rows(coverage, missing=missing))


def _rows(coverage: Coverage, *, missing: bool) -> Iterator[tuple[str, ...]]:
    yield COLUMNS
    for row in coverage.rows():
        (attached,) = row.observed
        workspace = (row.workspace.name, row.workspace.id, row.workspace.project)
        for one in attached:
            stages = one.attributes["stages"]
            words = " ".join(stages) if isinstance(stages, list) else ""
            yield (*workspace, str(one.attributes[LEVEL]), words)
        if missing and not attached:
            yield (*workspace, "", "")
