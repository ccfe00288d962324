"""A plan for people: what changes from what to what, on how many, long lists folded."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TextIO

from rich.cells import cell_len

from bulkops.cli.output.printing import obeys_escapes
from bulkops.cli.output.waves import plan_lines
from bulkops.job.duration import in_words
from bulkops.job.rollout import MANUAL
from bulkops.operations import wording
from bulkops.plan.model import Plan
from bulkops.report.columns import filled, widest
from bulkops.text import counted, escaped

MOST_GROUPS = 12
"""Different changes that are told one by one."""

MOST_BLOCKED = 20
"""Workspaces that can't be brought to the job's wish, told one by one."""

MOST_LINES = 2
"""Of the names of one group, and of projects."""

MOST_NAMES = 100
"""More don't fit in these lines on any terminal."""

WIDTH = 80
"""Columns where there is no terminal to ask."""

WIDEST = 120
"""Columns beyond which nobody reads a list."""

_COLOURS = {"+": 32, "~": 33, "-": 31, "!": 31}
_SIGNED = re.compile(r"  ([-+~!]) \S+")


class _Group:
    """Operations that change the same from the same to the same."""

    def __init__(self, sign: str, verb: str, change: str, noun: str) -> None:
        self.sign = sign
        self.verb = verb
        self.change = change
        self.noun = noun
        self.size = 0
        self.names: list[str] = []
        """The first ones, as many as may be shown."""


def lines(plan: Plan, width: int = WIDTH) -> list[str]:
    """Return a plan for people; ``width``: columns to fold the lists to."""
    made = [headline(plan), "", *_group_lines(plan, width)]
    for reason, count in sorted(Counter(s.reason for s in plan.skips if not s.blocked).items()):
        made.append(f"    {count} skipped: {reason}")
    made += blocked_lines(plan)
    made += _project_lines(plan, width)
    made += plan_lines(plan)
    made += time_lines(plan)
    made += note_lines(plan)
    return [*made, *([""] if len(made) > 2 else []), summary(plan)]


def painter(stream: TextIO) -> Callable[[str], str]:
    """Return what colours a plan's lines, where the stream is a terminal that shows colours."""
    plain = os.environ.get("NO_COLOR") or not obeys_escapes(stream)
    return str if plain else _painted


def width_of(stream: TextIO) -> int:
    """Return how many columns to fold lists to, as its terminal has them."""
    with suppress(OSError):
        return min(WIDEST, os.get_terminal_size(stream.fileno()).columns or WIDTH)
    return WIDTH


def headline(plan: Plan) -> str:
    """Return what is planned, and where."""
    kind = wording.kind_in_words(plan.job.operation_kind, undo=bool(plan.undo_of))
    task, replaces = (
        f"{ref.name} ({ref.id})" if ref else ""
        for ref in (plan.resolved.task, plan.resolved.replaces)
    )
    named = wording.subject(task, replaces)
    return f"{kind}{named and ' '}{named} in {plan.job.organization}"


def blocked_lines(plan: Plan) -> list[str]:
    """Return the workspaces that can't be brought to the job's wish, and why, folded."""
    shown = plan.blocked[:MOST_BLOCKED]
    width = widest(s.target.name for s in shown)
    made = [f"  ! {filled(s.target.name, width)}  blocked: {s.reason}" for s in shown]
    if len(plan.blocked) > MOST_BLOCKED:
        made.append(f"    … and {len(plan.blocked) - MOST_BLOCKED} more blocked (--json lists all)")
    return made


def time_lines(plan: Plan) -> list[str]:
    """Return how long it will take, nothing where nobody knows."""
    if not plan.operations or plan.seconds is None or plan.rate is None:
        return []
    waves = len(plan.rollout.steps(len(plan.operations)))
    pauses = plan.rollout.pause if waves > 1 else None
    counted = ", without the pauses" if pauses == MANUAL else ", pauses included" if pauses else ""
    rate = f"{plan.rate:.0f}" if plan.rate >= 10 else f"{plan.rate:.2g}"
    return [f"    Time: about {in_words(plan.seconds)} at {rate} requests a second{counted}"]


def note_lines(plan: Plan) -> list[str]:
    """Return what a careful reader should know before saying yes."""
    return [f"    Note: {note}" for note in plan.notes]


def summary(plan: Plan) -> str:
    """Return one line: ``Plan: 3 to attach, 0 to update, 0 to detach; 12 skipped.``"""
    todo = ", ".join(f"{n} to {verb}" for verb, n in plan.counts.items()) or "nothing to do"
    blocked = f", {len(plan.blocked)} blocked" if plan.blocked else ""
    return f"Plan: {todo}; {len(plan.skips) - len(plan.blocked)} skipped{blocked}."


def folded(texts: Sequence[str], of: int, width: int, more: str = "") -> list[str]:
    """Return a list of ``of`` things in a few lines, of which ``texts`` are the first ones.

    Args:
        width: columns of each line.
        more: said behind how many more there are.
    """
    texts = [escaped(text) for text in texts]
    for number in range(len(texts), 0, -1):
        rest = [f"… and {of - number} more{more}"] if number < of else []
        made = list(_wrapped([*texts[:number], *rest], width))
        if len(made) <= MOST_LINES or number == 1:
            return made
    return []


def _wrapped(texts: Iterable[str], width: int) -> Iterator[str]:
    line = ""
    for text in texts:
        if line and cell_len(f"{line}, {text},") > width:
            yield f"{line},"
            line = ""
        line += f", {text}" if line else text
    yield line


def _groups(plan: Plan) -> list[_Group]:
    """Return the operations by what they change, in the order of the plan's counts."""
    found: dict[tuple[str, str], _Group] = {}
    for operation in plan.operations:
        verb, change = operation.verb, wording.change(operation)
        group = found.get((verb, change))
        if group is None:
            noun = "run task" if "task" in operation.target.fields else "workspace"
            group = found[verb, change] = _Group(wording.sign(operation), verb, change, noun)
        group.size += 1
        if len(group.names) < MOST_NAMES:
            group.names.append(operation.target.name)
    order = list(plan.counts)
    return sorted(found.values(), key=lambda group: order.index(group.verb))


def _group_lines(plan: Plan, width: int) -> Iterator[str]:
    groups = _groups(plan)
    shown, others = groups[:MOST_GROUPS], groups[MOST_GROUPS:]
    verbs, changes = widest(g.verb for g in shown), widest(g.change for g in shown)
    digits = max((len(str(group.size)) for group in shown), default=0)
    for group in shown:
        said = f"{filled(group.verb, verbs)}  {filled(group.change, changes)}"
        number = counted(group.size, group.noun)
        blanks = " " * (digits - len(str(group.size)))
        yield f"  {group.sign} {said}  {blanks}{number}"
        for line in folded(group.names, group.size, width - 6, " (--json lists all)"):
            yield f"      {line}"
    if others:
        more = counted(sum(group.size for group in others), "operation")
        yield f"    … and {len(others)} more kinds of change: {more} (--json lists all)"


def _project_lines(plan: Plan, width: int) -> Iterator[str]:
    said = [f"{name} {number}" for name, number in plan.projects.items()]
    first, *rest = folded(said[:MOST_NAMES], len(said), width - len("    Projects: ")) or [""]
    if first:
        yield f"    Projects: {first}"
    for line in rest:
        yield f"              {line}"


def _painted(line: str) -> str:
    if found := _SIGNED.match(line):
        return f"\x1b[{_COLOURS[found[1]]}m{found[0]}\x1b[0m{line[found.end() :]}"
    return f"\x1b[1m{line}\x1b[0m" if line.startswith("Plan: ") else line
