"""Events about all shards of a fleet. Pure."""

from __future__ import annotations

from bulkops.events.model import Counts, Event


class FleetPlan(Event, frozen=True, kw_only=True, tag="fleet_plan"):
    """The totals of a fleet's plans; the last line.

    Attributes:
        fleet: the fleet's name.
        job: the name of the job that every shard applies.
        kind: the kind of operation, as in the job file.
        waves: the shards of each wave, of all processes.
        organizations: shard → its organization.
        operations: number of operations in all shards.
        actions: action → number of operations in all shards.
        skipped: number of targets in all shards that need no change.
        blocked: number of targets in all shards on which the job wants a change that is not
            possible.
        problems: shard that can't begin → why, human-readable.
    """

    fleet: str
    job: str
    kind: str
    waves: list[tuple[str, ...]]
    organizations: dict[str, str]
    operations: int
    actions: dict[str, int]
    skipped: int
    blocked: int
    problems: dict[str, str]


class FleetFacts(Event, frozen=True, kw_only=True):
    """The state of all shards of a fleet.

    Attributes:
        fleet: the fleet's name.
        counts: outcome (or `pending`) → number of operations in the journals of all shards; those
            of shards that are undone are left out.
        states: shard → `not begun`, `running`, `interrupted`, `paused`, `done`, `failed` or
            `undone`.
        problems: shard → the error that stopped it or keeps it from being read, human-readable.
        stopped: why no other shard begins until `--continue`, human-readable; empty if one may.
    """

    fleet: str
    counts: Counts
    states: dict[str, str]
    problems: dict[str, str]
    stopped: str = ""


class FleetReport(FleetFacts, frozen=True, kw_only=True, tag="fleet_report"):
    """The result of a fleet's execution; its last line.

    Attributes:
        exit_code: the command's exit code: the worst of all shards.
    """

    exit_code: int


class FleetStatus(FleetFacts, frozen=True, kw_only=True, tag="fleet_status"):
    """The state of a fleet, from its journals; the last line.

    Attributes:
        waits_for: the shards of the current wave that have not ended, for which the next wave
            waits; none if no process has begun, or only the last wave is left.
        exit_code: the exit code that `fleet watch` would have; null while a shard is running.
    """

    waits_for: tuple[str, ...]
    exit_code: int | None


class FleetVerify(Event, frozen=True, kw_only=True, tag="fleet_verify"):
    """The totals of a fleet's verification; its last line.

    Attributes:
        fleet: the fleet's name.
        verified: number of operations in all shards whose desired state the server shows.
        differing: number of operations in all shards for which the server shows another state.
        unreadable: number of operations in all shards whose result can't be read back.
        not_begun: the shards that have no journal of the job, and so nothing to verify; those that
            failed or were blocked are not among them.
        problems: shard that can't be verified, or failed before it had a journal → why,
            human-readable.
        exit_code: the command's exit code: the worst of all shards.
    """

    fleet: str
    verified: int
    differing: int
    unreadable: int
    not_begun: tuple[str, ...]
    problems: dict[str, str]
    exit_code: int
