"""Formats the coverage matrix as text, CSV and JSON, row by row. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bulkops.coverage.matrix import Column, Coverage, Desired, Row, Status, global_setting
from bulkops.operations.model import Observed
from bulkops.operations.wording import attachments
from bulkops.report.columns import filled, widest
from bulkops.report.csv_lines import rows_as_csv
from bulkops.text import counted, escaped

NOTHING = "-"
"""Shown in the text if a run task is not attached, or the job does not select the workspace."""


def lines(coverage: Coverage, columns: int | None = None) -> Iterator[str]:
    """Yield a table for people, then the totals.

    Args:
        columns: the width of the terminal, ``None`` for unlimited. If the table is wider, each
            workspace is a block of lines instead, with its run tasks below its name.
    """
    titles = ["WORKSPACE", *_task_names(coverage)]
    if coverage.job:
        titles.append("BY JOB")
    widths = [widest([title]) for title in titles]
    for row in coverage.rows():
        cells = _row(coverage, row)
        widths = [max(before, widest([cell])) for before, cell in zip(widths, cells, strict=True)]
    if columns is not None and sum(widths) + 2 * (len(widths) - 1) > columns:
        yield from _blocks(coverage, titles[1:])
    else:
        yield _line(titles, widths)
        for row in coverage.rows():
            yield _line(_row(coverage, row), widths)
    yield ""
    yield from _totals(coverage)


def csv_lines(coverage: Coverage) -> Iterator[str]:
    """Yield the table as CSV, by RFC 4180 (see ``bulkops.report.csv_lines``)."""
    return rows_as_csv(_csv_rows(coverage))


def document(coverage: Coverage) -> Iterator[str]:
    """Yield one JSON document in pieces, one workspace per line.

    ``{"organization": …, "job": …, "counts": …, "tasks": […], "workspaces": […]}``
    """
    head = {
        "organization": coverage.organization,
        "job": coverage.job or None,
        "counts": {str(s): coverage.count(s) for s in Status} if coverage.job else None,
        "tasks": [_task(coverage, column) for column in coverage.columns],
    }
    yield _json(head).removesuffix("}") + ',"workspaces":['
    between = "\n"
    for row in coverage.rows():
        yield between + _json(_workspace(coverage, row))
        between = ",\n"
    yield "\n]}\n"


def _csv_rows(coverage: Coverage) -> Iterator[list[str]]:
    names = _task_names(coverage)
    by_job = ("status", "desired") if coverage.job else ()
    yield ["workspace", "workspace_id", "project", *names, *by_job]
    for row in coverage.rows():
        workspace = row.workspace
        cells = [workspace.name, workspace.id, workspace.project, *map(_cell, row.observed)]
        if coverage.job:
            cells += [row.desired.status, row.desired.why] if row.desired else ["", ""]
        yield cells


def _task_names(coverage: Coverage) -> list[str]:
    return [column.task.name for column in coverage.columns]


def _cell(observed: Sequence[Observed]) -> str:
    return attachments(observed) if observed else ""


def _status(desired: Desired | None) -> str:
    if desired is None:
        return ""
    if desired.status is Status.AS_DESIRED:
        return _words(desired.status)
    return f"{desired.status}: {desired.why}"


def _row(coverage: Coverage, row: Row) -> list[str]:
    cells = [row.workspace.name, *map(_cell, row.observed)]
    if coverage.job:
        cells.append(_status(row.desired))
    return [cell or NOTHING for cell in cells]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(map(filled, cells, widths)).rstrip()


def _blocks(coverage: Coverage, titles: Sequence[str]) -> Iterator[str]:
    width = widest(titles)
    for row in coverage.rows():
        name, *cells = _row(coverage, row)
        yield name
        for title, cell in zip(titles, cells, strict=True):
            if cell != NOTHING:
                yield f"  {filled(title, width)}  {cell}"


_RUNS = {
    True: "",
    False: " (disabled: it does not run)",
    None: " (the server doesn't show whether it is enabled)",
}


def _totals(coverage: Coverage) -> Iterator[str]:
    total = len(coverage.workspaces)
    for column in coverage.columns:
        covered = coverage.covered(column)
        unlisted = len(column.attached) - covered
        elsewhere = f"; {unlisted} more that this token can't list" if unlisted else ""
        runs = _RUNS[column.task.enabled]
        yield f"{column.task.name}{runs}: {covered} of {total} workspaces{elsewhere}"
        if surplus := ", ".join(coverage.surplus(column)):
            yield f"  attached more than once on {surplus}: a job of kind detach removes them all"
        if setting := global_setting(column.task):
            yield f"  global: {setting} on every workspace that it is not attached to"
    if coverage.job:
        words = {Status.DIFFERS: "differing"}
        counts = ", ".join(f"{coverage.count(s)} {words.get(s, _words(s))}" for s in Status)
        yield f"{coverage.job}: {counts} of {counted(len(coverage.desired), 'selected workspace')}"


def _words(status: Status) -> str:
    return status.replace("_", " ")


def _task(coverage: Coverage, column: Column) -> dict[str, object]:
    covered = coverage.covered(column)
    return {
        "task": column.task.name,
        "task_id": column.task.id,
        "enabled": column.task.enabled,
        "global": global_setting(column.task) or None,
        "workspaces": covered,
        "not_listed": len(column.attached) - covered,
        "attached_more_than_once": list(coverage.surplus(column)),
    }


def _workspace(coverage: Coverage, row: Row) -> dict[str, object]:
    attached = [
        {
            "task": column.task.name,
            "task_id": column.task.id,
            "workspace_task_id": observed.id,
            "enforcement_level": observed.attributes.get("enforcement-level"),
            "stages": observed.attributes.get("stages"),
        }
        for column, several in zip(coverage.columns, row.observed, strict=True)
        for observed in several
    ]
    result: dict[str, object] = {
        **row.workspace.fields,
        "tasks": attached,
    }
    if row.desired:
        result |= {"status": row.desired.status, "desired": row.desired.why}
    return result


def _json(value: object) -> str:
    # For ``cat``: escape characters that JSON allows but a terminal would interpret.
    return escaped(msgspec.json.encode(value).decode())
