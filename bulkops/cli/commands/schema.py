"""``bulkops schema``: the JSON Schema of a job or fleet file, or of a line of ``--json``.

Not in one module with ``check``, which needs a tenth of these imports.
"""

from __future__ import annotations

import click
import msgspec

from bulkops.cli.options import command
from bulkops.cli.output.printing import print_raw
from bulkops.events.schema import events_schema
from bulkops.fleet.schema import fleet_schema
from bulkops.job.schema import job_schema

OF = click.Argument(
    ["of"],
    type=click.Choice(["job", "fleet", "events"]),
    default="job",
    help="The schema of a job file, a fleet file, or a line that --json prints. [default: job]",
)
_SCHEMAS = {"job": job_schema, "fleet": fleet_schema, "events": events_schema}


@command(OF)
def schema(*, of: str) -> None:
    """Print a JSON Schema, for editors and programs.

    A job file may name its schema in its first line: #:schema ./job.schema.json

    Sends no request.

    \b
    Examples:
      bulkops schema > jobs/job.schema.json
      bulkops schema fleet
      bulkops schema events
    """
    text = msgspec.json.format(msgspec.json.encode(_SCHEMAS[of]()), indent=2)
    print_raw((text.decode() + "\n",))
