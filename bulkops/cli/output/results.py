"""One line a finished operation, for people or for machines."""

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
"""Characters of a name up to which the columns after it are aligned."""

LONGEST_REASON = 160


def liner(replay: Replay) -> Callable[[Operation, Result], str]:
    """Return what says a result in one aligned line."""
    names = (p.operation.target.name for p in replay.operations.values())
    width = min(widest(names), LONGEST_COLUMN)

    def line(operation: Operation, result: Result) -> str:
        said = f"{outcome_in_words(result.outcome):<9}  {filled(operation.target.name, width)}"
        reason = f"  ({shortened(result.reason)})" if result.reason else ""
        return f"{said}  {wording.change(operation)}{reason}"

    return line


def shortened(text: str) -> str:
    """Return a reason cut to a few lines of a terminal; reports have it whole."""
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"


class Lines:
    """Prints a line a result on stdout.

    Where nobody reads them, successes are summed up, and failures are kept longer.

    Args:
        replay: of the journal whose results they are.
    """

    def __init__(self, replay: Replay) -> None:
        self.line = liner(replay)
        self._untold = Counter[str]()

    def tell(self, operation: Operation, result: Result) -> None:
        """Print or count a result."""
        if is_full(sys.stdout, RESERVE if result.outcome in TROUBLE else 1):
            self._untold[outcome_in_words(result.outcome)] += 1
            return
        if not is_full(sys.stdout):
            self.catch_up()
        print_text(self.line(operation, result))

    def catch_up(self) -> None:
        """Say how many results were not printed, where some were."""
        if self._untold:
            numbers = ", ".join(f"{n} more {outcome}" for outcome, n in self._untold.items())
            self._untold.clear()
            print_text(f"… and {numbers}")


def tell_json(operation: Operation, result: Result) -> None:
    """Print a result as one JSON object."""
    print_json(events.Result.of(operation, result))
