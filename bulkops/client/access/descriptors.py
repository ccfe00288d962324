"""How many connections the process may open: each is a file to the system, which limits them."""

from __future__ import annotations

import sys
from pathlib import Path

from bulkops.errors import TOO_FEW_FILES, BulkopsError

SPARE = 10
"""Descriptors for all that is no connection: the journal's files, name look-ups, a gate's pipes."""


def most_connections() -> int | None:
    """Return how many connections can be open beside what is open already; ``None``: any number.

    Raises:
        BulkopsError: none can.
    """
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - there is none on Windows

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return None
    most = limit - _open() - SPARE
    if most < 1:
        raise BulkopsError(f"{TOO_FEW_FILES} (the limit is {limit})")
    return most


def _open() -> int:
    try:
        # One of them is the listing's own.
        return sum(1 for _ in Path("/dev/fd").iterdir()) - 1
    except OSError:
        return SPARE
