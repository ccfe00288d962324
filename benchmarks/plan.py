"""Measures deciding a plan, compared with only decoding its pages of realistic size.

No requests are included: it starts with the pages' bytes and ends with a ``Plan``. Each workspace
has about 4 KB of JSON, and every other one has the run task. Decoding uses msgspec and the
client's types.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from benchmarks.documents import PAGE, attachments_page, workspaces_page
from benchmarks.machine import Busy, machine, spread
from benchmarks.records import JOB, TASK
from bulkops.api.jsonapi import Many, decode
from bulkops.api.messages import Response
from bulkops.api.resources import WorkspaceResource, WorkspaceTaskResource
from bulkops.inventory.model import Inventory
from bulkops.inventory.selection import WorkspaceRows
from bulkops.job.job import job_from_builtins
from bulkops.operations.aspects.attachment import ByWorkspace
from bulkops.operations.model import Resolved
from bulkops.plan.model import Plan, make_plan

JOB_ON_ALL = job_from_builtins(JOB)


class Pages:
    """An organization's lists as bytes, generated on each use so as not to keep them."""

    def __init__(self, workspaces: int) -> None:
        self._workspaces = workspaces

    def of_workspaces(self) -> Iterator[Response]:
        """Yield the pages of all workspaces."""
        for number in range(1, -(-self._workspaces // PAGE) + 1):
            yield Response(200, body=workspaces_page(number, self._workspaces))

    def of_attachments(self) -> Iterator[Response]:
        """Yield the pages of the run task's attachments."""
        attached = range(1, self._workspaces, 2)
        for number in range(1, -(-len(attached) // PAGE) + 1):
            shown = attached[(number - 1) * PAGE : number * PAGE]
            page = attachments_page(number, ((n, "advisory") for n in shown), len(attached))
            yield Response(200, body=page)


class Timed:
    """Measures the time between pages, without the time to generate them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def over(self, pages: Iterator[Response]) -> Iterator[Response]:
        """Yield the pages, and count the time until the next one is requested."""
        for page in pages:
            started = time.perf_counter()
            yield page
            self.seconds += time.perf_counter() - started


def decoding(pages: Pages) -> float:
    """Return the seconds it takes to decode all pages without keeping them."""
    timed = Timed()
    for answer in timed.over(pages.of_workspaces()):
        decode(answer, Many[WorkspaceResource])
    for answer in timed.over(pages.of_attachments()):
        decode(answer, Many[WorkspaceTaskResource])
    return timed.seconds


def planning(pages: Pages) -> tuple[float, Plan]:
    """Return the seconds it takes to decode all pages and decide the plan, and the plan."""
    timed = Timed()
    rows = WorkspaceRows(JOB_ON_ALL.select, None)
    for answer in timed.over(pages.of_workspaces()):
        for workspace in decode(answer, Many[WorkspaceResource]).data:
            rows.add(workspace.value())
    attachments = ByWorkspace(TASK.id)
    for answer in timed.over(pages.of_attachments()):
        for attachment in decode(answer, Many[WorkspaceTaskResource]).data:
            attachments.add(attachment.value())
    started = time.perf_counter()
    selected = rows.selected()
    inventory = Inventory(
        Resolved(organization=JOB_ON_ALL.organization, task=TASK),
        selected.targets,
        selected.forbidden,
        {"": attachments},
        None,
    )
    plan = make_plan(JOB_ON_ALL, inventory)
    return timed.seconds + time.perf_counter() - started, plan


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.plan", description=__doc__)
    parser.add_argument("--workspaces", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args(arguments)
    pages = Pages(given.workspaces)
    busy = Busy()
    decoded: list[float] = []
    planned: list[float] = []
    for _ in range(given.runs):
        decoded.append(decoding(pages))
        seconds, plan = planning(pages)
        planned.append(seconds)
        if len(plan.operations) != given.workspaces:
            raise RuntimeError("not every workspace was planned")
        del plan
    size = len(workspaces_page(1, given.workspaces)) / min(PAGE, given.workspaces)
    print(machine("msgspec"))
    print(f"{given.workspaces:,} workspaces of {size:,.0f} bytes, {given.runs} runs\n")
    print("| | seconds, median (range) | ÷ decoding |")
    print("|---|---|---|")
    print(f"| decoding the pages | {spread(decoded, '.2f')} | 1 |")
    ratios = [p / d for p, d in zip(planned, decoded, strict=True)]
    print(f"| deciding the plan | {spread(planned, '.2f')} | {spread(ratios, '.2f')} |")
    if (share := busy.share()) is not None:
        print(f"\nThe cores were {share:.0%} busy.")


if __name__ == "__main__":
    main()
