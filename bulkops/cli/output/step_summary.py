"""``GITHUB_STEP_SUMMARY``: what GitHub Actions shows of the step that ran a command."""

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
from bulkops.library import read_report
from bulkops.plan.model import Plan
from bulkops.report import markdown, plan_markdown
from bulkops.report.markdown_text import ROOM, size

VARIABLE = "GITHUB_STEP_SUMMARY"
LEAST = 10_000
"""Bytes; where there is less room left nothing is appended."""


def check_summary() -> None:
    """Refuse, before anything is done, to append to a journal, a plan or a job; raises JobError."""
    if name := os.environ.get(VARIABLE):
        try:
            check_output(Path(name))
        except JobError as error:
            raise JobError(f"{VARIABLE}: {error}") from None


def append_plan(plan: Plan, next_steps: Sequence[str]) -> None:
    """Append a plan as Markdown, where there is such a file; never raises."""
    _append(lambda room: plan_markdown.document(plan, next_steps=next_steps, room=room))


@contextmanager
def summarized(journal: Path) -> Iterator[None]:
    """Append the report of a journal once the block has ended, however it does."""
    try:
        yield
    finally:
        _append(lambda room: _report(journal, room))


def _report(journal: Path, room: int) -> Iterable[str]:
    # Read anew: what happened when is nowhere else. This process still holds the journal.
    made = replace(read_report(journal), running=None)
    return markdown.document(replace(made, next_steps=next_step(made, journal)), room=room)


def _append(pieces: Callable[[int], Iterable[str]]) -> None:
    name = os.environ.get(VARIABLE)
    if not name:
        return

    path = Path(name)
    if is_special(path):
        # A pipe that nobody reads would hold the command back.
        note(f"{VARIABLE}: nothing was appended: {path}: it is no regular file")
        return
    try:
        with os.fdopen(open_output(path, append=True), "a", encoding="utf-8") as file:
            room = ROOM - file.tell()
            if room < LEAST:
                note(f"{VARIABLE}: has no room left, nothing was appended")
                return
            between = "\n" if file.tell() else ""
            file.write(between + "".join(pieces(room - size(between))))
    except Exception as error:  # noqa: BLE001 - whatever it is, the rollout has ended as it has
        reason = error.strerror if isinstance(error, OSError) else error
        note(f"{VARIABLE}: nothing was appended: {path}: {reason}")
