"""The coverage matrix as text, CSV and JSON, all from one value and row by row. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bulkops.coverage.matrix import Column, Coverage, Desired, Row, Status, global_setting
from bulkops.operations.model import Observed
from bulkops.operations.wording import attachments
from bulkops.report.columns import filled, widest
from bulkops.report.csv_lines import rows_as_csv
from bulkops.text import escaped

NOTHING = "-"
"""What people see where a run task is not attached, or the job does not select a workspace."""


def lines(coverage: Coverage, columns: int | None = None) -> Iterator[str]:
    """Yield a table for people, then what it comes to.

    Args:
        columns: of the terminal, ``None`` for as many as it takes. Where the table has more, each
            workspace is a block of lines instead, its run tasks below its name.
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
    """Yield the table by RFC 4180; see ``bulkops.report.csv_lines``."""
    return rows_as_csv(_csv_rows(coverage))


def document(coverage: Coverage) -> Iterator[str]:
    """Yield one JSON document in pieces, a workspace a line.

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
    yield ["workspace", "workspace_id", *names, *(("status", "desired") if coverage.job else ())]
    for row in coverage.rows():
        cells = [row.workspace.name, row.workspace.id, *map(_cell, row.observed)]
        if coverage.job:
            cells += [row.desired.status, row.desired.why] if row.desired else ["", ""]
        yield cells


def _task_names(coverage: Coverage) -> list[str]:
    return [column.task.name for column in coverage.columns]


def _cell(observed: Sequence[Observed]) -> str:
    return attachments(observed) if observed else ""


def _said(desired: Desired | None) -> str:
    if desired is None:
        return ""
    if desired.status is Status.AS_DESIRED:
        return _words(desired.status)
    return f"{desired.status}: {desired.why}"


def _row(coverage: Coverage, row: Row) -> list[str]:
    cells = [row.workspace.name, *map(_cell, row.observed)]
    if coverage.job:
        cells.append(_said(row.desired))
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


def _totals(coverage: Coverage) -> Iterator[str]:
    total = len(coverage.workspaces)
    for column in coverage.columns:
        covered = coverage.covered(column)
        unlisted = len(column.attached) - covered
        elsewhere = f"; {unlisted} more that this token can't list" if unlisted else ""
        disabled = "" if column.task.enabled else " (disabled: it does not run)"
        yield f"{column.task.name}{disabled}: {covered} of {total} workspaces{elsewhere}"
        if surplus := ", ".join(coverage.surplus(column)):
            yield f"  and more than once on {surplus}: a job of kind detach removes all of them"
        if setting := global_setting(column.task):
            yield f"  and, being global, {setting} on every workspace without it"
    if coverage.job:
        counted = ", ".join(f"{coverage.count(s)} {_words(s)}" for s in Status)
        yield f"{coverage.job}: {counted} of {len(coverage.desired)} selected"


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
    made: dict[str, object] = {
        "workspace": row.workspace.name,
        "workspace_id": row.workspace.id,
        "tasks": attached,
    }
    if row.desired:
        made |= {"status": row.desired.status, "desired": row.desired.why}
    return made


def _json(value: object) -> str:
    # Somebody will ``cat`` it: what JSON leaves as it is and a terminal obeys is spelled.
    return escaped(msgspec.json.encode(value).decode())
