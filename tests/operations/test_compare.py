"""How what the server shows compares with an operation's before and wanted."""

from __future__ import annotations

import pytest

from bulkops.operations.compare import Shown, compare
from bulkops.operations.model import Operation, Seen, Target

BEFORE = Seen("wstask-1", {"enforcement-level": "advisory"})
WANTED = {"enforcement-level": "mandatory"}
OTHER = Seen("wstask-1", {"enforcement-level": "other"})


@pytest.mark.parametrize(
    ("before", "wanted", "seen", "shown"),
    [
        (None, WANTED, [], Shown.BEFORE),
        (None, WANTED, [Seen("wstask-9", WANTED)], Shown.WANTED),
        (None, WANTED, [OTHER], Shown.OTHER),
        (None, WANTED, [Seen("wstask-8", WANTED), Seen("wstask-9", WANTED)], Shown.SEVERAL),
        (BEFORE, WANTED, [], Shown.OTHER),
        (BEFORE, WANTED, [BEFORE], Shown.BEFORE),
        (BEFORE, WANTED, [Seen("wstask-1", WANTED)], Shown.WANTED),
        (BEFORE, WANTED, [OTHER], Shown.OTHER),
        (BEFORE, None, [], Shown.WANTED),
        (BEFORE, None, [BEFORE], Shown.BEFORE),
        (BEFORE, None, [OTHER], Shown.OTHER),
        (BEFORE, None, [Seen("wstask-9", BEFORE.attributes)], Shown.OTHER),
    ],
)
def test_a_reading_is_compared_with_before_and_wanted(
    before: Seen | None, wanted: dict[str, object] | None, seen: list[Seen], shown: Shown
) -> None:
    """Absent, as before, as wanted, anything else: for attach, update and detach alike."""
    operation = Operation("attach", Target("ws-1", "prod"), before, wanted)
    assert compare(operation, seen) is shown
