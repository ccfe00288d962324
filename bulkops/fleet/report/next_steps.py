"""What to do after a fleet's command, in one sentence per reason. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bulkops.fleet.report.model import FleetReport
from bulkops.fleet.waves import Course, State
from bulkops.text import counted


def next_steps(
    fleet: FleetReport, course: Course, command: str = "", *, signal: str = ""
) -> Iterator[str]:
    """Yield why a fleet isn't finished, and what to do about it.

    Args:
        course: what its shards do next.
        command: that applies it; empty if the user has just entered it.
        signal: the one that stopped the command; empty if none did.
    """
    same = f"`{command}`" if command else "The same command"
    further = f"`{command} --continue`" if command else "The same command with --continue"
    states = {one.state for one in fleet.shards}
    left = [one for one in fleet.shards if one.state is State.NOT_BEGUN and not one.problem]
    not_begun = f"{counted(len(left), 'shard')} did not begin"
    if signal or State.INTERRUPTED in states:
        yield f"Not finished. {same} resumes every shard."
    elif course is Course.STOPPED:
        yield f"Stopped: {fleet.stopped}: {not_begun}. {further} begins what is left."
    elif State.RUNNING in states:
        yield f"A shard is running in another process{f'; {not_begun}' if left else ''}."
    elif course is Course.PAUSED:
        yield f"Paused. {further} continues past the pause."
    elif course is Course.GO and left:
        more = f" and {len(left) - 1:,} more" if len(left) > 1 else ""
        yield (
            f"{left[0].shard}{more} did not begin, and no process seems to run. {same} begins "
            "what is left."
        )
    lasting = (State.FAILED, State.NOT_BEGUN)
    failed = [one.shard for one in fleet.shards if one.problem and one.state in lasting]
    if failed:
        whose = failed[0] if len(failed) == 1 else f"each of the {len(failed):,} failed shards"
        again = f"run {same}" if command else "run the same command again"
        yield f"Fix what the line of {whose} says, then {again}."
