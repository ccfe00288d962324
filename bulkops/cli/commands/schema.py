"""``bulkops schema``: the JSON Schema of a job file, or of a line of ``--json``.

Not in one module with ``check``, which needs a tenth of these imports.
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
    help="The schema of a job file, or of a line that --json prints. [default: job]",
)


@command(OF)
def schema(*, of: str) -> None:
    """Print a JSON Schema, for editors and programs.

    A job file may name its schema in its first line: #:schema ./job.schema.json

    Sends no request.

    \b
    Examples:
      bulkops schema > jobs/job.schema.json
      bulkops schema events
    """
    document = events_schema() if of == "events" else job_schema()
    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    print_raw((text.decode() + "\n",))
