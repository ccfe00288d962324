"""How many connections the process can open: each needs a file descriptor, which are limited."""

from __future__ import annotations

import sys
from pathlib import Path

from bulkops.errors import TOO_FEW_FILES, BulkopsError

SPARE = 10
"""Descriptors kept for everything else: the journal's files, name look-ups, a gate's pipes."""


def most_connections() -> int | None:
    """Return how many connections can be opened with what is open now; ``None`` for no limit.

    Raises:
        BulkopsError: not one connection can be opened.
    """
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - does not exist on Windows

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return None
    most = limit - _open() - SPARE
    if most < 1:
        raise BulkopsError(f"{TOO_FEW_FILES} (the limit is {limit})")
    return most


def _open() -> int:
    try:
        # One of them belongs to the listing itself.
        return sum(1 for _ in Path("/dev/fd").iterdir()) - 1
    except OSError:
        return SPARE
