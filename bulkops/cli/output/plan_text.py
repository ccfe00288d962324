"""A plan for people: changes grouped by what they change, long lists shortened."""

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
from bulkops.operations.model import Target
from bulkops.plan.model import Plan
from bulkops.report.columns import filled, widest
from bulkops.text import counted, escaped

MOST_GROUPS = 12
"""Different changes listed one by one; the rest is a number."""

MOST_REASONS = 20
"""Reasons for being blocked listed one by one; the rest is a number."""

MOST_LINES = 2
"""Lines of names per group, and of projects."""

MOST_NAMES = 100
"""Names kept per group: more never fit into ``MOST_LINES``."""

WIDTH = 80
"""Columns, unless a terminal has its own width."""

WIDEST = 120
"""Columns of a list at most: longer lines are hard to read."""

_COLOURS = {"+": 32, "~": 33, "-": 31, "!": 31}
_SIGNED = re.compile(r"  ([-+~!]) \S+")


class _Group:
    """Operations that make the same change."""

    def __init__(self, sign: str, verb: str, change: str, noun: str) -> None:
        self.sign = sign
        self.verb = verb
        self.change = change
        self.noun = noun
        self.size = 0
        self.names: list[str] = []
        """The first ``MOST_NAMES``."""

    def add(self, name: str) -> None:
        """Count one more."""
        self.size += 1
        if len(self.names) < MOST_NAMES:
            self.names.append(name)


def lines(plan: Plan, width: int = WIDTH) -> list[str]:
    """Return a plan for people; ``width``: columns to wrap lists to."""
    shown = [headline(plan), "", *_group_lines(plan, width)]
    for reason, count in sorted(Counter(s.reason for s in plan.skips if not s.blocked).items()):
        shown.append(f"    {count:,} skipped: {reason}")
    shown += blocked_lines(plan, width)
    shown += _value_lines(plan)
    shown += _project_lines(plan, width)
    shown += plan_lines(plan)
    shown += time_lines(plan)
    shown += note_lines(plan)
    return [*shown, *([""] if len(shown) > 2 else []), summary(plan)]


def painter(stream: TextIO) -> Callable[[str], str]:
    """Return a function that colors a plan's lines if the stream is a terminal with colors."""
    plain = os.environ.get("NO_COLOR") or not obeys_escapes(stream)
    return str if plain else _painted


def width_of(stream: TextIO) -> int:
    """Return how many columns to wrap lists to on this stream."""
    with suppress(OSError):
        return min(WIDEST, os.get_terminal_size(stream.fileno()).columns or WIDTH)
    return WIDTH


def headline(plan: Plan) -> str:
    """Return one line: what is planned, and in which organization."""
    kind = wording.kind_in_words(plan.job.operation_kind, undo=bool(plan.undo_of))
    task, replaces = (
        f"{ref.name} ({ref.id})" if ref else ""
        for ref in (plan.resolved.task, plan.resolved.replaces)
    )
    named = wording.subject(task, replaces)
    return f"{kind}{named and ' '}{named} in {plan.job.organization}"


def blocked_lines(plan: Plan, width: int = WIDTH) -> list[str]:
    """Return what is blocked, a line per reason; ``width``: columns to wrap lists to."""
    found: dict[str, _Group] = {}
    for skip in plan.blocked:
        group = found.setdefault(skip.reason, _Group("!", "", skip.reason, _noun(skip.target)))
        group.add(skip.target.name)
    groups = list(found.values())
    shown, others = groups[:MOST_REASONS], groups[MOST_REASONS:]
    heads = [g.names[0] if g.size == 1 else counted(g.size, g.noun) for g in shown]
    column = widest(heads)
    listed: list[str] = []
    for head, group in zip(heads, shown, strict=True):
        listed.append(f"  ! {filled(head, column)}  blocked: {group.change}")
        listed += _name_lines(group, width) if group.size > 1 else []
    if others:
        more = sum(group.size for group in others)
        listed.append(f"    … and {more:,} more blocked for other reasons (--json lists all)")
    return listed


def time_lines(plan: Plan) -> list[str]:
    """Return a line with the estimated duration, if it is known."""
    if not plan.operations or plan.seconds is None or plan.rate is None:
        return []
    waves = len(plan.rollout.steps(len(plan.operations)))
    pauses = plan.rollout.pause if waves > 1 else None
    note = (
        ", not counting the pauses" if pauses == MANUAL else ", pauses included" if pauses else ""
    )
    rate = f"{plan.rate:.0f}" if plan.rate >= 10 else f"{plan.rate:.2g}"
    return [f"    Time: about {in_words(plan.seconds)} at {rate} requests per second{note}"]


def note_lines(plan: Plan) -> list[str]:
    """Return the notes: what to know before approving the plan."""
    return [f"    Note: {note}" for note in plan.notes]


def summary(plan: Plan) -> str:
    """Return one line: ``Plan: 3 to attach, 0 to update, 0 to detach; 12 skipped.``"""
    todo = ", ".join(f"{n:,} to {verb}" for verb, n in plan.counts.items()) or "nothing to do"
    blocked = f", {len(plan.blocked):,} blocked" if plan.blocked else ""
    return f"Plan: {todo}; {len(plan.skips) - len(plan.blocked):,} skipped{blocked}."


def folded(texts: Sequence[str], of: int, width: int, more: str = "") -> list[str]:
    """Return ``MOST_LINES`` lines with as many texts as fit, and the number of the others.

    Args:
        texts: the first of the list.
        of: length of the whole list.
        width: columns per line.
        more: follows the number of the others.
    """
    texts = [escaped(text) for text in texts]
    for number in range(len(texts), 0, -1):
        rest = [f"… and {of - number:,} more{more}"] if number < of else []
        wrapped = list(_wrapped([*texts[:number], *rest], width))
        if len(wrapped) <= MOST_LINES or number == 1:
            return wrapped
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
    """Return the operations grouped by what they change, in the order of the plan's counts."""
    found: dict[tuple[str, str], _Group] = {}
    for operation in plan.operations:
        verb, change = operation.verb, wording.change(operation)
        group = found.get((verb, change))
        if group is None:
            noun = _noun(operation.target)
            group = found[verb, change] = _Group(wording.sign(operation), verb, change, noun)
        group.add(operation.target.name)
    order = list(plan.counts)
    return sorted(found.values(), key=lambda group: order.index(group.verb))


def _noun(target: Target) -> str:
    return "run task" if "task" in target.fields else "workspace"


def _name_lines(group: _Group, width: int) -> list[str]:
    names = folded(group.names, group.size, width - 6, " (--json lists all)")
    return [f"      {line}" for line in names]


def _group_lines(plan: Plan, width: int) -> Iterator[str]:
    groups = _groups(plan)
    shown, others = groups[:MOST_GROUPS], groups[MOST_GROUPS:]
    verbs, changes = widest(g.verb for g in shown), widest(g.change for g in shown)
    digits = max((len(f"{group.size:,}") for group in shown), default=0)
    for group in shown:
        what = f"{filled(group.verb, verbs)}  {filled(group.change, changes)}"
        number = counted(group.size, group.noun)
        blanks = " " * (digits - len(f"{group.size:,}"))
        yield f"  {group.sign} {what}  {blanks}{number}"
        yield from _name_lines(group, width)
    if others:
        more = counted(sum(group.size for group in others), "operation")
        yield f"    … and {len(others)} other changes: {more} (--json lists all)"


def _value_lines(plan: Plan) -> Iterator[str]:
    values = list(plan.values.items())
    if values:
        source = f" from {escaped(plan.job.list_file)}" if plan.job.list_file else ""
        yield f"    Values{source}:"
    digits = max((len(f"{number:,}") for _, number in values), default=0)
    for words, number in values[:MOST_GROUPS]:
        workspaces = f"{number:>{digits},} workspace{' ' if number == 1 else 's'}"
        yield f"      {workspaces}  {escaped(words)}"
    if len(values) > MOST_GROUPS:
        more = counted(sum(number for _, number in values[MOST_GROUPS:]), "workspace")
        yield f"      … and {len(values) - MOST_GROUPS} other combinations: {more}"


def _project_lines(plan: Plan, width: int) -> Iterator[str]:
    projects = [f"{name} {number:,}" for name, number in plan.projects.items()]
    room = width - len("    Projects: ")
    first, *rest = folded(projects[:MOST_NAMES], len(projects), room) or [""]
    if first:
        yield f"    Projects: {first}"
    for line in rest:
        yield f"              {line}"


def _painted(line: str) -> str:
    if found := _SIGNED.match(line):
        return f"\x1b[{_COLOURS[found[1]]}m{found[0]}\x1b[0m{line[found.end() :]}"
    return f"\x1b[1m{line}\x1b[0m" if line.startswith("Plan: ") else line
