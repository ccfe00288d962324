"""What a fleet's page says, apart from the rows of its table of operations. Pure."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from bulkops.fleet.report.model import FleetReport, ShardReport
from bulkops.fleet.report.words import shard_verdict
from bulkops.journal.states import TROUBLE, Outcome
from bulkops.report.html.summary import Summary, Total, done, summary, totals
from bulkops.report.html.words import Verdict
from bulkops.report.model import BLOCKED, PENDING


class ShardLine(NamedTuple):
    """A row of the table of shards.

    Attributes:
        blocked: number of targets on which the job wants a change that is not possible.
    """

    operations: int
    done: int
    trouble: int
    pending: int
    drifted: int
    blocked: int


class ShardSection(NamedTuple):
    """The section of one shard.

    Attributes:
        one: what its section says of its journal; ``None`` if it has none, or it can't be read.
    """

    shard: ShardReport
    verdict: Verdict
    line: ShardLine
    one: Summary | None


class FleetSummary(NamedTuple):
    """The variables of the templates that show all shards.

    Attributes:
        sections: the shards, those that need a closer look first.
        noun: what is counted; ``operation`` if it differs between the shards.
        done: see ``Summary``.
        all: the last row of the table of shards.
        skips: reason → number of targets of all shards that were skipped when planned.
        servers: addresses.
        started, ended: of all shards, RFC 3339; empty if none has begun.
        people: the users that executed them.
    """

    sections: list[ShardSection]
    noun: str
    done: str
    all: ShardLine
    totals: list[Total]
    skips: dict[str, int]
    servers: list[str]
    started: str
    ended: str
    people: list[str]


def fleet_summary(fleet: FleetReport) -> FleetSummary:
    """Return what a fleet's page says."""
    sections = sorted(map(_section, fleet.shards), key=_urgency)
    found = [section.one for section in sections if section.one is not None]
    nouns = {one.noun for one in found if one.report.operations}
    skips = Counter[str]()
    for one in found:
        skips.update(one.skips)
    lines = [section.line for section in sections]
    shown = _shown(sections)
    return FleetSummary(
        sections=sections,
        noun=nouns.pop() if len(nouns) == 1 else "operation",
        all=ShardLine(*(sum(column) for column in zip(*lines, strict=True))) if lines else _NONE,
        done=done(shown),
        totals=totals(shown),
        skips=dict(skips),
        servers=sorted({one.report.address for one in found}),
        started=min((one.started for one in found if one.started), default=""),
        ended=max((one.ended for one in found if one.ended), default=""),
        people=sorted({name for one in found for name in one.people}),
    )


def _shown(sections: list[ShardSection]) -> Counter[str]:
    """Return what the bar of all shards shows; what was undone is left out."""
    shown = Counter[str]()
    for section in sections:
        if section.one is None:
            shown[BLOCKED] += section.shard.blocked
        elif not section.shard.undone:
            shown.update({total.outcome: total.number for total in section.one.totals})
    return shown


_URGENT = (Outcome.FAILED, Outcome.IN_DOUBT, Outcome.CONFLICT, PENDING)


def _urgency(section: ShardSection) -> int:
    shape = section.verdict.shape
    return _URGENT.index(shape) if shape in _URGENT else len(_URGENT)


_NONE = ShardLine(0, 0, 0, 0, 0, 0)


def _section(shard: ShardReport) -> ShardSection:
    report = shard.report
    one = summary(report, prefix=f"shard-{shard.shard}-") if report is not None else None
    return ShardSection(shard, shard_verdict(shard), _line(shard), one)


def _line(shard: ShardReport) -> ShardLine:
    report = shard.report
    if report is None:
        return _NONE._replace(blocked=shard.blocked)
    counts = Counter(report.counts)
    return ShardLine(
        operations=report.operations,
        done=counts[Outcome.SUCCEEDED] + counts[Outcome.SKIPPED],
        trouble=sum(counts[outcome] for outcome in TROUBLE),
        pending=counts[PENDING],
        drifted=report.drifted,
        blocked=sum(row.blocked for row in report.skipped),
    )
