"""Decides whether more will arrive of a journal that another process writes. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

SILENT_AFTER = 10.0
"""Seconds without a new byte, after which the silence is reported."""

GONE_AFTER = 5.0
"""Seconds without a new byte while the lock is free, after which the writer is called gone: a
supervisor that starts it again has had time to, and a copy to bring its last lines."""


class Writer(StrEnum):
    """What this machine can tell of the process that writes a journal."""

    HOLDS = "holds it"
    """A process here holds the lock."""

    FOLLOWS = "is about to write"
    """So does one that is not its last runner: it is about to resume the job, or to undo it."""

    GONE = "is gone"
    """The last runner was on this host, and the lock is free."""

    UNKNOWN = "can't be judged"
    """The last runner is on another host, or this is a copy of what a process here writes."""


class Outlook(StrEnum):
    """What a watcher of a journal expects."""

    ENDED = "ended"
    GONE = "gone"
    SILENT = "silent"
    CONTINUES = "continues"


class Sight(NamedTuple):
    """What a watcher sees of a journal at one moment.

    Attributes:
        ended: whether its last execution has ended.
        more: whether a further execution has something to do.
        silent: seconds without a new byte.
    """

    ended: bool
    more: bool
    writer: Writer
    silent: float


def outlook(sight: Sight) -> Outlook:
    """Return what to expect, by the first row that matches.

    ====================================  ======================  =======
    its last execution                    writer                  outlook
    ====================================  ======================  =======
    ended, and there is more to do        follows                 continues
    ended                                 any                     ended
    has not ended, silent for 5 s         gone                    gone
    has not ended, silent for less        gone                    continues
    has not ended, silent for 10 s        any other               silent
    has not ended, silent for less        any other               continues
    ====================================  ======================  =======
    """
    if sight.ended and not (sight.more and sight.writer is Writer.FOLLOWS):
        return Outlook.ENDED
    if sight.writer is Writer.GONE:
        return Outlook.GONE if sight.silent >= GONE_AFTER else Outlook.CONTINUES
    return Outlook.SILENT if sight.silent >= SILENT_AFTER else Outlook.CONTINUES
