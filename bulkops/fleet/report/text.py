"""A fleet's report as text: a line for each shard, sections, totals. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bulkops.fleet.report.model import FleetReport, ShardReport
from bulkops.fleet.waves import State
from bulkops.operations import wording
from bulkops.report.columns import filled, widest
from bulkops.report.text import lines as report_lines
from bulkops.report.text import totals
from bulkops.report.words import counts_in_words, waiting
from bulkops.text import counted, escaped, listed

ORDER = (State.DONE, State.FAILED, State.PAUSED, State.INTERRUPTED, State.RUNNING, State.NOT_BEGUN)
"""The order in which shards are counted by their states."""


def document(fleet: FleetReport, *, only_failed: bool = False) -> Iterator[str]:
    """Yield the report's lines, each with its line end; see ``bulkops.report.text``."""
    for line in lines(fleet, only_failed=only_failed):
        yield f"{escaped(line)}\n"


def lines(fleet: FleetReport, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a line for each shard, a section for each that isn't plain success, and totals."""
    yield from overview(fleet)
    for one in fleet.shards:
        if one.report is not None and not one.succeeded:
            yield from ("", f"{one.shard}: {one.journal}")
            yield from report_lines(one.report, only_failed=only_failed)
    yield from total(fleet)


def overview(fleet: FleetReport) -> Iterator[str]:
    """Yield what the fleet does, and a line for each shard."""
    shards = len(fleet.shards)
    yield headline(fleet.fleet, fleet.kind, fleet.task, shards, fleet.waves, undo=fleet.undo)
    yield from shard_lines((one.shard, one.organization, state(one)) for one in fleet.shards)


def total(fleet: FleetReport) -> Iterator[str]:
    """Yield the totals of all shards."""
    counts = fleet.counts
    operations = counted(sum(counts.values()), "operation")
    yield ""
    done = f"{counts_in_words(counts)} of {operations}" if counts else "no operations"
    yield "; ".join(filter(None, (f"Total: {done}", _shards_in_words(fleet))))
    if fleet.stopped:
        yield stopped_in_words(fleet)
    elif fleet.waits_for:
        states = {one.shard: one.state_name for one in fleet.shards}
        left = listed([f"{name} ({states[name]})" for name in fleet.waits_for])
        yield f"Wave {fleet.wave + 1} waits for wave {fleet.wave}: {left}"


def elsewhere(addresses: Iterable[str]) -> Iterator[str]:
    """Yield what to set if other servers' journals are meant.

    Args:
        addresses: ``ShardReport.elsewhere`` of each shard.
    """
    for address, shards in Counter(filter(None, addresses)).items():
        have = "shard has" if shards == 1 else "shards have"
        yield (
            f"{shards:,} {have} journals for {address}, which are not shown here. If they are "
            f"meant, set TFE_ADDRESS to {address}"
        )


def _shards_in_words(fleet: FleetReport) -> str:
    """Return ``4 shards: 3 done, 1 failed (acme-4)``; empty if all are done."""
    shards = dict[str, list[str]]()
    for one in sorted(fleet.shards, key=lambda one: ORDER.index(one.state)):
        shards.setdefault(one.state_name, []).append(one.shard)
    if shards.keys() <= {State.DONE.value}:
        return ""
    parts = [
        f"{len(names):,} {state}{f' ({listed(names)})' if state == State.FAILED.value else ''}"
        for state, names in shards.items()
    ]
    return f"{counted(len(fleet.shards), 'shard')}: {', '.join(parts)}"


def stopped_in_words(fleet: FleetReport) -> str:
    """Return that a fleet is stopped, why, and what to do about it."""
    return f"Stopped: {fleet.stopped}. --continue lets the other shards begin"


def headline(
    name: str, kind: str, task: str, shards: int, waves: int = 1, *, undo: bool = False
) -> str:
    """Return one line: ``fleet: attach security-scan in 8 shards, in 3 waves``."""
    in_waves = f", in {waves} waves" if waves > 1 else ""
    what = f"{wording.kind_in_words(wording.kinds_in_words(kind), undo=undo)}{task and ' '}{task}"
    return f"{name}: {what} in {counted(shards, 'shard')}{in_waves}"


def wave_lines(waves: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a line for each wave with the shards in it; none if there is only one wave."""
    for number, names in enumerate(waves if len(waves) > 1 else (), 1):
        yield f"  Wave {number}: {listed(names)}"


def shard_lines(shards: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Yield a line for each shard: name, organization, text; further lines are indented.

    The organizations are left out if each of them is its shard's name.
    """
    rows = [(texts, text) for *texts, text in shards]
    if all(name == organization for (name, organization), _ in rows):
        rows = [([name], text) for (name, _), text in rows]
    widths = [widest(column) for column in zip(*(texts for texts, _ in rows), strict=True)]
    for texts, text in rows:
        first, *rest = text.split("\n")
        columns = (filled(one, width) for one, width in zip(texts, widths, strict=True))
        yield "  ".join(("", *columns, first))
        yield from (f"    {line}" for line in rest)


def state(one: ShardReport) -> str:
    """Return how far a shard is: ``done: 12 succeeded of 12 operations``; the problem follows."""
    word = one.state_name
    done = totals(one.report) if one.report is not None and not one.undone else ""
    facts = ", ".join(filter(None, (done, one.note, _waiting(one))))
    return "\n".join(filter(None, (f"{word}{': ' * bool(facts)}{facts}", one.problem)))


def _waiting(one: ShardReport) -> str:
    return waiting(one.report) if one.report is not None else ""
