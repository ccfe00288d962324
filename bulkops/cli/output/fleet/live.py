"""The live view of a fleet: a line for each shard, and totals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TextIO

from rich.text import Text

from bulkops.cli.output.live import LONGEST_BAR, SHORTEST_BAR, LiveView
from bulkops.cli.output.progress_text import Bar
from bulkops.report.columns import filled, widest
from bulkops.text import escaped

AROUND = 4
"""Lines of the view and of the terminal that are no shard's."""


class ShardLine(NamedTuple):
    """A shard in the view.

    Attributes:
        done: the number of finished operations.
        of: the number of operations.
        state: in a few words.
        running: it is in progress: shown even if there is no room for all shards.
    """

    name: str
    done: int
    of: int
    state: str
    running: bool


class FleetView(LiveView):
    """Shows the shards of a fleet in place; other output scrolls above them."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._shards: Sequence[ShardLine] = ()
        self._total = ""

    def show_shards(self, shards: Sequence[ShardLine], total: str) -> None:
        """Show the shards, unless the terminal is not reading; ``total``: the last line."""
        self._shards, self._total = shards, total
        self.refresh()

    def rows(self, width: int, height: int) -> Iterator[Text]:
        """See ``LiveView``: if there is no room for all shards, those that run."""
        shards = self._shards
        if len(shards) > height - AROUND:
            shards = [one for one in shards if one.running][: max(0, height - AROUND)]
        yield Text()
        names, states = widest(one.name for one in shards), widest(one.state for one in shards)
        digits = max((len(str(one.of)) for one in shards), default=1)
        length = min(LONGEST_BAR, width - (2 + names + 2 + 2 + 2 * digits + 1 + 2 + states))
        for one in shards:
            line = Text(f"  {filled(escaped(one.name), names)}", style="bold" * one.running)
            if length >= SHORTEST_BAR:
                bar = Bar(one.name, one.done, one.of, current=one.running)
                line.append("  ").append(self.bar(bar, length))
            line.append(f"  {one.done:>{digits}}/{one.of:<{digits}}  {one.state}")
            yield line
        yield Text(f"  {self._total}")
