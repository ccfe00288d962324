"""``bulkops fleet verify FLEET``: check whether the servers still show what a fleet did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from click.exceptions import Exit

from bulkops import events
from bulkops.cli.commands.fleet.arguments import FLEET, SERVERS
from bulkops.cli.commands.journal import note_torn_tail
from bulkops.cli.commands.verify import differing_lines, verified_events, verified_in_words
from bulkops.cli.options import JSON, TRUST_FILES, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import print_text
from bulkops.cli.run.open_fleet import FleetServer, objects_of, task_of
from bulkops.cli.run.recorded_fleet import RecordedFleet, none_begun, noting_settling, open_recorded
from bulkops.cli.session import only_reading, run_all
from bulkops.errors import ExitCode
from bulkops.fleet.fleet_run import side_by_side
from bulkops.fleet.recorded.shard_verify import ShardVerify
from bulkops.fleet.report.text import headline, shard_lines, state
from bulkops.fleet.shard_job import targets_of
from bulkops.fleet.standing import worst
from bulkops.text import counted


@command(FLEET, JSON, TRUST_FILES, SERVERS)
def verify(*, fleet: Path, json: bool, trust_files: bool, server: FleetServer) -> None:
    """Check for drift in all organizations of a fleet.

    Verifies the newest journal of each shard, as verify does, all shards side by side: a line for
    each, a section for each that has drifted or isn't done yet, and totals. If it was undone, its
    undo is verified. A shard without a journal has nothing to verify: if it failed or was blocked,
    the exit code says so. It is an error if none has a journal. Changes neither a server nor a
    journal. The exit code is the worst of all shards.

    \b
    Examples:
      bulkops fleet verify fleet.toml
      bulkops fleet verify fleet.toml --json
    """
    opened = open_recorded(fleet, server, trust_files=trust_files)
    # Nothing is sent because of what it says.
    entries, _ = objects_of(opened.fleet, trusted=True).read_rollout(
        opened.job.digest, targets_of(opened.shards)
    )
    shards = [
        ShardVerify(one, entries.get(one.shard.name), trust_files=trust_files)
        for one in opened.shards
    ]
    looks = {one.name: one.look for one in shards}
    with only_reading():
        run_all(lambda: side_by_side(looks, noting_settling(opened.connect())))
    if all(one.place is None and one.problem is None for one in shards):
        raise none_begun(opened.fleet)
    for one in shards:
        if one.place is not None and one.contents is not None:
            note_torn_tail(one.place, one.contents)
    code = worst(one.exit_code for one in shards)
    if json:
        _print_events(opened.fleet.name, shards, code)
    else:
        _print_lines(opened, shards)
    raise Exit(code)


def _print_lines(opened: RecordedFleet, shards: Sequence[ShardVerify]) -> None:
    kind, task = opened.job.kind, task_of(opened.job)
    print_text(headline(opened.fleet.name, kind, task, len(shards)))
    rows = ((one.name, one.organization, _in_words(one)) for one in shards)
    print_text(*shard_lines(rows))
    for one in shards:
        for line in _section(one):
            print_text(line)
    print_text("", _total(shards))


def _total(shards: Sequence[ShardVerify]) -> str:
    every = [one.verified for one in shards if one.verified is not None]
    operations = sum(one.operations for one in shards)
    verified = sum(one.verified for one in every)
    unreadable = sum(one.unreadable for one in every)
    rest = f", {unreadable:,} can't be read back" if unreadable else ""
    failed = sum(one.problem is not None for one in shards)
    without = f"; {counted(failed, 'shard')} can't be verified" if failed else ""
    others = Counter(
        "blocked" if one.recorded.blocked else one.recorded.state.value
        for one in shards
        if one.place is None and one.problem is None
    )
    ends = "".join(f"; {counted(number, 'shard')} {word}" for word, number in others.items())
    total = f"Total: {verified:,} of {counted(operations, 'operation')} verified"
    return f"{total}{rest}{without}{ends}"


def _in_words(one: ShardVerify) -> str:
    if one.problem is not None:
        return f"can't be verified\n{one.problem}"
    if one.contents is None or one.verified is None:
        return f"{state(one.recorded)}{'' if one.recorded.problem else ': nothing to verify'}"
    words = verified_in_words(one.contents.replay, one.verified)
    return f"undone: {words}" if one.undone else words


def _section(one: ShardVerify) -> Iterator[str]:
    """Yield a shard's operations that differ."""
    if one.contents is None or one.verified is None or not one.verified.differing:
        return
    yield from ("", f"{one.name}: {one.place}")
    if one.undone_by is not None:
        yield f"It has been undone, at least in part: {one.undone_by}"
    yield from differing_lines(one.contents.replay, one.verified)


def _print_events(name: str, shards: Sequence[ShardVerify], code: ExitCode) -> None:
    verified = [one.verified for one in shards if one.verified is not None]
    for one in shards:
        if one.contents is not None and one.verified is not None:
            for event in verified_events(one.contents.replay, one.verified):
                print_json(event.of_shard(one.name))
    print_json(
        events.FleetVerify(
            fleet=name,
            verified=sum(one.verified for one in verified),
            differing=sum(len(one.differing) for one in verified),
            unreadable=sum(one.unreadable for one in verified),
            not_begun=tuple(
                one.name for one in shards if one.place is None and one.exit_code is ExitCode.DONE
            ),
            problems={one.name: one.why for one in shards if one.why},
            exit_code=code,
        )
    )
