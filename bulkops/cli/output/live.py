"""The live view: a few lines at the bottom of a terminal that show an execution's progress."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast

from rich.console import (
    Console,
    ConsoleDimensions,
    ConsoleOptions,
    ConsoleRenderable,
    Group,
    RenderHook,
    RenderResult,
)
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType, Segment, SegmentLines
from rich.text import Text

from bulkops.cli.outlet import is_idle
from bulkops.cli.output.printing import silence
from bulkops.cli.output.progress.model import JobProgress
from bulkops.cli.output.progress_text import Bar, bars, pace, standstill, time_left, troubles
from bulkops.text import escaped

LONGEST_BAR = 50
SHORTEST_BAR = 4
"""Columns; with fewer, only the numbers are shown."""

TIME_LEFT = len("  about 119 min to the pause")
"""Columns beside the last bar, if there is room."""


class LiveView(RenderHook):
    """Shows progress in place; other output scrolls above it.

    Args:
        stream: a terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console = Console(
            file=cast(TextIO, _NeverFailing(stream)),
            force_terminal=True,
            force_interactive=True,
            highlight=False,
        )
        # Before the live display's own hook: the size decides where the display starts.
        self._console.push_render_hook(self)
        self._live: Live | None = None
        self._progress: JobProgress | None = None
        self._above: list[Text] = []
        self._widths: list[int] = []
        self._columns = 0
        encoding = (stream.encoding or "ascii").lower()
        self._characters = ("━", "╸", "─") if encoding.startswith("utf") else ("#", "-", "-")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the view at the bottom while the block runs; remove it when it ends."""
        self._open()
        try:
            yield
        finally:
            self._close()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Hide the view while the block runs."""
        self._close()
        try:
            yield
        finally:
            self._open()

    def alert(self, line: str, *, style: str = "red") -> None:
        """Print a line above the view, at the next refresh."""
        self._above.append(Text(escaped(line), style=style))

    def show(self, progress: JobProgress) -> None:
        """Show the progress, unless the terminal is not reading."""
        self._progress = progress
        self.refresh()

    def refresh(self) -> None:
        """Draw what is shown again, unless the terminal is not reading."""
        if self._live is not None and self._takes_more():
            self._print_above()
            self._live.refresh()

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Before drawing, take over the window's size and move up over lines it has wrapped."""
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            columns = rows = 0
        columns, rows = columns or 80, rows or 25
        narrower = columns < self._columns
        more = sum((width - 1) // columns for width in self._widths if width) if narrower else 0
        self._columns = columns
        # Three fewer: room for the ^C that the terminal echoes, which would wrap the line.
        self._console.size = ConsoleDimensions(max(1, columns - 3), rows)
        up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
        return [Control(*up * more), *renderables]

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> RenderResult:
        desired = Group(*self.rows(console.width, console.height))
        lines = console.render_lines(desired, pad=False)[1 - console.height :]
        self._widths = [Segment.get_line_length(line) for line in lines]
        yield SegmentLines(lines, new_lines=True)

    def rows(self, width: int, height: int) -> Iterator[Text]:  # noqa: ARG002 - crops itself
        """Yield the lines of the view, for a terminal of this size."""
        if self._progress:
            yield from self._lines(self._progress, width)

    def _open(self) -> None:
        self._widths = []
        self._live = Live(
            self,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            vertical_overflow="crop",
        )
        self._live.start()

    def _close(self) -> None:
        if self._live is not None:
            self._print_above()
            self._live.stop()
            self._live = None
            self._widths = []

    def _takes_more(self) -> bool:
        # Ctrl-S, or a connection that hangs: the rollout must not wait for its view.
        with suppress(OSError, ValueError):
            return is_idle(self._stream) and bool(select.select([], [self._stream], [], 0)[1])
        return False

    def _print_above(self) -> None:
        if self._above:
            lines, self._above = self._above, []
            self._console.print(*lines, sep="\n", soft_wrap=True)

    def _lines(self, progress: JobProgress, width: int) -> Iterator[Text]:
        yield Text()
        shown, left = bars(progress), time_left(progress)
        label = max(len(bar.label) for bar in shown)
        digits = len(str(progress.of))
        room = width - (2 + label + 2 + 2 + 2 * digits + 1)
        beside = room >= TIME_LEFT + SHORTEST_BAR
        length = min(LONGEST_BAR, room - TIME_LEFT if beside else room)
        for bar in shown:
            line = Text(f"  {bar.label:<{label}}", style="bold" if bar.current else "")
            if length >= SHORTEST_BAR:
                line.append("  ").append(self.bar(bar, length))
            line.append(f"  {bar.done:>{digits}}/{bar.of:<{digits}}")
            if beside and bar is shown[-1]:
                line.append(f"  {left}")
            yield line
        facts = map(", ".join, (pace(progress), troubles(progress)))
        for text in ("" if beside else left, *facts):
            if text:
                yield Text(f"  {text}")
        # Even if empty: a line that comes and goes makes the others jump.
        yield Text(f"  {standstill(progress)}", style="yellow")

    def bar(self, bar: Bar, length: int) -> Text:
        """Return a bar of this many columns."""
        full, half, empty = self._characters
        halves = 2 * length * bar.done // bar.of if bar.of else 0
        done = full * (halves // 2) + half * (halves % 2)
        whole = "green" if bar.done == bar.of else "cyan"
        return Text.assemble((done, whole), (empty * (length - len(done)), "dim"))


class _NeverFailing:
    """A stream that never fails: if it is closed or full, output is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or drop the text."""
        try:
            return self._stream.write(text)
        except OSError:
            silence(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush, or drop what is buffered."""
        try:
            self._stream.flush()
        except OSError:
            silence(self._stream)
