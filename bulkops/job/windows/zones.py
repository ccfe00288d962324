"""Finds time zones in the time zone database of this machine, or of the Python package tzdata."""

from __future__ import annotations

import difflib
from datetime import UTC, tzinfo
from functools import partial
from zoneinfo import ZoneInfo, available_timezones

from bulkops.checking import shown
from bulkops.errors import JobError
from bulkops.job.job import Job
from bulkops.job.windows.window import Window, parse_window


def windows_of(job: Job, source: str = "") -> tuple[Window, ...]:
    """Return a job's windows, with their time zones.

    Args:
        source: the job file's name, for error messages; the job's own name if empty.

    Raises:
        JobError: see ``zone_named``.
    """
    place = f"{source or job.name}: rollout.windows"
    return tuple(
        parse_window(text, partial(zone_named, where=f"{place}[{number}] = {shown(text)}"))
        for number, text in enumerate(job.rollout.windows)
    )


def zone_named(name: str, *, where: str) -> tzinfo:
    """Return a time zone; UTC needs no database.

    Args:
        where: the file and key, for error messages.

    Raises:
        JobError: the database is missing, or doesn't have the zone.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as problem:
        raise JobError(f"{where}: time zone {name}: {_why(name, problem)}") from None


def _why(name: str, problem: Exception) -> str:
    known = available_timezones()
    if not known:
        return (
            "this machine has no time zone database. Install the system's package tzdata, or run "
            "`pip install tzdata`, or give the window in UTC"
        )
    if name in known:
        return f"its entry in this machine's time zone database can't be read: {problem}"
    near = difflib.get_close_matches(name, known, n=1)
    hint = f". Did you mean {near[0]}?" if near else ""
    return f"not in this machine's time zone database{hint}"
