"""One line per finished operation, for people or as JSON."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

from bulkops import events
from bulkops.cli.outlet import RESERVE, is_full
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import print_text
from bulkops.journal.records import Result
from bulkops.journal.replay import Replay
from bulkops.journal.states import TROUBLE
from bulkops.operations import wording
from bulkops.operations.model import Operation
from bulkops.report.columns import filled, widest
from bulkops.report.words import outcome_in_words

LONGEST_COLUMN = 40
"""Columns of a name up to which the following columns are aligned."""

LONGEST_REASON = 160


def liner(replay: Replay) -> Callable[[Operation, Result], str]:
    """Return a function that renders a result as one aligned line."""
    names = (p.operation.target.name for p in replay.operations.values())
    width = min(widest(names), LONGEST_COLUMN)

    def line(operation: Operation, result: Result) -> str:
        outcome = outcome_in_words(result.outcome)
        name = filled(operation.target.name, width)
        reason = f"  ({shortened(result.reason)})" if result.reason else ""
        return f"{outcome:<9}  {name}  {wording.change(operation)}{reason}"

    return line


def shortened(text: str) -> str:
    """Return a reason cut to a few terminal lines; reports show all of it."""
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"


class Lines:
    """Prints one line per result on stdout.

    If stdout is not read, successes are only counted; failures are buffered for longer.

    Args:
        replay: of the journal that the results belong to.
        before: begins each line, for example with the name of a fleet's shard.
    """

    def __init__(self, replay: Replay, before: str = "") -> None:
        self.line = liner(replay)
        self._before = before
        self._unprinted = Counter[str]()

    def print(self, operation: Operation, result: Result) -> None:
        """Print or count a result."""
        if is_full(sys.stdout, RESERVE if result.outcome in TROUBLE else 1):
            self._unprinted[outcome_in_words(result.outcome)] += 1
            return
        if not is_full(sys.stdout):
            self.catch_up()
        print_text(f"{self._before}{self.line(operation, result)}")

    def catch_up(self) -> None:
        """Print how many results were only counted, if any."""
        if self._unprinted:
            numbers = ", ".join(f"{n:,} more {outcome}" for outcome, n in self._unprinted.items())
            self._unprinted.clear()
            print_text(f"{self._before}… and {numbers}")


def print_result(operation: Operation, result: Result) -> None:
    """Print a result as one JSON object."""
    print_json(events.Result.of(operation, result))
