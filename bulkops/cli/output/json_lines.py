"""Events as machines read them: one JSON object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bulkops.cli.output.printing import print_raw
from bulkops.text import escaped

if TYPE_CHECKING:
    # All kinds of line: `check` needs one of them.
    from bulkops.events import Event


def print_json(event: Event) -> None:
    """Print one JSON object a line on stdout; raises as ``print_raw``."""
    # JSON leaves C1 controls and bidi overrides as they are; spelled, they are the same string.
    print_raw((escaped(msgspec.json.encode(event).decode()) + "\n",))
