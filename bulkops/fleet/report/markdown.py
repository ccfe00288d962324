"""A fleet's report as GitHub-flavored Markdown, for a job summary or a comment. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bulkops.fleet.report.model import FleetReport, ShardReport
from bulkops.fleet.report.text import stopped_in_words
from bulkops.operations import wording
from bulkops.report.markdown import TROUBLE_HEAD, section, title, totals, trouble
from bulkops.report.markdown_text import ROOM, code, folded, plain, size, table
from bulkops.report.model import Report
from bulkops.report.text import groups
from bulkops.report.words import counts_in_words
from bulkops.text import counted

SHARDS_HEAD = ("shard", "organization", "state", "operations:", "outcomes", "more")

_ALL = "`bulkops fleet report FLEET --format csv` lists all"


def document(
    fleet: FleetReport,
    *,
    only_failed: bool = False,  # noqa: ARG001 - nothing else is listed anyway
    room: int = ROOM,
) -> Iterator[str]:
    """Yield a report as Markdown, in pieces.

    A row for each shard and the totals come first, then a section for each shard that isn't plain
    success, then everything that needs attention by name, each as far as there is room.

    Args:
        room: bytes, at least 10,000; the document says how many shards and rows did not fit.
    """
    lines = list(table(SHARDS_HEAD, map(_row, fleet.shards)))
    rows = _within(lines[2:], room // 2, "shards")
    outcomes = table(("outcome", "operations:"), totals(fleet.counts))
    stopped = f"{plain(stopped_in_words(fleet))}.\n\n" if fleet.stopped else ""
    head = "".join((_heading(fleet), stopped, *lines[:2], *rows, "\n", *outcomes, "\n"))
    yield head
    room -= size(head)
    sections = [
        _section(one.shard, one.report)
        for one in fleet.shards
        if one.report is not None and not one.succeeded
    ]
    for piece in _within(sections, room // 2, "shards that need attention"):
        room -= size(piece)
        yield piece
    number = sum(1 for _ in _trouble(fleet))
    if number:
        yield from folded(
            f"All {number} by name",
            ("shard", *TROUBLE_HEAD),
            _trouble(fleet),
            number=number,
            room=room,
            rest=_ALL,
        )


def _heading(fleet: FleetReport) -> str:
    kind = plain(wording.kinds_in_words(fleet.kind))
    in_waves = f", in {fleet.waves} waves" if fleet.waves > 1 else ""
    task = f" {code(fleet.task)}" if fleet.task else ""
    shards = counted(len(fleet.shards), "shard")
    return f"## {code(fleet.fleet)}: {kind}{task} in {shards}{in_waves}\n\n"


def _row(one: ShardReport) -> tuple[str, ...]:
    report = one.report
    return (
        code(one.shard),
        code(one.organization),
        one.state_name,
        str(report.operations) if report else "",
        counts_in_words(report.counts) if report else "",
        " ".join(filter(None, (plain(one.note), code(one.problem)))),
    )


def _section(name: str, report: Report) -> str:
    heading = f"### {code(name)}: {title(report)}\n\n"
    return "".join((heading, *section(report, groups(report), level="####")))


def _trouble(fleet: FleetReport) -> Iterator[tuple[str, ...]]:
    for one in fleet.shards:
        if one.report is not None:
            yield from ((code(one.shard), *row) for row in trouble(one.report))


def _within(pieces: Sequence[str], room: int, noun: str) -> Iterator[str]:
    """Yield pieces as long as there is room, in bytes, and how many did not fit."""
    for number, piece in enumerate(pieces):
        room -= size(piece)
        if room < 0:
            yield f"\n… and {len(pieces) - number:,} more {noun}.\n\n"
            return
        yield piece
