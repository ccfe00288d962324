"""How what the server shows compares with an operation's states before and desired."""

from __future__ import annotations

import pytest

from bulkops.operations.compare import Shown, compare
from bulkops.operations.model import Observed, Operation, Target

BEFORE = Observed("wstask-1", {"enforcement-level": "advisory"})
DESIRED = {"enforcement-level": "mandatory"}
OTHER = Observed("wstask-1", {"enforcement-level": "other"})


@pytest.mark.parametrize(
    ("before", "desired", "observed", "shown"),
    [
        (None, DESIRED, [], Shown.BEFORE),
        (None, DESIRED, [Observed("wstask-9", DESIRED)], Shown.DESIRED),
        (None, DESIRED, [OTHER], Shown.OTHER),
        (
            None,
            DESIRED,
            [Observed("wstask-8", DESIRED), Observed("wstask-9", DESIRED)],
            Shown.SEVERAL,
        ),
        (BEFORE, DESIRED, [], Shown.OTHER),
        (BEFORE, DESIRED, [BEFORE], Shown.BEFORE),
        (BEFORE, DESIRED, [Observed("wstask-1", DESIRED)], Shown.DESIRED),
        (BEFORE, DESIRED, [OTHER], Shown.OTHER),
        (BEFORE, None, [], Shown.DESIRED),
        (BEFORE, None, [BEFORE], Shown.BEFORE),
        (BEFORE, None, [OTHER], Shown.OTHER),
        (BEFORE, None, [Observed("wstask-9", BEFORE.attributes)], Shown.OTHER),
    ],
)
def test_a_reading_is_compared_with_before_and_desired(
    before: Observed | None,
    desired: dict[str, object] | None,
    observed: list[Observed],
    shown: Shown,
) -> None:
    """Absent, as before, as desired or anything else, for attach, update and detach."""
    operation = Operation("attach", Target("ws-1", "prod"), before, desired)
    assert compare(operation, observed) is shown
