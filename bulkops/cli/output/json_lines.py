"""Events for programs: one JSON object per line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bulkops.cli.output.printing import print_raw
from bulkops.text import escaped

if TYPE_CHECKING:
    # Imports every kind of event, and a command needs few of them.
    from bulkops.events import Event


def print_json(event: Event) -> None:
    """Print an event as one line of JSON on stdout; raises like ``print_raw``."""
    # JSON allows raw C1 controls and bidi overrides; escaped, they decode to the same string.
    print_raw((escaped(msgspec.json.encode(event).decode()) + "\n",))
