"""What many seeds must have met: otherwise a sweep that tests nothing would pass."""

from __future__ import annotations

from collections import Counter

from tests.journal.remote.misbehaving import Trouble
from tests.simulation.denials import STATUSES
from tests.simulation.scenario import KINDS
from tests.simulation.states import BEFORE, DESIRED, OTHER
from tests.simulation.stored.troubles import Point
from tests.simulation.weather import HARMLESS, INCONCLUSIVE, LOSING

CALLS = (*("append", "create", "overwrite", "rename", "sync", "sync_folder", "truncate", "write"),)
STOPS = (*CALLS, "read request", "write request")
STORED = (
    *(f"frozen {point.value}" for point in Point),
    *(trouble.name.lower() for trouble in Trouble),
    *(f"{count} processes" for count in (1, 2, 3)),
    *(f"killed {how}" for how in ("before call", "after call", "at a moment", "at a request")),
    "away",
    "cut off",
    "lagging listing",
    "late in the window, still the holder",
    "not held",
    "refused by the lease",
    "refused for another's segment",
    "run",
    "sent in the window after a takeover",
    "survived that it was away",
    "taken from a dead process",
    "taken from a frozen process",
    "taken over",
    "unread",
    "waited and went on",
)
"""Of the runs whose journals are in a store."""

MET = (
    *(f"store: {what}" for what in STORED),
    *(f"fault {kind}" for kind in (*LOSING, *HARMLESS)),
    *(f"denied for a moment: {status}" for status in STATUSES),
    *(f"failed {call}" for call in CALLS),
    *(f"killed {when} {what}" for when in ("before", "after") for what in STOPS),
    *(f"somebody else: {how}" for how in ("attach", "change", "detach", "delete")),
    *(f"outcome {outcome}" for outcome in ("succeeded", "skipped", "failed", "conflict")),
    *(f"ended: {how}" for how in ("complete", "tolerance", "gate", "paused", "window", "SIGINT")),
    *(f"gate {status}" for status in (0, 1, INCONCLUSIVE)),
    *(f"kind {kind}" for kind in dict.fromkeys(KINDS)),
    *(f"values of {kind}" for kind in dict.fromkeys(KINDS) if kind != "detach"),
    *(f"saved plan finds it {how}" for how in (DESIRED, BEFORE, OTHER)),
    "JobError",
    "JournalWriteFailed",
    "NotFoundOrForbidden",
    "SIGINT again",
    "ServerBroken",
    "abandoned",
    "changed between two executions",
    "effect that lands late",
    "failures retried",
    "forgotten by a failed sync, then a power cut",
    "forgotten pages dropped",
    "power cut after the end",
    "interrupted between two waves",
    "killed at a moment",
    "killed between two waves",
    "killed while it rested",
    "read that lagged",
    "request that arrives after its sender's end",
    "rested outside its windows",
    "resumed in doubt",
    "resumed pending",
    "resumed with a torn tail",
    "planned, then moved to another project",
    "second runner refused",
    "second runner refused by the journal",
    "second runner went on",
    "selected by projects",
    "undone 1",
    "undone 2",
    "unsynced bytes at stake",
    "wall clock jumped",
)
"""All of it."""

ENOUGH = 500
"""Any such number of seeds must meet everything once, up to three times."""


def unmet(met: Counter[str], seeds: int) -> dict[str, int]:
    """Return what this many seeds met too rarely, and how often they met it."""
    least = min(3, seeds // ENOUGH)
    return {what: met[what] for what in MET if met[what] < least}
