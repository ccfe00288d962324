"""What people are told: the event that ``--json`` prints, and a sentence. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bulkops.events import Report as ReportEvent
from bulkops.events import Status
from bulkops.events.model import OfShard
from bulkops.job.notify import Occasion
from bulkops.journal.states import How
from bulkops.report.model import Report
from bulkops.report.text import head, totals
from bulkops.report.words import ended, running_in_words

SIGNATURE = "x-bulkops-notification-signature"
"""The header with the signature, like ``X-TFE-Notification-Signature`` of HCP Terraform's own
notifications: the HMAC-SHA512 of the body, in hex."""

_OCCASIONS: dict[str, Occasion] = {
    How.COMPLETE: Occasion.FINISHED,
    How.PAUSED: Occasion.PAUSED,
    How.WINDOW: Occasion.PAUSED,
}


class Message(NamedTuple):
    """One notification.

    Attributes:
        body: a JSON object: the event, with two more members, ``event`` and ``text``.
    """

    occasion: Occasion
    text: str
    body: bytes


def occasion_of(how: str) -> Occasion:
    """Return what people are told at the end of an execution.

    | the execution                                                    | is told as |
    |------------------------------------------------------------------|------------|
    | tried and verified all operations, however many of them failed   | finished   |
    | waits for ``--continue``: a manual pause, an inconclusive gate   | paused     |
    | waits for its next window, with ``--exit-outside-window``        | paused     |
    | ended early: too many failures, a failed gate, a signal, an error | stopped    |

    Args:
        how: a value of ``How``, or a signal's name.
    """
    return _OCCASIONS.get(how, Occasion.STOPPED)


def started(report: Report, shard: str = "") -> Message:
    """Return the message that an execution has begun.

    Args:
        report: with the process that runs it.
        shard: the name of the fleet's shard; empty for a job by itself.
    """
    word = "Resumed" if report.executions > 1 else "Started"
    by = f"; {running_in_words(report.running)}" if report.running else ""
    lines = [_head(word, report, shard), f"{totals(report)}{by}."]
    return _message(Occasion.STARTED, Status.of(report), lines, shard)


def at_end(
    report: Report, next_steps: Sequence[str] = (), shard: str = "", error: str = ""
) -> Message:
    """Return the message that an execution has ended.

    Args:
        next_steps: commands to run next, one sentence each.
        shard: the name of the fleet's shard; empty for a job by itself.
        error: what ended it; empty if no error did.
    """
    occasion = occasion_of(report.ended)
    outcome = f"{totals(report)}; {ended(report.ended, killed=False)}."
    why = [f"Error: {error}"] if error else []
    lines = [_head(occasion.capitalize(), report, shard), outcome, *why, *next_steps]
    return _message(occasion, ReportEvent.of(report), lines, shard)


def signature(body: bytes, key: str) -> str:
    """Return the signature of a body, in hex."""
    return hmac.new(key.encode(), body, hashlib.sha512).hexdigest()


def _head(word: str, report: Report, shard: str) -> str:
    return f"{word}: {shard}{': ' * bool(shard)}{next(head(report))}"


def _message(occasion: Occasion, event: OfShard, lines: Sequence[str], shard: str) -> Message:
    text = "\n".join(lines)
    if shard:
        event = event.of_shard(shard)
    members = {**msgspec.to_builtins(event), "event": occasion, "text": text}
    return Message(occasion, text, msgspec.json.encode(members))
