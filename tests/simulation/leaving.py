"""The invariants of every write at the moment it leaves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bulkops.api.messages import Request
from bulkops.journal.progress import Progress
from bulkops.journal.replay import Replay
from bulkops.operations.model import Operation
from tests.kinds import OLD_TASK, TASK
from tests.simulation.invariants import must
from tests.simulation.scenario import SEVERAL
from tests.simulation.states import BEFORE, DESIRED, There, place_of, still

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

WAVE = re.compile(rb'"type":"wave","number":(\d+),"start":\d+,"end":\d+,"reached":"(\w+)"')
"""A wave's progress in a journal's line."""


def check(machine: Machine, request: Request) -> None:
    """Check a write of the current journal that leaves now."""
    replay, server = machine.running.replay, machine.server
    assert replay is not None, "nothing is written before a journal is read"
    position, progress = written_by(request, replay)
    operation, name = progress.operation, progress.operation.target.name
    synced = machine.shelf.durable(machine.journal)
    durable(operation, synced)
    if not was_in_doubt(operation, synced):
        in_its_wave(position, machine.ends(replay), synced)
    changed = server.strangers.get(name)
    there = name in server.world.organizations["acme"].workspaces
    # A change while this execution read, or waited for its turn, may be missed.
    if there and (changed is None or changed < machine.running.started - machine.scenario.lags):
        as_planned(operation, server.there(place_of(operation)))
        if machine.scenario.kind == SEVERAL and not was_in_doubt(operation, synced):
            in_their_order(machine, operation, replay)
        if machine.scenario.replaces and operation.desired is None:
            other = TASK if place_of(operation)[1] == OLD_TASK else OLD_TASK
            must(server.there((name, other)), "no workspace is left with neither", request)


def written_by(request: Request, replay: Replay) -> tuple[int, Progress]:
    """Return the operation that a write carries out, and its position in the journal."""
    target = request.path.split("/")[4]
    for position, progress in enumerate(replay.operations.values()):
        operation = progress.operation
        # Each of several attachments has an operation of its own.
        # Only a POST doesn't end with the id of what it changes.
        own = request.method == "POST" or request.path.endswith(operation.before_id)
        if operation.target.id == target and method(operation) == request.method and own:
            return position, progress
    raise AssertionError(f"nothing in the journal asks for {request.method} {request.path}")


def in_their_order(machine: Machine, operation: Operation, replay: Replay) -> None:
    """Check that all earlier steps on the target are as desired by now; an undo goes backwards."""
    things = machine.scenario.things
    backwards = machine.journal.name == "undo-0.jsonl"
    order = things[::-1] if backwards else things
    mine = order.index(place_of(operation)[1])
    for first in (p.operation for p in replay.operations.values()):
        place = place_of(first)
        if first.target == operation.target and order.index(place[1]) < mine:
            done = still(first, machine.server.there(place)) == DESIRED
            must(done, "a step comes after those before it", (first, operation))


def method(operation: Operation) -> str:
    """Return the method by which an operation is carried out."""
    if operation.desired is None:
        return "DELETE"
    return "PATCH" if operation.before else "POST"


def durable(operation: Operation, synced: bytes) -> None:
    """Check that the disk has an operation's intent, without a later result."""
    at = synced.rfind(b'"%s"' % operation.key.encode())
    line = synced[synced.rfind(b"\n", 0, at) + 1 : at]
    must(b'"type":"intent"' in line, "intent durable before request", operation.key)


def was_in_doubt(operation: Operation, synced: bytes) -> bool:
    """Return whether it was sent before and is in doubt since, so that it may be sent again.

    Its wave had started by then, and an earlier one may have been opened again since.
    """
    key = b'"key":"%s"' % operation.key.encode()
    before = synced.rfind(key, 0, synced.rfind(key))
    if synced[:before].endswith(b'"type":"result",'):
        # An answer that no reading could make up for is recorded as in doubt.
        return synced.startswith(b',"outcome":"in_doubt"', before + len(key))
    return synced[:before].endswith(b'"type":"intent",')


def in_its_wave(position: int, ends: Sequence[int], synced: bytes) -> None:
    """Check on the disk that every wave before an operation's own has passed.

    A wave that was carried out once has begun for good, though an earlier one was opened again: an
    operation of it that was in doubt may have been decided again.
    """
    waves = dict(WAVE.findall(synced))
    wave = next(number for number, end in enumerate(ends, 1) if position < end)
    if waves.get(b"%d" % wave, b"open") != b"open":
        return
    passed = {number for number, reached in waves.items() if reached == b"passed"}
    before = {b"%d" % number for number in range(1, wave)}
    must(
        before <= passed, "no wave begins before the one before has passed", f"wave {wave}: {waves}"
    )


def as_planned(operation: Operation, there: list[There]) -> None:
    """Check that a write finds the state that it was planned from, unless it changed recently."""
    facts = f"{there}, planned from {operation.before}"
    must(still(operation, there) == BEFORE, "no change outside the job is overwritten", facts)
