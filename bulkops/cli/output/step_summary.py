"""Appends plans and reports to ``GITHUB_STEP_SUMMARY``, which GitHub Actions shows per step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from bulkops.cli.output.next_step import next_step
from bulkops.cli.output.printing import note
from bulkops.errors import JobError
from bulkops.files import check_output, is_special, open_output
from bulkops.journal.place import Place
from bulkops.library import read_report
from bulkops.plan.model import Plan
from bulkops.report import markdown, plan_markdown
from bulkops.report.markdown_text import ROOM, size

VARIABLE = "GITHUB_STEP_SUMMARY"
LEAST = 10_000
"""Bytes; if less room is left, nothing is appended."""


def check_summary() -> None:
    """Raise ``JobError`` if the variable names a journal, a plan or a job."""
    if name := os.environ.get(VARIABLE):
        try:
            check_output(Path(name))
        except JobError as error:
            raise JobError(f"{VARIABLE}: {error}") from None


def append_plan(plan: Plan, next_steps: Sequence[str]) -> None:
    """Append a plan as Markdown if the variable is set; never raises."""
    _append(lambda room: plan_markdown.document(plan, next_steps=next_steps, room=room))


@contextmanager
def summarized(journal: Place) -> Iterator[None]:
    """Append the report of a journal when the block ends, even by an error."""
    try:
        yield
    finally:
        _append(lambda room: _report(journal, room))


def _report(journal: Place, room: int) -> Iterable[str]:
    # From the file: only there is it recorded when things happened. This process still holds it.
    report = replace(read_report(str(journal)), running=None)
    return markdown.document(replace(report, next_steps=next_step(report, journal)), room=room)


def _append(pieces: Callable[[int], Iterable[str]]) -> None:
    name = os.environ.get(VARIABLE)
    if not name:
        return

    path = Path(name)
    if is_special(path):
        # Opening a pipe without a reader would block.
        note(f"{VARIABLE}: nothing was appended: {path} is not a regular file")
        return
    try:
        with os.fdopen(open_output(path, append=True), "a", encoding="utf-8") as file:
            room = ROOM - file.tell()
            if room < LEAST:
                note(f"{VARIABLE}: nothing was appended: the summary of this step is full")
                return
            between = "\n" if file.tell() else ""
            file.write(between + "".join(pieces(room - size(between))))
    except Exception as error:  # noqa: BLE001 - a failed summary must not change the outcome
        reason = error.strerror if isinstance(error, OSError) else error
        note(f"{VARIABLE}: nothing was appended: {path}: {reason}")
