"""Counts the requests of a rollout (plan, apply, verify), exactly and in virtual time.

They are compared with a loop's one read and one write per workspace.
"""

from __future__ import annotations

import argparse
from math import ceil

import msgspec

from bulkops.plan import current_state
from bulkops.plan.verify import verify
from tests.engine.world import World, job

PAGE = 100


class Counts(msgspec.Struct, frozen=True):
    """The requests of one rollout.

    Attributes:
        workspaces: the number of selected workspaces.
        attached: how many of them have the run task before the rollout.
        plan, apply, verify: the number of requests of each command.
        writes: the number of writes among the requests of ``apply``.
    """

    workspaces: int
    attached: int
    plan: int
    apply: int
    verify: int
    writes: int

    @property
    def total(self) -> int:
        """The number of all requests."""
        return self.plan + self.apply + self.verify

    @property
    def pages(self) -> int:
        """The number of pages of workspaces and, after the rollout, of attachments."""
        return ceil(self.workspaces / PAGE) + ceil((self.attached + self.writes) / PAGE)


def counted(workspaces: int, attached: int) -> Counts:
    """Return the requests of an attach to workspaces, some of which already have the run task."""
    world = World(workspaces=workspaces)
    for name in world.names[:attached]:
        world.simulator.attach(name, "security-scan", enforcement_level="mandatory")
    world.start(job())
    plan = len(world.wire.asked)
    replay = world.resume()
    apply = len(world.wire.asked) - plan

    async def verified() -> None:
        client = world.client()
        await client.ping()
        shown = await current_state.read_current(client, replay, settle=10.0)
        if verify(replay, shown, client.clock.date()).differing:
            raise RuntimeError("the rollout has drifted")

    world.run(verified)
    return Counts(
        workspaces=workspaces,
        attached=attached,
        plan=plan,
        apply=apply,
        verify=len(world.wire.asked) - plan - apply,
        writes=len(world.wire.writes),
    )


def main(arguments: list[str] | None = None) -> None:
    """Count and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.requests", description=__doc__)
    parser.add_argument("--workspaces", type=int, nargs="*", default=[100, 1000, 10_000])
    given = parser.parse_args(arguments)
    print("| workspaces | attached before | plan | apply | verify | writes | total ÷ loop |")
    print("|---|---|---|---|---|---|---|")
    for number in given.workspaces:
        for attached in (0, number // 2):
            c = counted(number, attached)
            print(
                f"| {c.workspaces} | {c.attached} | {c.plan} | {c.apply} | {c.verify} "
                f"| {c.writes} | {c.total / (2 * number):.3f} |"
            )


if __name__ == "__main__":
    main()
