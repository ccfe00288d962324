"""``bulkops demo``: a simulated rollout that is killed half-way and resumes."""

from __future__ import annotations

import time

import click
from click.exceptions import Exit

from bulkops.cli.commands.demo.fleet import check_unused_by_fleets, whole_fleet
from bulkops.cli.commands.demo.rollout import one_job
from bulkops.cli.commands.demo.stage import check_unused, print_paragraph
from bulkops.cli.options import command
from bulkops.cli.output.printing import print_text
from bulkops.errors import ExitCode

THERE = click.Option(
    ["--journal"],
    metavar="URL",
    help="Keep the journal in object storage, at an unused address such as s3://bucket/demo, and "
    "resume on another machine. What is written there stays.",
)
FLEET = click.Option(
    ["--fleet"],
    is_flag=True,
    help="Roll out in four organizations, a canary first; one of them lacks a right.",
)


@command(FLEET, THERE)
def demo(*, fleet: bool, journal: str | None) -> None:
    """Watch a simulated rollout get killed and resume.

    Takes 20 to 40 seconds. Needs no credentials and no network, and leaves no files behind. With
    --journal it needs the bucket's, and what resumes has another folder and HOME than what was
    killed: all it knows is in the bucket.

    With --fleet, four organizations are one rollout, each with a token and a limit of its own.

    \b
    Examples:
      bulkops demo
      bulkops demo --fleet
      bulkops demo --journal s3://my-bucket/bulkops/demo
    """
    if journal and fleet:
        check_unused_by_fleets(journal)
    elif journal:
        check_unused(journal)
    started = time.monotonic()
    print_text(f"This takes about {20 + 10 * bool(journal) + 10 * fleet} s.")
    log_file = click.get_current_context().find_root().params["log_file"]
    ok = whole_fleet(journal, log_file) if fleet else one_job(journal, log_file)
    print_paragraph(f"Took {time.monotonic() - started:.0f} s.")
    raise Exit(ExitCode.DONE if ok else ExitCode.ERROR)
