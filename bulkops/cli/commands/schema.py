"""``bulkops schema``: what a job file, or a line of ``--json``, may be; sends no request.

Apart from ``check``, which needs a tenth of what this imports.
"""

from __future__ import annotations

import click
import msgspec

from bulkops.cli.options import command
from bulkops.cli.output.printing import print_raw
from bulkops.events.schema import events_schema
from bulkops.job.schema import job_schema

OF = click.Argument(
    ["of"],
    type=click.Choice(["job", "events"]),
    default="job",
    help="Of a job file, or of a line that --json prints. [default: job]",
)


@command(OF)
def schema(*, of: str) -> None:
    """Print a JSON Schema, for editors and programs.

    A job file names its schema in its first line: #:schema ./job.schema.json
    Sends no request.

    \b
    Examples:
      bulkops schema > jobs/job.schema.json
      bulkops schema events
    """
    made = events_schema() if of == "events" else job_schema()
    text = msgspec.json.format(msgspec.json.encode(made), indent=2)
    print_raw((text.decode() + "\n",))
