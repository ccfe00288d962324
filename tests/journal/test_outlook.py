"""The table of whether more will arrive of a journal."""

from __future__ import annotations

import pytest

from bulkops.journal.following.outlook import (
    GONE_AFTER,
    SILENT_AFTER,
    Outlook,
    Sight,
    Writer,
    outlook,
)


@pytest.mark.parametrize("more", [True, False])
@pytest.mark.parametrize("silent", [0.0, GONE_AFTER, SILENT_AFTER, 1e6])
@pytest.mark.parametrize("writer", Writer)
def test_a_recorded_end_is_final(*, more: bool, silent: float, writer: Writer) -> None:
    """Unless there is more to do and another process has locked the journal to resume it."""
    resumed = more and writer is Writer.FOLLOWS
    silently = Outlook.SILENT if silent >= SILENT_AFTER else Outlook.CONTINUES
    seen = outlook(Sight(ended=True, more=more, writer=writer, silent=silent))
    assert seen is (silently if resumed else Outlook.ENDED)


@pytest.mark.parametrize(
    ("writer", "silent", "expected"),
    [
        (Writer.GONE, GONE_AFTER - 0.1, Outlook.CONTINUES),
        (Writer.GONE, GONE_AFTER, Outlook.GONE),
        (Writer.UNKNOWN, GONE_AFTER, Outlook.CONTINUES),
        (Writer.UNKNOWN, SILENT_AFTER, Outlook.SILENT),
        (Writer.UNKNOWN, 1e6, Outlook.SILENT),
        (Writer.HOLDS, SILENT_AFTER - 0.1, Outlook.CONTINUES),
        (Writer.HOLDS, 1e6, Outlook.SILENT),
        (Writer.FOLLOWS, 1e6, Outlook.SILENT),
    ],
)
def test_a_job_continues_unless_its_writer_is_gone(
    writer: Writer, silent: float, expected: Outlook
) -> None:
    """A free lock proves it; a silence of any length does not."""
    assert outlook(Sight(ended=False, more=False, writer=writer, silent=silent)) is expected
